"""YOLO with masks: each row ends with P weights of P prototypes; mask = sigmoid(weights · prototypes), cut to the box.

Prototypes [1, P, h, w] or [1, h, w, P], and rows: "yolo-segment" [1, 4 + C + P, N] or its transpose (v8, v9, v11, v12),
"yolov5-segment" [1, N, 5 + C + P] with an objectness (v5, v7), "yolo-segment-end2end" [1, N, 6 + P] (YOLO26, and
exports with suppression inside).
Source: Bolya et al., YOLACT, arXiv 1904.02689; the layouts are documented by their exporters.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import value_checks, yolo_columns
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]


def _planes(shape: tuple[int | None, ...], height: int, width: int) -> tuple[int, bool]:
    """How many prototypes an output of four axes holds, 0 if none, and whether they come last."""
    if len(shape) == 4:
        for last, (count, tall, broad) in ((False, shape[1:]), (True, (shape[3], *shape[1:3]))):
            if count and tall and broad and 1 < height / tall == width / broad <= 16:
                return count, last
    return 0, False


def _parts(outputs: Arrays, frame: Frame) -> tuple[AnyArray, AnyArray]:
    """Rows [1, …] and prototypes [P, h, w]."""
    rows, prototypes = sorted(outputs.values(), key=np.ndim)
    _, last = _planes(prototypes.shape, frame.height, frame.width)
    planes = prototypes[0].transpose(2, 0, 1) if last else prototypes[0]
    return rows, np.ascontiguousarray(planes, np.float32)


def _decode(outputs: Arrays, frame: Frame, *, objectness: bool) -> Candidates:
    output, prototypes = _parts(outputs, frame)
    rows = yolo_columns.on_grid(output, frame.height, frame.width, 3 if objectness else 1)
    first = 5 if objectness else 4
    shares, weights = rows[first : len(rows) - len(prototypes)], rows[len(rows) - len(prototypes) :]
    best = shares.max(axis=0) * rows[4] if objectness else shares.max(axis=0)
    kept = np.flatnonzero(best >= frame.conf)
    classes = shares[:, kept].argmax(axis=0).astype(np.int32)
    boxes = cxcywh_to_xyxy(rows[:4, kept].T)
    return Candidates(boxes, best[kept], classes, coefficients=weights[:, kept].T, prototypes=prototypes)


def _decode_finished(outputs: Arrays, frame: Frame) -> Candidates:
    output, prototypes = _parts(outputs, frame)
    rows = output[0][output[0][:, 4] >= frame.conf]
    boxes, classes = rows[:, :4].astype(np.float32), rows[:, 5].astype(np.int32)
    return Candidates(boxes, rows[:, 4].copy(), classes, coefficients=rows[:, 6:], prototypes=prototypes)


def _matches(evidence: Evidence, *, objectness: bool) -> Match:
    card, name, planes = evidence.card, yolo_columns.only(evidence, 3, 2), yolo_columns.only(evidence, 4, 2)
    if not name or not planes:
        return Match(Sure.NO, "it needs rows of three axes and prototypes of four")
    lost = next((why for spec in evidence.outputs if spec.name == name and (why := value_checks.coarse(spec))), "")
    if lost:
        return Match(Sure.NO, lost)
    if refusal := yolo_columns.refused(evidence, "segment"):
        return refusal
    shapes = {spec.name: tuple(spec.shape) for spec in evidence.outputs}
    count, _ = _planes(shapes[planes], card.height, card.width)
    first, per_cell = (5, 3) if objectness else (4, 1)
    classes = yolo_columns.channels_of(shapes[name], card.height, card.width, per_cell) - first - count
    if not count or classes < 1:
        return Match(Sure.NO, f"its rows are not {per_cell} per cell, with {first} + C + P columns for P prototypes")
    if card.labels and len(card.labels) != classes:
        return Match(Sure.NO, f"the columns are {first} + {classes} + {count}, not {len(card.labels)} labels")
    rows = yolo_columns.on_grid(evidence.probe("textured")[name], card.height, card.width, per_cell)
    if not value_checks.shares(rows[4 : first + classes]) or value_checks.shares(rows[first + classes :]):
        return Match(Sure.NO, "in a probe run scores leave 0..1, or weights of masks do not")
    fields, basis = yolo_columns.conventions(rows[:4].T, "segment")
    why = f"{per_cell} per cell, with {classes} classes and weights of {count} prototypes"
    return Match(Sure.CERTAIN if card.labels else Sure.LIKELY, why, fields, basis)


def _matches_finished(evidence: Evidence) -> Match:
    card, name, planes = evidence.card, yolo_columns.only(evidence, 3, 2), yolo_columns.only(evidence, 4, 2)
    shapes = {spec.name: tuple(spec.shape) for spec in evidence.outputs}
    count, _ = _planes(shapes.get(planes, ()), card.height, card.width)
    if not name or not count or shapes[name][2] != 6 + count:
        return Match(Sure.NO, "it needs prototypes [1, P, h, w] and rows [1, N, 6 + P]")
    if refusal := yolo_columns.refused(evidence, "segment"):
        return refusal
    rows = evidence.probe("textured")[name][0]
    why_not = yolo_columns.finished(rows, said=True)
    if why_not:
        return Match(Sure.NO, why_not)
    if card.labels and len(rows) and rows[:, 5].max() >= len(card.labels):
        return Match(Sure.NO, f"a probe run gives class {rows[:, 5].max():.0f} of {len(card.labels)} labels")
    sure = Sure.CERTAIN if len(rows) and rows[:, 4].any() else Sure.LIKELY
    why = f"rows of x1 y1 x2 y2, score, class and weights of {count} prototypes"
    return Match(sure, why, *yolo_columns.conventions(rows[:, :4], "segment", end2end=True))


DECODERS = (
    Decoder("yolo-segment", partial(_matches, objectness=False), partial(_decode, objectness=False)),
    Decoder("yolov5-segment", partial(_matches, objectness=True), partial(_decode, objectness=True)),
    Decoder("yolo-segment-end2end", _matches_finished, _decode_finished, suppress=False),
)
