"""YOLOv4 decoded in the graph, as PyTorch's exporters of it do: boxes and class scores apart.

boxes [1, N, 1, 4], x1 y1 x2 y2 in 0..1; confs [1, N, C], objectness times class; three anchors per cell.
Source: github.com/Tianxiaomo/pytorch-YOLOv4 (Apache-2.0), `yolo_layer.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import box_formats, grids, value_checks
from edgerun.heads import scores as scoring

__all__ = ["DECODERS"]

CONVENTIONS: dict[str, Any] = {"resize": "stretch", "color": "rgb", "scale": 1 / 255, "box_units": "unit", "iou": 0.6}
BASIS = dict.fromkeys(CONVENTIONS, "convention: YOLOv4 is run so by its exporter")


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    by_rank = {array.ndim: array[0] for array in outputs.values()}
    kept, scores, classes = scoring.best(by_rank[3], frame.conf)
    return Candidates(by_rank[4][kept, 0].astype(np.float32), scores, classes)


def _matches(evidence: Evidence) -> Match:
    card = evidence.card
    shapes = {len(spec.shape): spec.shape for spec in evidence.outputs}
    if len(evidence.outputs) != 2 or set(shapes) != {3, 4} or shapes[4][2:] != (1, 4) or shapes[3][1] != shapes[4][1]:
        return Match(Sure.NO, "it needs boxes [1, N, 1, 4] and scores [1, N, C]")
    count, classes = shapes[3][1] or 0, shapes[3][2] or 0
    strides = grids.ladder_of(count, card.height, card.width, 3)
    if strides is None:
        return Match(Sure.NO, f"{count} rows are not three anchors per cell of a {card.width} x {card.height} input")
    if card.labels and classes != len(card.labels):
        return Match(Sure.NO, f"{classes} columns of scores are not {len(card.labels)} labels")
    values = {array.ndim: array for array in evidence.probe("textured").values()}
    if not value_checks.shares(values[3]) or not value_checks.unit(values[4]):
        return Match(Sure.NO, "the scores of a probe run leave 0..1, or its boxes are in pixels")
    if box_formats.crosses(values[4][0, :, 0]):
        return Match(Sure.NO, "the boxes of a probe run are not x1 y1 x2 y2")
    why = f"{count} boxes in 0..1, three per cell at strides {', '.join(map(str, strides))}, and {classes} classes"
    return Match(Sure.CERTAIN, why, CONVENTIONS, BASIS)


DECODERS = (Decoder("yolov4", _matches, _decode),)
