"""End-to-end heads, which need no suppression: finished rows.

[1, N, 6]: x1 y1 x2 y2 score class (YOLOv10, YOLO26, and exports with suppression inside).
[N, 7]: number in the batch, x1 y1 x2 y2, class, score (YOLOv7's end-to-end export).
"""

from __future__ import annotations

from edgerun.contract import Convention, Inference
from edgerun.heads.finished_table import finished_table

__all__ = ["DECODERS"]

YOLO = (
    Convention("YOLO's end-to-end exports are trained so", resize="letterbox", color="rgb", scale=1 / 255, fill=114),
    Inference("an end-to-end head", suppressed=True),
)

DECODERS = (
    finished_table("end2end", "xyxy score class", YOLO, checked=True),
    finished_table("end2end-batched", "batch xyxy class score", YOLO, batch_axis=False, checked=True),
)
