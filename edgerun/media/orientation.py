"""How an image file says that it must be turned, whatever its container, and the turning.

JPEG, PNG and WebP carry EXIF, or XMP where that says nothing; AVIF has properties of its own, and its EXIF does not
count. TIFF is missing here: OpenCV turns it whenever it decodes one.
Sources: CIPA DC-008-2023 (EXIF 3.0), 4.6.5; PNG third edition, 11.3.3.2 (eXIf); RFC 9649 (WebP), 2.7.1.5;
ISO/IEC 23008-12:2022, 6.5.10 and 6.5.12 (irot, imir); Pillow 13.0.0, Image.getexif (XMP, and PNG's text profile).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import cv2
from numpy.typing import NDArray

from edgerun.media import isobmff, tiff

__all__ = ["orientation", "png_chunks", "upright"]

STEPS = {
    2: (False, 1),
    3: (False, -1),
    4: (False, 0),
    5: (True, None),
    6: (True, 1),
    7: (True, -1),
    8: (True, 0),
}
"""EXIF orientation -> (whether rows and columns are exchanged first, how `cv2.flip` mirrors then)."""

EXIF_HEADER = b"Exif\0\0"
XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
XMP_PATTERN = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
PNG_PROFILE = b"Raw profile type exif\0"
PNG_XMP = b"XML:com.adobe.xmp\0"

JPEG_START_OF_SCAN = 0xDA
JPEG_WITHOUT_LENGTH = frozenset([0x01, *range(0xD0, 0xD9)])

MAX_PROFILE = 1 << 20
"""Bytes of a compressed EXIF profile that are looked at."""


def orientation(encoded: bytes) -> int:
    """The EXIF orientation of a file, 1 (upright) to 8; 1 where it says none, or nothing valid.

    Args:
        encoded: the bytes of an image file.
    """
    for signature, read in _READERS.items():
        if encoded.startswith(signature):
            value = read(encoded)
            return value if value in STEPS else 1
    return isobmff.orientation(encoded)


def upright(image: NDArray[Any], value: int) -> NDArray[Any]:
    """The pixels [H, W] or [H, W, C] as they are to be seen; [W, H] where the orientation is 5 to 8."""
    if value not in STEPS:
        return image
    exchanged, mirrored = STEPS[value]
    if exchanged:
        image = cv2.transpose(image)
    return image if mirrored is None else cv2.flip(image, mirrored)


def _of_jpeg(encoded: bytes) -> int | None:
    exif = xmp = None
    for segment in _jpeg_applications(encoded):
        if segment.startswith(EXIF_HEADER) and exif is None:
            exif = segment
        elif segment.startswith(XMP_HEADER):
            xmp = segment
    return _agreed(exif, xmp)


def _jpeg_applications(encoded: bytes) -> Iterator[bytes]:
    """The contents of APP1, before the first scan."""
    place = 2
    while encoded[place : place + 1] == b"\xff" and place + 4 <= len(encoded):
        marker = encoded[place + 1]
        if marker == 0xFF:  # padding
            place += 1
        elif marker in JPEG_WITHOUT_LENGTH:
            place += 2
        elif marker == JPEG_START_OF_SCAN:
            return
        else:
            length = int.from_bytes(encoded[place + 2 : place + 4], "big")
            if marker == 0xE1:
                yield encoded[place + 4 : place + 2 + length]
            place += 2 + max(length, 2)


def _of_png(encoded: bytes) -> int | None:
    exif = profile = xmp = None
    for kind, content in png_chunks(encoded):
        if kind == b"eXIf":
            exif = content
        elif content.startswith(PNG_PROFILE):
            profile = _png_profile(kind, content.removeprefix(PNG_PROFILE))
        elif content.startswith(PNG_XMP):
            xmp = content
    return _agreed(profile if exif is None else exif, xmp)


def png_chunks(encoded: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of the chunks of a PNG, in their order."""
    place = 8
    while place + 12 <= len(encoded):
        length = int.from_bytes(encoded[place : place + 4], "big")
        yield encoded[place + 4 : place + 8], encoded[place + 8 : place + 8 + length]
        place += 12 + length


def _png_profile(kind: bytes, content: bytes) -> bytes:
    """EXIF as text, which older writers keep in a chunk zTXt or tEXt: two lines of heading, then hexadecimal."""
    if kind == b"zTXt":
        try:
            content = zlib.decompressobj().decompress(content[1:], MAX_PROFILE)
        except zlib.error:
            return b""
    digits = b"".join(content.split(b"\n")[3:])
    try:
        return bytes.fromhex(digits.decode("ascii", "replace"))
    except ValueError:
        return b""


def _of_webp(encoded: bytes) -> int | None:
    chunks = dict(_riff_chunks(encoded)) if encoded[8:12] == b"WEBP" else {}
    return _agreed(chunks.get(b"EXIF"), chunks.get(b"XMP "))


def _riff_chunks(encoded: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12
    while place + 8 <= len(encoded):
        length = int.from_bytes(encoded[place + 4 : place + 8], "little")
        yield encoded[place : place + 4], encoded[place + 8 : place + 8 + length]
        place += 8 + length + length % 2


_READERS: dict[bytes, Callable[[bytes], int | None]] = {
    b"\xff\xd8": _of_jpeg,
    b"\x89PNG\r\n\x1a\n": _of_png,
    b"RIFF": _of_webp,
}
"""By how a file begins."""


def _agreed(exif: bytes | None, xmp: bytes | None) -> int | None:
    """What EXIF says; what XMP says where EXIF is silent."""
    value = None if exif is None else _of_exif(exif)
    if value is not None or xmp is None:
        return value
    found = XMP_PATTERN.search(xmp)
    return None if found is None else int(found.group(1))


def _of_exif(exif: bytes) -> int | None:
    """The orientation in the first directory of an EXIF block; None where there is none, or the block is damaged."""
    while exif.startswith(EXIF_HEADER):
        exif = exif.removeprefix(EXIF_HEADER)
    return tiff.first_numbers(exif).get(tiff.ORIENTATION)
