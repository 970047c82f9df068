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
    """What TensorFlow's detectors take: plain bytes as they are, everything else in -1..1. (fields, basis)."""
    if evidence.image.dtype == "uint8" and evidence.image.quantization is None:
        fields: dict[str, Any] = {"color": "rgb", "scale": 1.0}
        return fields, {
            "color": "convention: TensorFlow's detectors are trained so",
            "scale": "inferred: an input of plain bytes takes the picture as it is",
        }
    fields = {"color": "rgb", "scale": 1 / 127.5, "mean": 1.0}
    return fields, dict.fromkeys(fields, "convention: TensorFlow's detectors take -1..1")
