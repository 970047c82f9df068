"""Yolo-FastestV2: three anchors per cell at strides 16 and 32 that share the cell's class probabilities.

Per stride [1, h, w, 15 + C], or both strides in [N, 15 + C] (605 rows at 352 x 352), with or without the first axis:
x y w h of each anchor and three values of objectness after the sigmoid, class probabilities after the softmax.
cx = (2 · x - 0.5 + column) · stride, w = anchor · (2 · w)², score = objectness · probability.
Source: github.com/dog-qiuqiu/Yolo-FastestV2 (BSD-3-Clause): `model/detector.py`, `utils/utils.py`, `test.py`, and
`data/coco.data` for the anchors. Those of other data sets are computed from them, and stand in no model.
"""

from __future__ import annotations

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Candidates, Convention
from edgerun.heads import grids, value_checks
from edgerun.heads.bound_outputs import Cells, Tables
from edgerun.heads.readings import Observed, Reading, certain, decoder
from edgerun.heads.stride_outputs import Output, StrideOutputs

__all__ = ["DECODERS"]

STRIDES = (16, 32)
ANCHORS = np.array(
    (
        ((12.64, 19.39), (37.88, 51.48), (55.71, 138.31)),
        ((126.91, 78.23), (131.57, 214.55), (279.92, 258.87)),
    ),
    np.float32,
)
"""Of each stride, widths and heights in pixels."""

COCO_CLASSES = 80

CONVENTIONS = (
    Convention("Yolo-FastestV2 is trained and tested so", resize="stretch", color="bgr", scale=1 / 255, iou=0.4),
)


def _objects(tables: Tables, cells: Cells, conf: float) -> Candidates:
    classes = tables["scores"].argmax(axis=1)
    probabilities = tables["scores"].max(axis=1, keepdims=True)
    scores = tables["objectness"] * probabilities
    rows, anchors = np.nonzero(scores >= conf)
    strides = np.broadcast_to(cells.sizes(rows).reshape(-1), rows.shape)
    values = tables["boxes"].reshape(-1, 3, 4)[rows, anchors]
    centres = (2 * values[:, :2] - np.float32(0.5)) * strides[:, None] + cells.points(rows, 0.0)
    sides = (2 * values[:, 2:]) ** 2 * ANCHORS[np.searchsorted(STRIDES, strides), anchors]
    boxes = cxcywh_to_xyxy(np.concatenate((centres, sides), axis=1))
    return Candidates(boxes, scores[rows, anchors].astype(np.float32), classes[rows].astype(np.int32))


def _not_it(observed: Observed) -> str:
    if not all(map(value_checks.shares, observed.tables("boxes", "objectness"))):
        return "the boxes and the objectness of a probe run leave 0..1"
    if observed.classes != COCO_CLASSES:
        return f"the anchors of a data set of {observed.classes} classes are not known, those of COCO's 80 are"
    return ""


def _cells(height: int, width: int) -> int:
    return grids.cells(height, width, STRIDES)


OUTPUTS = (Output("boxes", (12,)), Output("objectness", (3,)), Output("scores"))
TABLE = StrideOutputs(STRIDES, OUTPUTS, in_one=True, rows=_cells, finished=True, is_finished=value_checks.sum_to_one)
SPLIT = StrideOutputs(STRIDES, OUTPUTS, in_one=True, finished=True, is_finished=value_checks.sum_to_one)

DECODERS = (
    decoder(
        "yolo-fastestv2",
        Reading(TABLE, _objects, CONVENTIONS, objection=_not_it, sure=certain),
        Reading(SPLIT, _objects, CONVENTIONS, objection=_not_it, sure=certain),
    ),
)
