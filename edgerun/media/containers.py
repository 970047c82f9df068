"""What the container of a video says of itself: whether it counts its frames, and whether the file is all there.

Matroska and WebM say how long they last and not how many frames they hold; OpenCV then multiplies by the nominal rate,
which is far from the truth where frames come at an uneven pace.
Sources: OpenCV 5.0.0, modules/videoio/src/cap_ffmpeg_impl.hpp, get_total_frames; RFC 8794 (EBML), 4 and 6.2;
RFC 9559 (Matroska), 5.1.3; ISO/IEC 14496-12:2022, 4.2 and 8.8.4 (moof); OpenDML AVI 1.02 (RIFF after RIFF).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

__all__ = ["Container", "examine"]

EBML = b"\x1a\x45\xdf\xa3"
SEGMENT = b"\x18\x53\x80\x67"
MAX_BOXES = 1 << 20
"""Boxes of a file that are walked through."""


class Container(NamedTuple):
    """What is known of the file of a video.

    Attributes:
        counts_frames: whether it says how many frames it holds.
        end: bytes that it should have at least; None where it does not say.
        size: bytes that it has.
    """

    counts_frames: bool
    end: int | None
    size: int

    @property
    def is_truncated(self) -> bool:
        """Whether bytes are missing at its end."""
        return self.end is not None and self.end > self.size

    @property
    def is_whole(self) -> bool:
        """Whether it says how long it is, and is."""
        return self.end is not None and self.end <= self.size


def examine(path: str | Path) -> Container:
    """Look at the outermost structure of a video file.

    Raises:
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        head = file.read(12)
        size = file.seek(0, 2)
        for place, mark, read in _KINDS:
            if head[place:].startswith(mark):
                file.seek(0)
                counts_frames, end = read(file, size)
                return Container(counts_frames, end, size)
    return Container(False, None, size)


def _matroska(file: BinaryIO, size: int) -> tuple[bool, int | None]:
    file.seek(len(EBML))
    header = _ebml_size(file)
    if header is None:
        return False, None
    file.seek(header, 1)
    if file.read(len(SEGMENT)) != SEGMENT:
        return False, None
    segment = _ebml_size(file)
    return False, None if segment is None else file.tell() + segment


def _ebml_size(file: BinaryIO) -> int | None:
    """A number of one to eight bytes, the first of which has as many zero bits in front; None: unknown, all ones."""
    first = file.read(1)
    if first in (b"", b"\0"):
        return None
    length = 9 - first[0].bit_length()
    number = int.from_bytes(first + file.read(length - 1), "big") & ((1 << 7 * length) - 1)
    return None if number == (1 << 7 * length) - 1 else number


def _iso(file: BinaryIO, size: int) -> tuple[bool, int | None]:
    """Boxes one after another; a file of fragments counts no frames."""
    end, counts_frames = 0, True
    for _ in range(MAX_BOXES):
        if end + 8 > size:
            break
        file.seek(end)
        length, kind = int.from_bytes(file.read(4), "big"), file.read(4)
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        if length < 8:  # 0: to the end of the file
            break
        counts_frames &= kind != b"moof"
        end += length
    return counts_frames, end or None


def _avi(file: BinaryIO, size: int) -> tuple[bool, int | None]:
    """RIFF chunks one after another, each of a gigabyte at most."""
    end = 0
    while end + 12 <= size:
        file.seek(end)
        kind, length = file.read(4), int.from_bytes(file.read(4), "little")
        if kind != b"RIFF" or length == 0:  # recorders that crash leave 0
            break
        end += 8 + length + length % 2
    return True, end or None


_KINDS: tuple[tuple[int, bytes, Callable[[BinaryIO, int], tuple[bool, int | None]]], ...] = (
    (0, EBML, _matroska),
    (4, b"ftyp", _iso),
    (4, b"moov", _iso),
    (4, b"mdat", _iso),
    (4, b"wide", _iso),
    (0, b"RIFF", _avi),
)
"""(place, letters there, reader)."""
