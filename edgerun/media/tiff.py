"""Numbers in the first directory of a TIFF, which EXIF blocks are too.

Sources: TIFF 6.0 (1992), section 2; BigTIFF (libtiff 4.7, doc/specification/bigtiff.rst).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

__all__ = ["BITS", "EXTRA", "ORIENTATION", "PHOTOMETRIC", "PLANAR", "SAMPLES", "first_numbers"]

BITS = 258
PHOTOMETRIC = 262
ORIENTATION = 274
SAMPLES = 277
PLANAR = 284
EXTRA = 338
"""Tags: bits of a sample, what the colours mean, turning, samples of a pixel, whether they lie apart, extra samples."""

INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q"}
"""Types of integers -> their letters in `struct`."""

ORDERS = {b"II": "<", b"MM": ">"}
BIG = 43
"""The version that says BigTIFF."""


def first_numbers(data: bytes) -> dict[int, int]:
    """Tag -> its first value, for tags of integers; {} where the data is no TIFF, and what precedes damage."""
    numbers: dict[int, int] = {}
    order = ORDERS.get(data[:2])
    if order is None:
        return numbers
    try:
        for tag, value in _entries(data, order):
            numbers.setdefault(tag, value)
    except struct.error:
        return numbers
    return numbers


def _entries(data: bytes, order: str) -> Iterator[tuple[int, int]]:
    """(tag, first value) of the entries of the first directory.

    Raises:
        struct.error: the data ends before.
    """
    (version,) = struct.unpack_from(f"{order}H", data, 2)
    offset, counter = ("Q", "Q") if version == BIG else ("I", "H")
    width = struct.calcsize(offset)
    (start,) = struct.unpack_from(order + offset, data, width)
    (count,) = struct.unpack_from(order + counter, data, min(start, len(data)))
    first = start + struct.calcsize(counter)
    step = 4 + 2 * width
    for entry in range(first, min(first + step * count, len(data)), step):
        tag, kind, values = struct.unpack_from(f"{order}HH{offset}", data, entry)
        if kind not in INTEGERS:
            continue
        place = entry + 4 + width
        if values * struct.calcsize(f"={INTEGERS[kind]}") > width:  # too many to lie in the entry
            place = min(struct.unpack_from(order + offset, data, place)[0], len(data))
        yield tag, int(struct.unpack_from(order + INTEGERS[kind], data, place)[0])
