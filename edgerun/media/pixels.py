"""Pixels of arrays and of PIL images as uint8 [H, W, 3] blue-green-red, opaque."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edgerun.errors import InputError
from edgerun.media import tiff

__all__ = ["CHANNELS", "ArrayColor", "Image", "as_uint8", "from_array", "from_pil", "narrowed", "over_white"]

Image: TypeAlias = NDArray[np.uint8]
ArrayColor: TypeAlias = Literal["bgr", "rgb"]

CHANNELS = ((), (1,), (3,), (4,))
"""What may follow height and width in an array's shape: nothing, grey, three colours, or these and an alpha."""

TRANSPARENT_MODES = frozenset(["LA", "La", "PA", "RGBA", "RGBa"])
"""Modes of PIL images with an alpha."""

DEEP_MODES = frozenset(["F", "I", "I;16", "I;16B", "I;16L", "I;16N"])
"""Modes of PIL images with one channel of 16 or 32 bits, which PIL clips to 0..255 where it converts them.

Source: Pillow 13.0.0, handbook/concepts.html#modes.
"""


def from_array(image: NDArray[Any], color: ArrayColor = "bgr") -> Image:
    """An array as uint8 [H, W, 3] blue-green-red.

    Args:
        image: uint8 (0..255), uint16 (0..65535), bool or float (0..1), [H, W], [H, W, 1], [H, W, 3] or [H, W, 4].
            Transparent parts become white.
        color: the order of its channels.

    Raises:
        InputError: its shape, type or values are not those of an image.
    """
    pixels = as_uint8(image)
    if image.shape[2:] in CHANNELS[:2]:
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_GRAY2BGR), np.uint8)
    if image.shape[2] == 4:
        pixels = over_white(pixels)
    if color == "rgb":
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2BGR), np.uint8)
    return pixels


def over_white(image: Image, *, premultiplied: bool = False) -> Image:
    """Three colours and an alpha, uint8 [H, W, 4], laid over white: uint8 [H, W, 3].

    Args:
        image: the pixels.
        premultiplied: whether the colours are already weighted by the alpha.
    """
    alpha = image[..., 3:].astype(np.float32) / np.float32(255)
    weight = np.float32(1) if premultiplied else alpha
    blended = image[..., :3] * weight + (1 - alpha) * np.float32(255)
    return np.asarray(np.rint(np.minimum(blended, 255)), np.uint8)


def as_uint8(image: NDArray[Any]) -> Image:
    """An array of any type that `from_array` takes, with the channels that it has.

    Raises:
        InputError: its shape, type or values are not those of an image.
    """
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


def from_pil(image: Any) -> Image:
    """A PIL image as uint8 [H, W, 3] blue-green-red, turned upright by its EXIF orientation.

    Transparent parts become white. Values of 16 and 32 bits are scaled as those of an array are.

    Raises:
        InputError: it is damaged, or its values are not those of an image.
    """
    from PIL import ImageOps

    try:
        _load(image)
        upright = ImageOps.exif_transpose(image)
    except OSError as cause:
        raise InputError(f"The PIL image cannot be read: {cause}.", hint="check that its file is whole") from cause
    if upright.mode in DEEP_MODES:
        return from_array(_deep_values(upright, image))
    transparent = upright.mode in TRANSPARENT_MODES or "transparency" in upright.info
    return from_array(np.asarray(upright.convert("RGBA" if transparent else "RGB")), "rgb")


def _load(image: Any) -> None:
    """Read the pixels of a TIFF without mapping its file into memory.

    Pillow 13.0.0 maps an uncompressed one with its sides exchanged where its orientation is 5 to 8.
    """
    name = getattr(image, "filename", "")
    if image.format == "TIFF" and name:
        image.filename = ""
        try:
            image.load()
        finally:
            image.filename = name


def _deep_values(image: Any, source: Any) -> NDArray[Any]:
    """The values of one channel, [H, W]: uint16, or floats; a grey that is transparent becomes white.

    Args:
        image: upright, of one of `DEEP_MODES`.
        source: as it was opened, with what its file says.
    """
    values = np.asarray(image)
    if image.mode == "I":
        values = narrowed(values, is_of_file=source.format is not None)
    (bits, *_) = getattr(source, "tag_v2", {}).get(tiff.BITS, (16,))
    if image.mode != "F" and bits < 16:  # Pillow 13.0.0 gives 12 bits of a TIFF as they are
        values = values / np.float32((1 << bits) - 1)
    clear = image.info.get("transparency")
    return np.where(values == clear, np.uint16(65535), values) if isinstance(clear, int) else values


def narrowed(values: NDArray[Any], *, is_of_file: bool) -> NDArray[np.uint16]:
    """Integers of 32 bits as 16: they have no range of their own; files use 0..65535, and PIL's `convert` 0..255.

    Raises:
        InputError: they lie in neither, or may lie in both.
    """
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    if low < 0 or high > 65535:
        raise InputError(
            f"An image of 32 bits (mode I of PIL) must lie in 0..65535; this one goes from {low} to {high}.",
            hint="scale its values, and pass a numpy array of uint8 or uint16",
        )
    if 0 < high <= 255 and not is_of_file:
        raise InputError(
            f"A PIL image of mode I whose values end at {high} may have 8 bits a pixel, or 16 and be nearly black.",
            hint='pass image.convert("L") for values in 0..255, or numpy.asarray(image, "uint16") for 0..65535',
        )
    return values.astype(np.uint16)
