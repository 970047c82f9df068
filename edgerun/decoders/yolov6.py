"""YOLOv6, and Gold-YOLO after it: decoded boxes with an objectness that is always 1.

Output [1, N, 5 + C]: cx cy w h in pixels, 1, a score per class; one row per cell.
Source: Li et al., YOLOv6, arXiv 2209.02976; the exported graph itself joins a column of ones.
"""

from __future__ import annotations

from edgerun.contract import Convention, Sure
from edgerun.heads.grid_rows import grid_rows

__all__ = ["DECODERS"]

YOLOV6 = Convention(
    "YOLOv6 is trained and tested so", resize="letterbox", fill=114, color="rgb", scale=1 / 255, iou=0.65
)

DECODERS = (grid_rows("yolov6", "cxcywh ones scores", YOLOV6, order="NC", sure=Sure.CERTAIN),)
