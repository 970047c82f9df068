"""End-to-end heads, which need no suppression: finished rows.

[1, N, 6]: x1 y1 x2 y2 score class (YOLOv10, YOLO26, and exports with suppression inside).
[N, 7]: number in the batch, x1 y1 x2 y2, class, score (YOLOv7's end-to-end export), or
number in the batch, class, score, x1 y1 x2 y2 (PINTO0309's model zoo, whose table is named after its columns:
https://github.com/PINTO0309/PINTO_model_zoo, 307_YOLOv7 and others).
"""

from __future__ import annotations

from edgerun.contract import Convention, Inference, Sure
from edgerun.heads.finished_table import finished_table

__all__ = ["DECODERS"]

YOLO = (
    Convention("YOLO's end-to-end exports are trained so", resize="letterbox", color="rgb", scale=1 / 255, fill=114),
    Inference("an end-to-end head", suppressed=True),
)

DECODERS = (
    finished_table("end2end", "xyxy score class", YOLO, units="seen"),
    finished_table("end2end-batched", "batch xyxy class score", YOLO, leading=(), units="seen"),
    finished_table(
        "batch-class-score-box", "batch class score xyxy", YOLO, leading=(), units="seen",
        names=("batchno_classid_score_x1y1x2y2",), empty=Sure.NO,
    ),
)  # fmt: skip
