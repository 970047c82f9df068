"""What RTMDet is fed, whether its boxes are decoded in the graph or not.

Source: the configs of RTMDet in github.com/open-mmlab/mmyolo (facts alone).
"""

from __future__ import annotations

from typing import Any

__all__ = ["RTMDET"]

RTMDET: dict[str, Any] = {
    "resize": "letterbox-topleft", "fill": 114, "color": "bgr", "scale": 1.0, "mean": (103.53, 116.28, 123.675),
    "std": (57.375, 57.12, 58.395), "iou": 0.65,
}  # fmt: skip
