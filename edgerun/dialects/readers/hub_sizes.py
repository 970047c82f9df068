"""How an image processor of transformers fits an image: its `size`, `crop_size` and `pad_size`, by its class.

Source: transformers 5.23.0 (Apache-2.0), image_processing_backends.py, image_processing_utils.py (get_size_dict) and
models/*/image_processing_*.py of the classes that are named below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgerun.dialects.readers.fields import sides, some
from edgerun.dialects.readers.steps import zero_border

__all__ = ["fit_of"]

ONE_SIZE_IS_SHORTEST = frozenset((
    "Bit", "BridgeTower", "Chameleon", "ChineseCLIP", "CLIP", "ConditionalDetr", "ConvNext", "DeformableDetr", "Detr",
    "Eomt", "GroundingDino", "Levit", "Mask2Former", "MaskFormer", "MobileNetV1", "MobileNetV2", "MobileViT",
    "OneFormer", "PoolFormer", "RfDetr", "TextNet", "VideoMAE", "Vilt", "Yolos",
))  # fmt: skip
"""Classes with `default_to_square = False`: one number is the shorter side."""

NEVER_CUT = frozenset(("Segformer",))
"""Classes that know do_center_crop and leave it undone."""

MULTIPLES = {"Yolos": 16}
"""Classes that round both sides of a fitted image down (get_size_with_aspect_ratio_yolos, mod_size)."""

ROUNDED_UP = frozenset(("MaskFormer", "Mask2Former", "TextNet"))
"""Classes whose `size_divisor` rounds both sides up."""

WARPED_FROM = 384
"""Pixels; ConvNext stretches to this size and more, and cuts smaller ones out of a larger image."""

CONVNEXT_CROP = 224 / 256
"""`crop_pct` where a file leaves it out."""


def fit_of(kind: str, processor: Mapping[str, Any], normalisation: Mapping[str, Any]) -> dict[str, Any]:
    """The card fields of the fit.

    Args:
        kind: the class without "ImageProcessor".
        processor: its file.
        normalisation: scale, mean and std, for the colour of a border of zeros.

    Raises:
        ValueError: the fit cannot be said on a card.
    """
    size = _size(kind, processor)
    if kind == "ConvNext" and "shortest_edge" in size:
        return _convnext(size["shortest_edge"], processor.get("crop_pct") or CONVNEXT_CROP)
    if kind == "Perceiver" and size:  # cut first, by the ratio of the two sizes
        return {"resize": "center-crop", **size, **_part(size, _pair(processor.get("crop_size")))}
    cut = _pair(processor.get("crop_size"))
    if processor.get("do_center_crop") and cut and kind not in NEVER_CUT:
        return _cut(_before_cut(kind, size, processor), cut)
    if {"height", "width"} <= size.keys():
        return _stretched(size, processor)
    if not size:
        return {}
    # what is left of a fixed input is padded after the normalisation
    fields = {"resize": "letterbox-topleft", "fill": zero_border(normalisation), **_sides(size)}
    return fields | _multiples(kind, processor) | _canvas(size, processor)


def _size(kind: str, processor: Mapping[str, Any]) -> dict[str, Any]:
    """`size` as its newest versions write it."""
    size = processor.get("size")
    if isinstance(size, int) and not isinstance(size, bool):
        is_shortest = kind in ONE_SIZE_IS_SHORTEST or not processor.get("default_to_square", True)
        if is_shortest or processor.get("max_size"):
            return {"shortest_edge": size, **some(longest_edge=processor.get("max_size"))}
        return {"height": size, "width": size}
    if isinstance(size, (list, tuple)) and len(size) == 2:
        return {"height": size[0], "width": size[1]}
    if not isinstance(size, Mapping):
        return {}
    return {key: value for key, value in size.items() if value}


def _pair(size: Any) -> dict[str, Any]:
    """Height and width of a crop; {} where they are not given."""
    if isinstance(size, int):
        return {"height": size, "width": size}
    if not isinstance(size, Mapping):
        return {}
    return sides(size, "height", "width") or sides(size, "shortest_edge", "shortest_edge")


def _convnext(side: int, part: float) -> dict[str, Any]:
    fields = {"height": side, "width": side}
    if side >= WARPED_FROM:
        return {"resize": "stretch", **fields}
    return {"resize": "center-crop", **fields, "crop": side / int(side / part)}


def _before_cut(kind: str, size: Mapping[str, Any], processor: Mapping[str, Any]) -> Mapping[str, Any]:
    """The size to which an image is fitted before its middle is cut out."""
    if kind == "PoolFormer" and processor.get("crop_pct"):
        shorter = size.get("shortest_edge") or size.get("height", 0)
        return {"shortest_edge": int(shorter / processor["crop_pct"])}
    if kind == "Levit" and "shortest_edge" in size:
        return {"shortest_edge": int(256 / 224 * size["shortest_edge"])}
    return size


def _cut(size: Mapping[str, Any], cut: Mapping[str, Any]) -> dict[str, Any]:
    if {"height", "width"} <= size.keys():
        return {"resize": "stretch", **cut, **_part(cut, size)}
    if size.keys() - {"shortest_edge"}:
        raise ValueError(f"it fits images to {dict(size)} and cuts {dict(cut)} out of them, which is not known here")
    shorter = size.get("shortest_edge", cut["height"])
    return {"resize": "center-crop", **cut, **_part(cut, {"height": shorter, "width": shorter})}


def _part(cut: Mapping[str, Any], size: Mapping[str, Any]) -> dict[str, float]:
    """The fraction of each side that is cut out; {} for all of it."""
    part = cut["height"] / size["height"]
    if part > 1 or part != cut["width"] / size["width"]:
        raise ValueError(f"it cuts {dict(cut)} out of images of {dict(size)}, which is not known here")
    return {"crop": part} if part < 1 else {}


def _stretched(size: Mapping[str, Any], processor: Mapping[str, Any]) -> dict[str, Any]:
    fields = sides(size, "height", "width")
    padded = _padding(processor)
    if padded and padded != fields:
        raise ValueError(f"it stretches images to {fields} and pads them to {padded}, which is not known here")
    return {"resize": "stretch", **fields}


def _sides(size: Mapping[str, Any]) -> dict[str, Any]:
    """Both sides of an image whose aspect is kept."""
    if "shortest_edge" in size:
        nominal = sides(size, "shortest_edge", "shortest_edge")
        return nominal | some(shorter_side=size["shortest_edge"], longer_side=size.get("longest_edge"))
    if {"max_height", "max_width"} <= size.keys():
        return sides(size, "max_height", "max_width")
    if "longest_edge" in size:
        return sides(size, "longest_edge", "longest_edge")
    raise ValueError(f"it fits images to {dict(size)}, which is not known here")


def _multiples(kind: str, processor: Mapping[str, Any]) -> dict[str, Any]:
    if kind in MULTIPLES:
        return {"side_multiple": MULTIPLES[kind]}
    divisor = processor.get("size_divisor")
    if not divisor:
        return {}
    if kind not in ROUNDED_UP:
        raise ValueError(f"it says size_divisor = {divisor}, which is not known here of this processor")
    return {"side_multiple": divisor, "side_rounding": "up"}


def _canvas(size: Mapping[str, Any], processor: Mapping[str, Any]) -> dict[str, Any]:
    """The size that images are padded to; without one, an input of open size ends where the image ends."""
    padded = _padding(processor)
    if not padded:
        return {"padded": False}
    if "shortest_edge" not in size and padded != _sides(size):
        raise ValueError(f"it fits images to {dict(size)} and pads them to {padded}, which is not known here")
    return padded


def _padding(processor: Mapping[str, Any]) -> dict[str, Any]:
    """`pad_size`; classes that know it pad unless they are told otherwise."""
    return _pair(processor.get("pad_size")) if processor.get("do_pad", True) else {}
