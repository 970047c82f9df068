"""YOLOv5 with points between objectness and classes: YOLOv5-Face, and plates with their corners.

Output [1, N, 5 + 2 · K + C]: cx cy w h, objectness, x y of each point in pixels, a score per class given an object.
Source: the layout is that of github.com/deepcam-cn/yolov5-face (GPL-3.0, of which nothing is used but this fact).
"""

from __future__ import annotations

from edgerun.contract import Sure
from edgerun.heads.grid_rows import grid_rows
from edgerun.heads.input_conventions import YOLO

__all__ = ["DECODERS"]

DECODERS = (
    grid_rows("yolov5-points", "cxcywh objectness points scores", YOLO, per_cell=3, order="NC", sure=Sure.CERTAIN),
)
