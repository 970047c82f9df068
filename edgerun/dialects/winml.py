"""The dialect of Windows ML: ONNX's metadata of the category Image, as Custom Vision, WinMLTools and others write it.

Keys, case-insensitive as their values: Image.BitmapPixelFormat (Gray8, Rgb8, Bgr8, Rgba8, Bgra8), Image.ColorSpaceGamma
(Linear, SRGB) and Image.NominalPixelRange (NominalRange_0_255, Normalized_0_1, Normalized_1_1, NominalRange_16_235).
A range that is left out is 0..255. How an image is fitted is not written.
Sources: https://onnx.ai/onnx/repo-docs/MetadataProps.html (onnx 1.19); https://learn.microsoft.com/en-us/uwp/api/
windows.ai.machinelearning.learningmodelpixelrange for the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers.fields import as_text
from edgerun.dialects.readers.known_keys import refuse_unknown

__all__ = ["DIALECT"]

CATEGORY = "image."

FORMAT, GAMMA, RANGE = "bitmappixelformat", "colorspacegamma", "nominalpixelrange"

COLORS = {"gray8": "gray", "rgb8": "rgb", "bgr8": "bgr"}

RANGES = {
    "nominalrange_0_255": {"scale": 1.0, "mean": 0.0, "std": 1.0},
    "normalized_0_1": {"scale": 1 / 255, "mean": 0.0, "std": 1.0},
    "normalized_1_1": {"scale": 1 / 127.5, "mean": 1.0, "std": 1.0},
}


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    values = _of_images(metadata)
    if FORMAT not in values and RANGE not in values:
        return {}
    refuse_unknown(values, (FORMAT, GAMMA, RANGE), "Image metadata")
    if values.get(GAMMA, "srgb") != "srgb":
        raise ValueError(f"Image.ColorSpaceGamma is {values[GAMMA]}, and images here are sRGB")
    span = values.get(RANGE, "nominalrange_0_255")
    if span not in RANGES:
        raise ValueError(f"Image.NominalPixelRange is {span}, which is not known here")
    return {**RANGES[span], **_color(values)}


def _of_images(metadata: Mapping[str, str | bytes]) -> dict[str, str]:
    """Entries of the category, without its name, in small letters."""
    values = {}
    for key, value in metadata.items():
        name = key.lower()
        if name.startswith(CATEGORY):
            values[name.removeprefix(CATEGORY)] = as_text(value).strip().lower()
    return values


def _color(values: Mapping[str, str]) -> dict[str, str]:
    if FORMAT not in values:
        return {}
    if values[FORMAT] not in COLORS:
        raise ValueError(f"Image.BitmapPixelFormat is {values[FORMAT]}, which is not known here")
    return {"color": COLORS[values[FORMAT]]}


DIALECT = Dialect("winml", _read)
