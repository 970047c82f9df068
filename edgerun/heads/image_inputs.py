"""Conventions about a model's input that several families share."""

from __future__ import annotations

from typing import Any

from edgerun.contract import Evidence

__all__ = ["IMAGENET", "channels_last", "tensorflow"]

IMAGENET: dict[str, Any] = {
    "color": "rgb", "scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225),
}  # fmt: skip
"""Shares of 255, less ImageNet's mean, in ImageNet's deviations."""


def channels_last(evidence: Evidence) -> bool:
    """Whether the picture goes in as [.., h, w, 3], which TensorFlow's exporters do and PyTorch's do not."""
    shape = evidence.image.shape
    return shape[-1] in (1, 3) and shape[-3] not in (1, 3)


def tensorflow(evidence: Evidence) -> tuple[dict[str, Any], dict[str, str]]:
    """What TensorFlow's detectors take: bytes as they are, everything else in -1..1. (fields, basis).

    Quantised bytes are plain bytes too: their scale and zero point undo the normalisation but for rounding.
    """
    basis = {"color": "convention: TensorFlow's detectors are trained so"}
    if evidence.image.dtype == "uint8":
        stored = evidence.image.quantization
        factor, zero = (1.0, 0) if stored is None else (stored.scale[0], stored.zero_point[0])
        fields: dict[str, Any] = {"color": "rgb", "scale": 1.0, "mean": float(zero), "std": 1 / factor}
        reason = "inferred: an input of bytes takes the picture as it is"
        return fields, basis | dict.fromkeys(("scale", "mean", "std"), reason)
    fields = {"color": "rgb", "scale": 1 / 127.5, "mean": 1.0}
    return fields, basis | dict.fromkeys(("scale", "mean"), "convention: TensorFlow's detectors take -1..1")
