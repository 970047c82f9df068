"""One anchor per cell, no objectness, and corners where YOLOv8 has centres: LibreYOLO's YOLOv9, PicoDet and RTMDet.

Output [1, 4 + C, N] or [1, N, 4 + C]: x1 y1 x2 y2 in pixels, a score per class after the sigmoid. The three are fed in
three ways, which the output does not tell; LibreYOLO's own metadata does.
Source: https://github.com/LibreYOLO/libreyolo (MIT), backends/base.py.
"""

from __future__ import annotations

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import grids, scores, value_checks, yolo_columns

__all__ = ["DECODERS"]

HABITS = {
    "mean": {
        'resize="letterbox-topleft", mean=0': "YOLOv9",
        'resize="stretch", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)': "PicoDet",
        'resize="letterbox-topleft", color="bgr", scale=1, mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395)':
            "RTMDet",
    }
}  # fmt: skip


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    rows = yolo_columns.on_grid(output, frame.height, frame.width)
    kept, best, classes = scores.best(rows[4:].T, frame.conf)
    return Candidates(np.ascontiguousarray(rows[:4, kept].T, np.float32), best, classes)


def _matches(evidence: Evidence) -> Match:
    card = evidence.card
    name = yolo_columns.only(evidence, 3, 1)
    if not name:
        return Match(Sure.NO, "it needs one output [1, 4 + C, N] or [1, N, 4 + C]")
    if card.task != "detect":
        return Match(Sure.NO, f"it reads detect models, not {card.task}")
    shape = evidence.outputs[0].shape
    channels = yolo_columns.channels_of(shape, card.height, card.width)
    if channels < 5:
        return Match(Sure.NO, f"{shape} is not one row per cell of a {card.width} x {card.height} input")
    if card.labels and channels - 4 != len(card.labels):
        return Match(Sure.NO, f"{channels} channels are not 4 + {len(card.labels)} labels")
    rows = yolo_columns.on_grid(evidence.probe("textured")[name], card.height, card.width)
    if not value_checks.shares(rows[4:]):
        return Match(Sure.NO, "the class scores of a probe run leave 0..1")
    if not value_checks.corners(rows[:4].T) or not value_checks.spans(rows[:4].T, card.height, card.width):
        return Match(Sure.NO, "the boxes of a probe run are not x1 y1 x2 y2 in pixels, all over the input")
    count = grids.cells(card.height, card.width, grids.ladder_of(rows.shape[1], card.height, card.width) or ())
    why = f"{count} corners of boxes, one per cell, and {channels} channels are 4 + {channels - 4} classes"
    return Match(Sure.LIKELY, why, {"fill": 114}, {"fill": "convention: LibreYOLO feeds them so"}, HABITS)


DECODERS = (Decoder("yolo-corners", _matches, _decode),)
