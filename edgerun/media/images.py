"""Images from files, bytes, arrays and PIL, as uint8 [H, W, 3] blue-green-red, upright; frames of videos."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edgerun.errors import InputError

__all__ = ["SUFFIXES", "VIDEO_SUFFIXES", "ArrayColor", "Image", "as_bgr", "decode", "frames", "read", "write"]

Image: TypeAlias = NDArray[np.uint8]
ArrayColor: TypeAlias = Literal["bgr", "rgb"]

SUFFIXES = frozenset([".avif", ".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"])
"""Files that a folder is searched for; a file that is named is tried whatever its suffix."""
VIDEO_SUFFIXES = frozenset([".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"])

CHANNELS = ((), (1,), (3,), (4,))
"""What may follow height and width in an array's shape: nothing, grey, three colours, or these and an alpha."""

JPEG = b"\xff\xd8"
"""How every JPEG begins."""


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
        image = _decoded(encoded)
    except cv2.error as cause:
        raise InputError(f"{name} cannot be decoded: {cause.err}.", hint="check that it opens elsewhere") from cause
    if image is None:
        raise InputError(
            f"{name} is not an image that OpenCV can read, or it is damaged.", hint="check that it opens elsewhere"
        )
    return as_bgr(image)


def _decoded(encoded: bytes) -> NDArray[Any] | None:
    """What OpenCV decodes, with its alpha where there is one, else upright; None where it cannot."""
    data = np.frombuffer(encoded, np.uint8)
    if not encoded.startswith(JPEG):  # which is never transparent
        as_stored = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)  # alone keeps an alpha
        if as_stored is not None and as_stored.shape[2:] == (4,):
            return as_stored
    return cv2.imdecode(data, cv2.IMREAD_COLOR)  # alone honours the EXIF orientation


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
        return _opaque_bgr(_as_uint8(image), color)
    if isinstance(image, (str, Path)):
        return read(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return decode(bytes(image))
    if hasattr(image, "getexif") and hasattr(image, "convert"):
        return _from_pil(image)
    raise InputError(
        f"A {type(image).__name__} is not an image.", hint="pass a path, bytes, a numpy array or a PIL image"
    )


def _as_uint8(image: NDArray[Any]) -> Image:
    if image.ndim < 2 or image.shape[2:] not in CHANNELS:
        raise InputError(f"An array of shape {list(image.shape)} is not an image.", hint=_shape_hint(image.shape))
    if 0 in image.shape:
        raise InputError(f"The image has no pixels: its shape is {list(image.shape)}.", hint="check where it is read")
    convert = _CONVERSIONS.get(image.dtype.char)
    if convert is None:
        raise InputError(f"An image of {image.dtype} is not understood.", hint="pass uint8, uint16 or floats in 0..1")
    return convert(image)


def _shape_hint(shape: tuple[int, ...]) -> str:
    hint = "pass [height, width] or [height, width, 1, 3 or 4 channels]"
    if shape[:-2] in CHANNELS[1:]:
        hint += "; this one has its channels first: transpose it with image.transpose(1, 2, 0)"
    return hint


def _from_uint8(image: NDArray[Any]) -> Image:
    return image


def _from_bool(image: NDArray[Any]) -> Image:
    return np.asarray(image.astype(np.uint8) * np.uint8(255), np.uint8)


def _from_uint16(image: NDArray[Any]) -> Image:
    return np.asarray(np.rint(image / np.float32(257)), np.uint8)


def _from_floats(image: NDArray[Any]) -> Image:
    low, high = float(image.min()), float(image.max())
    if not (low >= 0 and high <= 1):
        raise InputError(
            f"An image of floats must lie in 0..1; this one goes from {low:g} to {high:g}.",
            hint="divide by 255, or pass uint8",
        )
    return np.asarray(np.rint(image * 255), np.uint8)


_CONVERSIONS: Mapping[str, Callable[[NDArray[Any]], Image]] = {
    "B": _from_uint8,
    "?": _from_bool,
    "H": _from_uint16,
    "e": _from_floats,
    "f": _from_floats,
    "d": _from_floats,
    "g": _from_floats,
}
"""By the character of numpy's dtype."""


def _opaque_bgr(image: Image, color: ArrayColor) -> Image:
    if image.shape[2:] in CHANNELS[:2]:
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_GRAY2BGR), np.uint8)
    if image.shape[2] == 4:
        alpha = image[..., 3:].astype(np.float32) / 255
        over_white = image[..., :3].astype(np.float32) * alpha + (1 - alpha) * 255
        image = np.rint(over_white).astype(np.uint8)
    if color == "rgb":
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2BGR), np.uint8)
    return image


def _from_pil(image: Any) -> Image:
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    transparent = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
    return as_bgr(np.asarray(upright.convert("RGBA" if transparent else "RGB")), "rgb")


def frames(source: str | Path | int) -> Iterator[Image]:
    """The frames of a video file or of a camera (its number).

    Raises:
        InputError: it cannot be opened, or a video ends before its last frame.
    """
    is_camera = isinstance(source, int)
    capture = cv2.VideoCapture(source if isinstance(source, int) else str(source))
    try:
        if not capture.isOpened():
            raise _not_opened(source)
        expected = 0 if is_camera else int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        count = 0
        good, frame = capture.read()
        while good:
            count += 1
            yield as_bgr(frame)
            good, frame = capture.read()
        # a container may promise a frame or two more than it holds; a tenth less is a cut file
        if count == 0 or count < expected * 0.9 - 1:
            raise InputError(
                f"The video {source} ends after {count} of {expected} frames.", hint="copy it again; it is cut off"
            )
    finally:
        capture.release()


def _not_opened(source: str | Path | int) -> InputError:
    if isinstance(source, int):
        hint = "check its number, and that nothing else uses it"
        return InputError(f"Camera {source} cannot be opened.", hint=hint)
    return InputError(f"The video {source} cannot be opened.", hint="check that it plays elsewhere")


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
