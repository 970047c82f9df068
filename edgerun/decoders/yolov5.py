"""YOLOv3, v5 and v7 as their exporters decode them: three anchors per cell, objectness times class score.

Output [1, N, 5 + C]: cx cy w h, objectness, a score per class given an object.
Source: the layout is documented by its exporter; the anchor counts follow from the strides.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import box_formats, grids, value_checks, yolo_columns

__all__ = ["DECODERS", "objectness_rows"]

ANCHORS_PER_CELL = 3


def objectness_rows(rows: Any, frame: Frame) -> Candidates:
    """Rows [N, 5 + C] to candidates; score = objectness · best class score."""
    rows = rows[rows[:, 4] >= frame.conf]  # the product cannot be more than the objectness
    if rows.shape[1] == 5:
        return Candidates(cxcywh_to_xyxy(rows), rows[:, 4].copy(), np.zeros(len(rows), np.int32))
    classes = rows[:, 5:].argmax(axis=1).astype(np.int32)
    scores = rows[:, 4] * rows[np.arange(len(rows)), classes + 5]
    kept = scores >= frame.conf
    return Candidates(cxcywh_to_xyxy(rows[kept]), scores[kept], classes[kept])


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    return objectness_rows(output[0], frame)


def _matches(evidence: Evidence) -> Match:
    card = evidence.card
    if len(evidence.outputs) != 1 or len(evidence.outputs[0].shape) != 3:
        return Match(Sure.NO, "it needs one output of three axes")
    if lost := value_checks.coarse(evidence.outputs[0]):
        return Match(Sure.NO, lost)
    if card.task != "detect":
        return Match(Sure.NO, f"it reads detect models, not {card.task}")
    name, (_, anchors, channels) = evidence.outputs[0].name, evidence.outputs[0].shape
    if channels is None or anchors is None or channels < 5:
        return Match(Sure.NO, f"{channels} channels cannot hold a box and an objectness")
    strides = grids.ladder_of(anchors, card.height, card.width, ANCHORS_PER_CELL)
    if strides is None:
        return Match(Sure.NO, f"{anchors} rows are not three anchors per cell of a {card.width} x {card.height} input")
    why = f"{anchors} rows are three anchors per cell at strides {', '.join(map(str, strides))}"
    classes = channels - 5
    if card.labels and max(classes, 1) != len(card.labels):
        return Match(Sure.NO, f"{channels} channels are not 5 + {len(card.labels)} labels")
    rows = evidence.probe("textured")[name][0]
    if not value_checks.shares(rows[:, 4:]):
        return Match(Sure.NO, "the objectness or class scores of a probe run leave 0..1")
    if value_checks.clipped(rows[:, 2:4]):
        return Match(Sure.NO, "the sizes of a probe run are cut off, as by a quantisation made for scores")
    if wrong := box_formats.misread(rows[:, :4], "cx cy w h", card.height, card.width, strides, ANCHORS_PER_CELL):
        return Match(Sure.NO, wrong)
    if not yolo_columns.fifth_is_objectness(rows.T):
        return Match(Sure.NO, "another column than the fifth of a probe run behaves like the objectness")
    conventions: dict[str, Any] = {"resize": "letterbox", "color": "rgb", "scale": 1 / 255, "fill": 114}
    basis = dict.fromkeys(conventions, "convention: YOLOv5, v7 and v3 are trained so")
    conventions["box_units"] = "unit" if value_checks.unit(rows[:, :4]) else "pixels"
    basis["box_units"] = f"inferred: boxes of a probe run reach {np.abs(rows[:, :4]).max():.4g}"
    return Match(Sure.CERTAIN, f"{why}; {channels} channels are 5 + {classes} classes", conventions, basis)


DECODERS = (Decoder("yolov5", _matches, _decode),)
