"""YOLOv8, v9, v11, v12 and their like: one anchor per cell, no objectness, boxes decoded in the graph.

Output [1, 4 + C + K·D, N] or its transpose: cx cy w h, a score per class after the sigmoid, then keypoints.
Source: the layout is documented by its exporter; the anchor counts follow from the strides.
"""

from __future__ import annotations

from edgerun.contract import Convention
from edgerun.heads.grid_rows import grid_rows

__all__ = ["DECODERS"]

ULTRALYTICS = Convention("YOLOv8 and its like are trained so", resize="letterbox", color="rgb", scale=1 / 255, fill=114)

DECODERS = (
    grid_rows("yolov8", "cxcywh scores [keypoints]", ULTRALYTICS, order="CN"),
    grid_rows("yolov8-transposed", "cxcywh scores [keypoints]", ULTRALYTICS, order="NC"),
)
