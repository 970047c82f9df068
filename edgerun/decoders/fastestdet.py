"""FastestDet: one grid at stride 16, objectness and class shares in one output.

Output [1, 5 + C, h, w]: objectness after the sigmoid, x y, w h, class shares after the softmax.
cx = (column + tanh(x)) / columns, w = sigmoid(w), score = objectness^0.6 · share^0.4, in 0..1 of the input.
Source: github.com/dog-qiuqiu/FastestDet (BSD-3-Clause), `example/onnx-runtime/runtime.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import levels, value_checks
from edgerun.heads import scores as scoring

__all__ = ["DECODERS"]

STRIDE = 16

CONVENTIONS: dict[str, Any] = {"resize": "stretch", "color": "bgr", "scale": 1 / 255, "iou": 0.45}
BASIS = dict.fromkeys(CONVENTIONS, "convention: FastestDet is trained and run so")


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    columns, lines = -(-frame.width // STRIDE), -(-frame.height // STRIDE)
    rows = levels.rows(output, lines, columns)
    objectness = np.clip(rows[:, 0], 0, 1) ** np.float32(0.6)  # quantised shares may fall below 0
    place = np.flatnonzero(objectness >= frame.conf)  # the product cannot be more
    kept, shares, classes = scoring.best(rows[place, 5:], 0)
    place, scores = place[kept], objectness[place[kept]] * np.clip(shares, 0, 1) ** np.float32(0.4)
    x, y, width, height = rows[place, 1:5].T
    size = np.array([frame.width, frame.height], np.float32)
    centres = np.stack(((place % columns + np.tanh(x)) / columns, (place // columns + np.tanh(y)) / lines), axis=1)
    sides = scoring.sigmoid(np.stack((width, height), axis=1))
    good = scores >= frame.conf
    boxes = cxcywh_to_xyxy(np.concatenate((centres * size, sides * size), axis=1)[good])
    return Candidates(boxes, scores[good], classes[good])


def _matches(evidence: Evidence) -> Match:
    card = evidence.card
    if len(evidence.outputs) != 1:
        return Match(Sure.NO, "it needs one output")
    name, shape = evidence.outputs[0].name, evidence.outputs[0].shape
    lines, columns = -(-card.height // STRIDE), -(-card.width // STRIDE)
    channels = levels.channels(shape, lines, columns) if len(shape) == 4 else None
    if channels is None or channels < 6:
        return Match(Sure.NO, f"it needs one output [1, 5 + C, {lines}, {columns}], a grid of stride 16")
    if card.labels and channels - 5 != len(card.labels):
        return Match(Sure.NO, f"{channels} channels are not 5 + {len(card.labels)} labels")
    rows = levels.rows(evidence.probe("textured")[name], lines, columns)
    if not value_checks.shares(rows[:, 0]) or not value_checks.shares(rows[:, 5:]):
        return Match(Sure.NO, "the objectness or class shares of a probe run leave 0..1")
    if np.abs(rows[:, 5:].sum(axis=1) - 1).max() > 0.05:
        return Match(Sure.NO, "the class shares of a probe run do not add up to 1, as after a softmax")
    if value_checks.clipped(rows[:, 1:5]):
        return Match(Sure.NO, "the boxes of a probe run are cut off, quantised together with the scores")
    why = f"a grid of stride 16, an objectness, {channels - 5} class shares that add up to 1"
    return Match(Sure.CERTAIN, why, CONVENTIONS, BASIS)


DECODERS = (Decoder("fastestdet", _matches, _decode),)
