"""Boxes of ISO base media files (AVIF, HEIF, MP4): sizes, brands, and how an image in them is turned.

Sources: ISO/IEC 14496-12:2022, 4.2 and 12.1.5 (colr); ISO/IEC 23008-12:2022, 6.5.6 (pixi), 6.5.10 (irot),
6.5.12 (imir), 9.3 (ipma).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

__all__ = ["boxes", "brands", "depth", "is_full_range", "orientation", "primary_properties"]

TURNS = {
    (0, None): 1,
    (1, None): 8,
    (2, None): 3,
    (3, None): 6,
    (0, 0): 4,
    (1, 0): 5,
    (2, 0): 2,
    (3, 0): 7,
    (0, 1): 2,
    (1, 1): 7,
    (2, 1): 4,
    (3, 1): 5,
}
"""(quarters anticlockwise of irot, axis of imir: 0 exchanges top and bottom, 1 left and right) -> EXIF orientation."""

FULL = 4
"""Bytes of version and flags before the content of some boxes."""


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of the boxes that follow one another; the last is shorter where the data is cut."""
    place = 0
    while place + 8 <= len(data):
        size, kind, head = _number(data, place, 4), data[place + 4 : place + 8], 8
        if size == 1:
            size, head = _number(data, place + 8, 8), 16
        if size == 0:  # to the end
            size = len(data) - place
        if size < head:
            return
        yield kind, data[place + head : place + size]
        place += size


def brands(data: bytes) -> frozenset[bytes]:
    """The four letters of what the file says it is, such as avif or heic; empty for other files."""
    if data[4:8] != b"ftyp":
        return frozenset()
    content = next(boxes(data), (b"", b""))[1][:1024]
    return frozenset(content[place : place + 4] for place in range(0, len(content), 4) if place != 4)


def orientation(data: bytes) -> int:
    """How the primary image of an AVIF is to be turned, as EXIF counts it: 1 (upright) to 8."""
    own = dict(primary_properties(data))
    quarters = _first_byte(own, b"irot")
    mirrored = _first_byte(own, b"imir")
    return TURNS[(quarters or 0) & 3, None if mirrored is None else mirrored & 1]


def depth(data: bytes) -> int | None:
    """Bits of a channel of the primary image of an AVIF; None where it does not say."""
    channels = dict(primary_properties(data)).get(b"pixi", b"")[FULL:]
    return channels[1] if len(channels) > 1 else None


def is_full_range(data: bytes) -> bool:
    """Whether the samples of the primary image of an AVIF are said to use the whole range, 0 to 255 for 8 bits."""
    colours = (content for kind, content in primary_properties(data) if kind == b"colr" and content[:4] == b"nclx")
    return any(content[10] >> 7 == 1 for content in colours if len(content) > 10)


def primary_properties(data: bytes) -> list[tuple[bytes, bytes]]:
    """(kind, content) of what is said of the image that is shown; nothing for other files."""
    if not brands(data):
        return []
    meta = dict(boxes(dict(boxes(data)).get(b"meta", b"")[FULL:]))
    properties = dict(boxes(meta.get(b"iprp", b"")))
    primary = _primary(meta.get(b"pitm", b""))
    numbers = _associated(properties.get(b"ipma", b""), primary)
    return list(_numbered(properties.get(b"ipco", b""), numbers))


def _numbered(content: bytes, numbers: Sequence[int]) -> Iterator[tuple[bytes, bytes]]:
    """The boxes of these numbers, from 1."""
    for number, property_box in enumerate(boxes(content), 1):
        if number in numbers:
            yield property_box


def _first_byte(properties: Mapping[bytes, bytes], kind: bytes) -> int | None:
    content = properties.get(kind)
    return content[0] if content else None


def _primary(content: bytes) -> int:
    """Number of the item that is shown."""
    size = 4 if content[:1] > b"\0" else 2
    return _number(content, FULL, size)


def _associated(content: bytes, item: int) -> list[int]:
    """Numbers of the item's properties, from 1."""
    id_size = 4 if content[:1] > b"\0" else 2
    number_size = 1 + (_number(content, 3, 1) & 1)
    value = (1 << (8 * number_size - 1)) - 1  # the top bit says whether the property is essential
    place = FULL + 4
    while place < len(content):
        start = place + id_size + 1
        end = start + number_size * _number(content, start - 1, 1)
        if _number(content, place, id_size) == item:
            return [_number(content, step, number_size) & value for step in range(start, end, number_size)]
        place = end
    return []


def _number(content: bytes, place: int, size: int) -> int:
    return int.from_bytes(content[place : place + size], "big")
