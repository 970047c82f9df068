"""How an image goes into a network: what many families are trained with, and what a file's own input tells."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from edgerun.contract import Alternative, Convention, Evidence, Inference, TensorSpec
from edgerun.contract.convention import Alternatives

__all__ = [
    "IMAGENET_DEVIATIONS",
    "IMAGENET_INPUT",
    "MMDETECTION",
    "PLAIN_MEAN",
    "YOLO",
    "channels_last",
    "ends",
    "habits",
    "of_stored_input",
    "of_tensorflow",
]

IMAGENET_DEVIATIONS: Mapping[str, Any] = MappingProxyType({"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)})
"""Fractions of 255, less ImageNet's mean, in ImageNet's deviations; red, green, blue."""
IMAGENET_INPUT: Mapping[str, Any] = MappingProxyType({"color": "rgb", "scale": 1 / 255, **IMAGENET_DEVIATIONS})
"""The same with the order of channels and the scale."""
MMDETECTION: Mapping[str, Any] = MappingProxyType(
    {"color": "bgr", "scale": 1.0, "mean": (103.53, 116.28, 123.675), "std": (57.375, 57.12, 58.395)}
)
"""ImageNet's mean in bytes, blue first, as MMDetection's RTMDet takes it."""
PLAIN_MEAN: Mapping[str, Any] = MappingProxyType({"mean": 0.0})
CENTRED_MEAN: Mapping[str, Any] = MappingProxyType({"mean": 0.5, "std": 0.5})
BYTES: Mapping[str, Any] = MappingProxyType({"scale": 1.0, "mean": 0.0})
"""Fields that settle a normalisation."""

YOLO = Convention("YOLO is trained so", resize="letterbox", color="rgb", scale=1 / 255, fill=114)

RANGES: Mapping[tuple[float, float], Mapping[str, float]] = {
    (0, 255): {"scale": 1.0, "mean": 0.0},
    (0, 1): {"scale": 1 / 255, "mean": 0.0},
    (-1, 1): {"scale": 1 / 127.5, "mean": 1.0},
}
"""Ends of what an input holds -> the normalisation that fills it."""

SLACK = 0.02
"""Of the range; its last step is lost to rounding."""

STORED = ("uint8", "int8")
"""Types of an input of 8 bits."""


def channels_last(evidence: Evidence) -> bool:
    """Whether the image goes in as [.., h, w, 3], which TensorFlow's exporters do and PyTorch's do not."""
    shape = evidence.image.shape
    return shape[-1] in (1, 3) and shape[-3] not in (1, 3)


def ends(spec: TensorSpec) -> tuple[float, float] | None:
    """The least and the largest number that an input stored in 8 bits can hold; None for others."""
    if spec.dtype not in STORED or spec.quantization is None:
        return None
    limits = np.iinfo(spec.dtype)
    factor, zero = spec.quantization.scale[0], spec.quantization.zero_point[0]
    return (limits.min - zero) * factor, (limits.max - zero) * factor


def of_tensorflow(evidence: Evidence) -> tuple[Convention, ...]:
    """What TensorFlow's detectors take: bytes as they are, everything else in -1..1.

    Quantised bytes are plain bytes too: their scale and zero point undo the normalisation but for rounding.
    """
    color = Convention("TensorFlow's detectors are trained so", color="rgb")
    if evidence.image.dtype != "uint8":
        return color, Convention("TensorFlow's detectors take -1..1", scale=1 / 127.5, mean=1.0)
    stored = evidence.image.quantization
    factor, zero = (1.0, 0) if stored is None else (stored.scale[0], stored.zero_point[0])
    seen = "an input of bytes takes the picture as it is"
    return color, Inference(seen, scale=1.0, mean=float(zero), std=1 / factor)


def of_stored_input(evidence: Evidence) -> tuple[Convention, ...]:
    """What an input takes that is stored in 8 bits whose range is that of a normalisation; () elsewhere.

    Bytes go in as they are: their scale and zero point undo the normalisation but for rounding.
    """
    spec = evidence.image
    held = ends(spec)
    if spec.dtype not in STORED:
        return ()
    if spec.dtype == "uint8":
        return of_tensorflow(evidence) if held is None or _range_of(held) else ()
    fields = _range_of(held) if held else {}
    if not held or not fields:
        return ()
    seen = Inference(f"the quantised input holds {held[0]:.3g}..{held[1]:.3g}", **fields)
    return Convention("nearly all are trained so", color="rgb"), seen


def _range_of(held: tuple[float, float]) -> Mapping[str, float]:
    """The normalisation that fills this range; {} where it is none of them."""
    for (least, most), fields in RANGES.items():
        if np.abs(np.subtract(held, (least, most))).max() <= SLACK * (most - least):
            return fields
    return {}


def habits(evidence: Evidence) -> Mapping[str, Alternatives]:
    """`Match.unsettled` for a family of which every normalisation is known."""
    if channels_last(evidence):
        tensorflow = Alternative(CENTRED_MEAN, "-1..1, MobileNet and Inception"), Alternative(PLAIN_MEAN, "0..1")
        return {"mean": (*tensorflow, Alternative(BYTES, "normalised inside"))}
    torch = Alternative(IMAGENET_DEVIATIONS, "torchvision and timm"), Alternative(PLAIN_MEAN, "0..1, Ultralytics")
    return {"mean": (*torch, Alternative(CENTRED_MEAN, "-1..1, ViT"))}
