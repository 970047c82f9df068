"""FastestDet: one grid at stride 16, objectness and class probabilities in one output.

Output [1, 5 + C, h, w]: objectness after the sigmoid, x y, w h, class probabilities after the softmax.
cx = (column + tanh(x)) / columns, w = sigmoid(w), score = objectness^0.6 · probability^0.4, in 0..1 of the input.
Source: github.com/dog-qiuqiu/FastestDet (BSD-3-Clause), `example/onnx-runtime/runtime.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Convention, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import levels, scores, value_checks
from edgerun.heads.requirements import require, verdict
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

STRIDE = 16

FASTESTDET = Convention("FastestDet is trained and run so", resize="stretch", color="bgr", scale=1 / 255, iou=0.45)


@dataclass(frozen=True)
class Reader:
    """Reads the one output of this name."""

    output: str

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """Candidates of one image, boxes in model pixels."""
        columns, lines = -(-frame.width // STRIDE), -(-frame.height // STRIDE)
        rows = levels.rows(outputs[self.output], lines, columns)
        objectness = np.clip(rows[:, 0], 0, 1) ** np.float32(0.6)  # quantised numbers may fall below 0
        cells = np.flatnonzero(objectness >= frame.conf)  # the product cannot be more
        kept, found, classes = scores.best(rows[cells, 5:], 0)
        cells = cells[kept]
        combined = objectness[cells] * np.clip(found, 0, 1) ** np.float32(0.4)
        good = combined >= frame.conf
        cells = cells[good]
        boxes = cxcywh_to_xyxy(_boxes(rows[cells, 1:5], cells, lines, columns))
        size = np.array([frame.width, frame.height] * 2, np.float32)
        return Candidates(boxes * size, combined[good], classes[good])


def _boxes(raw: AnyArray, cells: AnyArray, lines: int, columns: int) -> AnyArray:
    """Centre and size in 0..1 of the input, [K, 4], of what the network gives for these cells."""
    corners = np.stack((cells % columns, cells // columns), axis=1)
    centres = (corners + np.tanh(raw[:, :2])) / np.array([columns, lines])
    return np.concatenate((centres, scores.sigmoid(raw[:, 2:])), axis=1)


@verdict
def _matches(evidence: Evidence) -> Match:
    card = evidence.card
    lines, columns = -(-card.height // STRIDE), -(-card.width // STRIDE)
    wanted = f"it needs one output [1, 5 + C, {lines}, {columns}], a grid of stride 16"
    require(len(evidence.outputs) == 1 and len(evidence.outputs[0].shape) == 4, wanted)
    output = evidence.outputs[0]
    channels = levels.channels(output.shape, lines, columns) or 0
    require(channels >= 6, wanted)
    classes = channels - 5
    require(len(card.labels) in (0, classes), f"{channels} channels are not 5 + {len(card.labels)} labels")
    rows = levels.rows(evidence.probe("textured")[output.name], lines, columns)
    require(value_checks.shares(rows[:, 0]), "the objectness of a trial run leaves 0..1")
    require(value_checks.sum_to_one(rows[:, 5:]), "the class probabilities of a trial run do not add up to 1")
    cut = value_checks.clipped(rows[:, 1:5])
    require(not cut, "the boxes of a trial run are cut off, quantised together with the scores")
    why = f"a grid of stride 16, an objectness, {classes} class probabilities that add up to 1"
    return Match.bringing(Sure.CERTAIN, why, FASTESTDET, decode=Reader(output.name))


DECODERS = (Decoder("fastestdet", _matches),)
