"""YOLO with oriented boxes: cx cy w h, a score per class, and an angle in radians, clockwise where y points down.

"yolo-obb" [1, 4 + C + 1, N] or its transpose (v8, v11); the angle lies in -π/4 .. 3π/4.
"yolo-obb-end2end" [1, N, 7]: cx cy w h, score, class, angle (YOLO26, and exports with suppression inside).
Source: the layouts are documented by their exporter: https://docs.ultralytics.com/tasks/obb.
"""

from __future__ import annotations

from edgerun.contract import Convention
from edgerun.heads.grid_rows import grid_rows
from edgerun.heads.input_conventions import YOLO
from edgerun.heads.ranked_rows import ranked_rows

__all__ = ["DECODERS"]

AS_GAUSSIANS = Convention("Ultralytics compares oriented boxes by ProbIoU (arXiv 2106.06072)", overlap="probiou")
"""docs.ultralytics.com/reference/utils/nms: `non_max_suppression` with rotated=True uses `batch_probiou`."""

DECODERS = (
    grid_rows("yolo-obb", "cxcywh scores angle", YOLO, AS_GAUSSIANS),
    ranked_rows("yolo-obb-end2end", "cxcywh score class angle", YOLO),
)
