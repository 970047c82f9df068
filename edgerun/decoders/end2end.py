"""End-to-end heads, which need no suppression: finished rows.

[1, N, 6]: x1 y1 x2 y2 score class (YOLOv10, YOLO26, and exports with suppression inside).
[N, 7]: number in the batch, x1 y1 x2 y2, class, score (YOLOv7's end-to-end export), or
number in the batch, class, score, x1 y1 x2 y2 (PINTO0309's model zoo, whose table is named after its columns:
https://github.com/PINTO0309/PINTO_model_zoo, 307_YOLOv7 and others).
Other orders are taken only where rows of a trial run show them: a class is a whole number, a score lies in 0..1.
"""

from __future__ import annotations

from edgerun.contract import Convention, Decoder, Inference, Sure
from edgerun.heads.finished_table import finished_table

__all__ = ["DECODERS"]

YOLO = (
    Convention("YOLO's end-to-end exports are trained so", resize="letterbox", color="rgb", scale=1 / 255, fill=114),
    Inference("an end-to-end head", suppressed=True),
)

OTHER_ORDERS = ("xyxy class score", "score class xyxy", "class score xyxy", "score xyxy class", "class xyxy score")
OTHER_BATCHED_ORDER = "batch score class xyxy"
"""What hand-made exports write; the name of each is made of its words."""


def _in_order(columns: str, leading: tuple[int, ...]) -> Decoder:
    """The decoder of rows in another order than usual, which only a trial run with rows in it speaks for."""
    name = columns.replace("xyxy", "box").replace(" ", "-")
    return finished_table(name, columns, YOLO, leading=leading, units="seen", empty=Sure.NO, filled=Sure.LIKELY)


DECODERS = (
    finished_table("end2end", "xyxy score class", YOLO, units="seen"),
    finished_table("end2end-batched", "batch xyxy class score", YOLO, leading=(), units="seen"),
    finished_table(
        "batch-class-score-box", "batch class score xyxy", YOLO, leading=(), units="seen",
        names=("batchno_classid_score_x1y1x2y2",), empty=Sure.NO,
    ),
    *(_in_order(columns, (1,)) for columns in OTHER_ORDERS),
    _in_order(OTHER_BATCHED_ORDER, ()),
)  # fmt: skip
