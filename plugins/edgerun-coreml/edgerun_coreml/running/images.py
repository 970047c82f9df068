"""Images in and out of a model: PIL images, in the modes that coremltools' MLModel takes.

A model computes on float32 [1, C, H, W]: 0..255 in the declared order of channels. PIL is imported only when
the model has images, and only here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from edgerun_coreml.file.feature_types import ImageType

if TYPE_CHECKING:
    from PIL import Image

Array = npt.NDArray[Any]

MODES: Final = {"rgb": "RGB", "bgr": "RGB", "grayscale": "L", "grayscale_float16": "F"}
"""Declared colour space to the mode of the PIL image that is taken; BGR models take RGB images, too."""

_SHOWN: Final = {"rgb": "RGB/BGR", "bgr": "RGB/BGR", "grayscale": "GRAYSCALE", "grayscale_float16": "GRAYSCALE_FLOAT16"}


def to_array(value: object, name: str, kind: ImageType) -> Array:
    """A PIL image as float32 [1, C, H, W], 0..255, in the declared order of channels.

    Raises TypeError for anything but a PIL image of the right mode. Its size is looked at by `check_size`.
    """
    image = _checked(value, name, kind)
    pixels = np.asarray(image)
    if kind.color == "grayscale_float16":
        return pixels.astype(np.float16).astype(np.float32)[None, None]
    if kind.color == "grayscale":
        return pixels.astype(np.float32)[None, None]
    if kind.color == "bgr":
        pixels = pixels[..., ::-1]
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32)


def _checked(value: object, name: str, kind: ImageType) -> Image.Image:
    mode = MODES[kind.color]
    try:
        from PIL import Image
    except ImportError:
        raise TypeError(f"image input '{name}' must be a PIL image, and Pillow is not installed") from None
    if not isinstance(value, Image.Image):
        raise TypeError(f"Image input, '{name}' must be of type PIL.Image.Image in the input dict")
    if value.mode != mode:
        shown = _SHOWN[kind.color]
        raise TypeError(
            f"{shown} image input, '{name}', must be of type PIL.Image.Image with mode=='{mode}', not '{value.mode}'"
        )
    return value


def check_size(array: Array, name: str, kind: ImageType) -> None:
    """Raise RuntimeError for an image [1, C, H, W] that the model does not take: nothing is resized."""
    if array.ndim != 4 or array.shape[:2] != (1, kind.channels):
        raise RuntimeError(f"image input '{name}' has the shape {array.shape}, not (1, {kind.channels}, H, W)")
    height, width = array.shape[2:]
    if not kind.allows(width, height):
        raise RuntimeError(f"image input '{name}' is {width} x {height}, the model takes {sizes(kind)}")


def sizes(kind: ImageType) -> str:
    """The sizes that an image may have, in words; width first."""
    if kind.sizes:
        return "one of " + ", ".join(f"{width} x {height}" for width, height in kind.sizes)
    if kind.width_range is not None and kind.height_range is not None:
        parts = (f"{r.lower}..{'any' if r.upper is None else r.upper}" for r in (kind.width_range, kind.height_range))
        return " x ".join(parts)
    return f"{kind.width} x {kind.height}"


def stored(array: Array, kind: ImageType) -> Array:
    """What a pixel buffer keeps of float32 [..., C, H, W]: whole numbers in 0..255, or fp16."""
    if kind.color == "grayscale_float16":
        return array.astype(np.float16).astype(np.float32)
    kept: Array = np.clip(np.rint(np.nan_to_num(array)), 0, 255).astype(np.float32)
    return kept


def to_image(array: Array, name: str, kind: ImageType) -> Image.Image:
    """A PIL image from float32 [1, C, H, W]: RGBA for models of colour, else L or F.

    Raises RuntimeError where the array is not an image of the declared kind.
    """
    try:
        from PIL import Image
    except ImportError:
        raise RuntimeError(f"output '{name}' is an image, and Pillow is not installed: pip install pillow") from None
    planes = array.reshape(array.shape[-3:]) if array.ndim >= 3 else array
    if planes.ndim != 3 or planes.shape[0] != kind.channels:
        raise RuntimeError(f"output '{name}' is not an image of {kind.channels} channels: its shape is {array.shape}")
    planes = stored(planes, kind)
    if kind.color == "grayscale_float16":
        return Image.fromarray(planes[0])
    pixels = planes.astype(np.uint8)
    if kind.color == "grayscale":
        return Image.fromarray(pixels[0])
    pixels = pixels[::-1] if kind.color == "bgr" else pixels
    opaque = np.full((1, *pixels.shape[1:]), 255, np.uint8)
    return Image.fromarray(np.ascontiguousarray(np.concatenate((pixels, opaque)).transpose(1, 2, 0)))
