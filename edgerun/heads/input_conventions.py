"""How a picture is normalised, where only the file's input tells, and the habits among which it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgerun.contract import Evidence, TensorSpec
from edgerun.heads import image_inputs

__all__ = ["IMAGENET", "PLAIN", "by_input", "ends", "habits"]

IMAGENET = "mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)"
PLAIN = "mean=0"
CENTRED = "mean=0.5, std=0.5"
BYTES = "scale=1, mean=0"
"""The arguments that settle a normalisation."""

RANGES: dict[tuple[float, float], dict[str, Any]] = {
    (0, 255): {"scale": 1.0},
    (0, 1): {"scale": 1 / 255},
    (-1, 1): {"scale": 1 / 127.5, "mean": 1.0},
}
"""Ends of what an input holds -> the normalisation that fills it."""

SLACK = 0.02
"""Of the range; its last step is lost to rounding."""


def ends(spec: TensorSpec) -> tuple[float, float] | None:
    """The least and the largest number that an input stored in 8 bits can hold; None for others."""
    if spec.dtype not in ("uint8", "int8") or spec.quantization is None:
        return None
    limits = np.iinfo(spec.dtype)
    factor, zero = spec.quantization.scale[0], spec.quantization.zero_point[0]
    return (limits.min - zero) * factor, (limits.max - zero) * factor


def by_input(evidence: Evidence) -> tuple[dict[str, Any], dict[str, str]] | None:
    """(fields, basis) where the input is stored in 8 bits whose range is that of a normalisation; None elsewhere.

    Bytes go in as they are: their scale and zero point undo the normalisation but for rounding.
    """
    spec = evidence.image
    if spec.dtype not in ("uint8", "int8"):
        return None
    held = ends(spec)
    if held is None:
        return image_inputs.tensorflow(evidence) if spec.dtype == "uint8" else None
    low, high = held
    for (least, most), fields in RANGES.items():
        slack = SLACK * (most - least)
        if abs(low - least) <= slack and abs(high - most) <= slack:
            if spec.dtype == "uint8":
                return image_inputs.tensorflow(evidence)
            reason = f"inferred: the quantised input holds {low:.3g}..{high:.3g}"
            fields = {"color": "rgb", "mean": 0.0, **fields}
            return fields, {"color": "convention: nearly all are trained so"} | dict.fromkeys(("scale", "mean"), reason)
    return None


def habits(evidence: Evidence) -> Mapping[str, Mapping[str, str]]:
    """`Match.unsettled` for a family of which every normalisation is known."""
    if image_inputs.channels_last(evidence):
        return {"mean": {CENTRED: "-1..1, MobileNet and Inception", PLAIN: "0..1", BYTES: "normalised inside"}}
    return {"mean": {IMAGENET: "torchvision and timm", PLAIN: "0..1, Ultralytics", CENTRED: "-1..1, ViT"}}
