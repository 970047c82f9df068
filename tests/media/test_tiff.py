"""Numbers of the first directory: TIFF 6.0, section 2, and BigTIFF."""

from __future__ import annotations

import struct

import pytest

from edgerun.media import tiff


def classic(order: str, *entries: tuple[int, int, int, bytes]) -> bytes:
    head = b"II*\0" if order == "<" else b"MM\0*"
    packed = b"".join(
        struct.pack(f"{order}HHI", tag, kind, count) + value.ljust(4, b"\0") for tag, kind, count, value in entries
    )
    return head + struct.pack(f"{order}IH", 8, len(entries)) + packed + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_first_value_of_each_tag(order):
    far = struct.pack(f"{order}I", 80)
    data = classic(
        order,
        (tiff.SAMPLES, 3, 1, struct.pack(f"{order}H", 3)),
        (tiff.BITS, 3, 3, far),
        (305, 2, 4, b"abc\0"),
        (tiff.SAMPLES, 3, 1, struct.pack(f"{order}H", 9)),
    )
    data = data.ljust(80, b"\0") + struct.pack(f"{order}3H", 12, 12, 12)
    assert tiff.first_numbers(data) == {tiff.SAMPLES: 3, tiff.BITS: 12}


def test_bigtiff():
    entry = struct.pack("<HHQ", tiff.ORIENTATION, 3, 1) + struct.pack("<H6x", 6)
    bits = struct.pack("<HHQ", tiff.BITS, 3, 4) + struct.pack("<4H", 16, 16, 16, 16)
    data = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2) + bits + entry
    assert tiff.first_numbers(data) == {tiff.ORIENTATION: 6, tiff.BITS: 16}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"II+\0\x08\0\0\0" + b"\xff" * 8,
        b"no TIFF at all",
        classic("<", (tiff.BITS, 3, 3, b"\xff\xff\xff\xff")),
    ],
)
def test_damage_says_nothing(data):
    assert tiff.first_numbers(data) == {}
