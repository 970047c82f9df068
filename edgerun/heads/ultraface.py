"""UltraFace: its prior boxes, and what its authors do with the faces that it finds.

Source: github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB (MIT): `vision/ssd/config/fd_config.py` and
`vision/utils/box_utils.py` for the prior boxes, `detect_imgs_onnx.py` for the thresholds and the colours.
"""

from __future__ import annotations

from typing import Any

from edgerun.heads.prior_boxes import ULTRAFACE, Squares

__all__ = ["FACES", "PRIORS"]

PRIORS = Squares(ULTRAFACE, fill=True)

FACES: dict[str, Any] = {"labels": ("face",), "conf": 0.7, "iou": 0.3}
"""Card fields of its results."""
