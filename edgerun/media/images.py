"""Images from files, bytes, arrays and PIL, as uint8 [H, W, 3] blue-green-red, upright; frames of videos."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgerun.errors import InputError
from edgerun.media import decoding, isobmff, pixels
from edgerun.media.pixels import ArrayColor, Image
from edgerun.media.videos import frames

__all__ = [
    "HEIC_HINT",
    "HEIC_SUFFIXES",
    "SUFFIXES",
    "VIDEO_SUFFIXES",
    "ArrayColor",
    "Image",
    "as_bgr",
    "decode",
    "frames",
    "read",
    "write",
]

SUFFIXES = frozenset(
    [".avif", ".bmp", ".dib", ".gif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".pxm"]
) | frozenset([".jfif", ".ras", ".sr", ".tif", ".tiff", ".webp"])
"""Files that a folder is searched for; a file that is named is tried whatever its suffix.

Those of OpenCV 5.0.0 (modules/imgcodecs, imread), and .jfif, which are JPEG. Left out are .exr, .hdr, .pfm and .pic,
whose values have no upper end.
"""
VIDEO_SUFFIXES = frozenset([".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"])
HEIC_SUFFIXES = frozenset([".heic", ".heif", ".hif"])

HEIF = frozenset([b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"])
"""Brands of HEIC: ISO/IEC 23008-12:2022, annex B."""
AVIF = frozenset([b"avif", b"avis"])
"""Brands of AVIF, which has some of HEIC's too: AV1 Image File Format 1.2.0, 6."""

HEIC_HINT = "convert HEIC to JPEG first: `heif-convert IN.heic OUT.jpg` (libheif), or `sips -s format jpeg` on a Mac"


def read(path: str | Path) -> Image:
    """An image from a file, turned upright by its EXIF orientation.

    Raises:
        InputError: missing, a folder, empty, corrupt or not an image.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder, not an image.", hint="name an image in it")
    try:
        encoded = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"There is no image {path}.", hint="check the path") from None
    except OSError as cause:
        raise InputError(f"{path} cannot be read: {cause.strerror}.", hint="check its permissions") from cause
    return decode(encoded, str(path))


def decode(encoded: bytes, name: str = "the image") -> Image:
    """An image from the bytes of a file (JPEG, PNG, WebP …), turned upright by its EXIF orientation.

    Raises:
        InputError: empty, corrupt or of an unknown kind.
    """
    if not encoded:
        raise InputError(f"{name} is empty (0 bytes).", hint="copy it again")
    try:
        image = decoding.decoded(encoded)
    except cv2.error as cause:
        raise InputError(f"{name} cannot be decoded: {cause.err}.", hint="check that it opens elsewhere") from cause
    except InputError as cause:
        raise InputError(f"{name} cannot be used: {cause.message}", hint="convert it to a JPEG or PNG") from cause
    if image is None:
        raise _not_decoded(encoded, name)
    return image


def _not_decoded(encoded: bytes, name: str) -> InputError:
    brands = isobmff.brands(encoded)
    if brands & HEIF and not brands & AVIF:
        return InputError(f"{name} is a HEIC image, which OpenCV does not read.", hint=HEIC_HINT)
    message = f"{name} is not an image that OpenCV reads right, or it is damaged."
    hint = "check that it opens elsewhere, and convert it to a JPEG or PNG"
    if find_spec("PIL") is None:
        hint += "; or: pip install pillow, which reads more kinds"
    return InputError(message, hint=hint)


def as_bgr(image: Any, color: ArrayColor = "bgr") -> Image:
    """Any image as uint8 [H, W, 3] blue-green-red.

    Args:
        image: a path, the bytes of a file, a PIL image, or an array: uint8 (0..255), uint16 (0..65535) or
            float (0..1), [H, W], [H, W, 1], [H, W, 3] or [H, W, 4]. Transparent parts become white.
        color: the order of an array's channels. Files and PIL images know theirs.

    Raises:
        InputError: not an image.
    """
    if isinstance(image, np.ndarray):
        return pixels.from_array(image, color)
    if isinstance(image, (str, Path)):
        return read(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return decode(bytes(image))
    if hasattr(image, "getexif") and hasattr(image, "convert"):
        return pixels.from_pil(image)
    raise InputError(
        f"A {type(image).__name__} is not an image.", hint="pass a path, bytes, a numpy array or a PIL image"
    )


def write(path: str | Path, image: Image) -> None:
    """Write an image; the suffix gives the kind.

    Raises:
        InputError: the suffix is unknown or the file cannot be written.
    """
    path = Path(path)
    encoded = _encoded(path.suffix.lower() or ".jpg", image)
    if encoded is None:
        raise InputError(f"{path} has a suffix that no image can be written as.", hint="use .jpg or .png")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded)
    except OSError as cause:
        raise InputError(f"{path} cannot be written: {cause.strerror}.", hint="choose another folder") from cause


def _encoded(suffix: str, image: Image) -> bytes | None:
    """The bytes of a file; None where OpenCV does not write this kind."""
    try:
        good, encoded = cv2.imencode(suffix, image)
    except cv2.error:
        return None
    return encoded.tobytes() if good else None
