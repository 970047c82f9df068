"""YOLOv3, v5 and v7 as their exporters decode them: three anchors per cell, objectness times class score.

Output [1, N, 5 + C]: cx cy w h, objectness, a score per class given an object.
Source: the layout is documented by its exporter; the anchor counts follow from the strides.
"""

from __future__ import annotations

from edgerun.contract import Convention, Sure
from edgerun.heads.grid_rows import grid_rows

__all__ = ["DECODERS"]

YOLO = Convention("YOLOv5, v7 and v3 are trained so", resize="letterbox", color="rgb", scale=1 / 255, fill=114)

DECODERS = (grid_rows("yolov5", "cxcywh objectness [scores]", YOLO, per_cell=3, order="NC", sure=Sure.CERTAIN),)
