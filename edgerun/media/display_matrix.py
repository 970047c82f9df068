"""How the picture of an MP4 or MOV is to be turned or mirrored, by the matrix of its track.

Phones of some makers mirror what their front camera films. Players heed that; OpenCV 5.0.0 turns such videos by half or
leaves them as they are (cap_ffmpeg_impl.hpp, get_rotation_angle).
Source: ISO/IEC 14496-12:2022, 6.2.2 (matrices), 8.3.2 (tkhd), 8.4.3 (hdlr).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from edgerun.media import isobmff

__all__ = ["MIRRORED", "orientation"]

ORIENTATIONS = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}
"""Signs of a, b, c, d in x' = a x + c y, y' = b x + d y -> what EXIF calls the same."""

MIRRORED = frozenset([2, 4, 5, 7])
"""Orientations that no turning alone gives."""

MATRIX = {0: 40, 1: 52}
"""Version of tkhd -> where its matrix begins."""

MAX_MOVIE = 1 << 26
"""Bytes of the box moov that are looked at; it has a few for each frame."""
MAX_BOXES = 1 << 10
"""Boxes before it."""


def orientation(path: str | Path) -> int:
    """The turning of the first video track, as EXIF counts it: 1 (upright) to 8; 1 for other files.

    Raises:
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as file:
        movie = _movie(file)
    for track in _all(movie, b"trak"):
        parts = dict(isobmff.boxes(track))
        handler = dict(isobmff.boxes(parts.get(b"mdia", b""))).get(b"hdlr", b"")
        if handler[8:12] == b"vide":
            return _of_header(parts.get(b"tkhd", b""))
    return 1


def _movie(file: BinaryIO) -> bytes:
    """The content of the box moov; empty where there is none."""
    for _ in range(MAX_BOXES):
        head = file.read(8)
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        rest = size - 8
        if size == 1:  # the size follows in eight bytes
            rest = int.from_bytes(file.read(8), "big") - 16
        if kind == b"moov":
            return file.read(min(max(rest, 0), MAX_MOVIE))
        if rest < 0 or len(head) < 8:
            break
        file.seek(rest, 1)
    return b""


def _all(content: bytes, kind: bytes) -> Iterator[bytes]:
    return (inner for name, inner in isobmff.boxes(content) if name == kind)


def _of_header(content: bytes) -> int:
    """What tkhd says; 1 where it says a matrix of another kind."""
    place = MATRIX.get(content[0], len(content)) if content else 0
    if place + 20 > len(content):
        return 1
    a, b, _, c, d = struct.unpack_from(">5i", content, place)
    signs = tuple((value > 0) - (value < 0) for value in (a, b, c, d))
    return ORIENTATIONS.get(signs, 1)
