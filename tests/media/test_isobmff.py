"""Boxes of AVIF and MP4, and how an image in them is turned."""

from __future__ import annotations

import struct

import pytest

from edgerun.media import isobmff


def box(kind: bytes, *contents: bytes) -> bytes:
    """A box of ISO media."""
    content = b"".join(contents)
    return struct.pack(">I", 8 + len(content)) + kind + content


def avif(*properties: bytes, item: int = 1, wide: bool = False) -> bytes:
    """An AVIF's head whose primary item has all of these properties; a thumbnail before it has the first alone."""
    number = (lambda value: struct.pack(">H", 0x8000 | value)) if wide else (lambda value: bytes([0x80 | value]))
    all_of_them = b"".join(number(place) for place in range(1, len(properties) + 1))
    associations = struct.pack(">H", item + 1) + b"\x01" + number(1)
    associations += struct.pack(">H", item) + bytes([len(properties)]) + all_of_them
    ipma = box(b"ipma", bytes([0, 0, 0, int(wide)]), struct.pack(">I", 2), associations)
    iprp = box(b"iprp", box(b"ipco", *properties), ipma)
    meta = box(b"meta", bytes(4), box(b"pitm", bytes(4), struct.pack(">H", item)), iprp)
    return box(b"ftyp", b"avif\0\0\0\0", b"mif1") + meta


SIZE = box(b"ispe", bytes(12))


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(
    ("quarters", "axis", "value"),
    [
        (None, None, 1),
        (0, None, 1),
        (1, None, 8),
        (2, None, 3),
        (3, None, 6),
        (None, 0, 4),
        (None, 1, 2),
        (1, 0, 5),
        (3, 0, 7),
        (1, 1, 7),
        (3, 1, 5),
    ],
)
def test_rotation_and_mirror_are_one_exif_orientation(wide, quarters, axis, value):
    """ISO/IEC 23008-12:2022: irot counts quarters anticlockwise; imir, applied after it, exchanges top and bottom (0)
    or left and right (1)."""
    properties = [SIZE]
    if quarters is not None:
        properties.append(box(b"irot", bytes([quarters])))
    if axis is not None:
        properties.append(box(b"imir", bytes([axis])))
    assert isobmff.orientation(avif(*properties, wide=wide)) == value


def test_the_turn_of_another_item_does_not_count():
    thumbnail_only = avif(box(b"irot", b"\x01")).replace(b"\x00\x01\x01\x81", b"\x00\x01\x00\x81")
    assert isobmff.orientation(thumbnail_only) == 1


def test_what_is_damaged_is_upright():
    whole = avif(SIZE, box(b"irot", b"\x01"))
    assert isobmff.orientation(whole) == 8
    for length in range(0, len(whole) - 1, 7):
        assert isobmff.orientation(whole[:length]) in (1, 8)
    assert isobmff.orientation(whole.replace(b"\x81\x82", b"\x81\xff")) == 1  # a property that is not there


def test_brands_are_read():
    assert isobmff.brands(avif(SIZE)) == {b"avif", b"mif1"}
    assert isobmff.brands(b"\x89PNG\r\n\x1a\n") == frozenset()


def test_sizes_of_boxes():
    long = struct.pack(">I4sQ", 1, b"mdat", 20) + b"abcd"
    assert list(isobmff.boxes(box(b"free", b"xy") + long + struct.pack(">I", 0) + b"lastrest")) == [
        (b"free", b"xy"),
        (b"mdat", b"abcd"),
        (b"last", b"rest"),
    ]
    assert list(isobmff.boxes(struct.pack(">I", 3) + b"tiny")) == []
