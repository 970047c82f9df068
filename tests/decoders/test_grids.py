from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.errors import DecoderAmbiguous, DecoderUnknown
from edgerun.heads import grids
from edgerun.interpretation import decoder_choice


def decoded(rows, height, width, random, *, objectness, per_cell=1, classes=4, unit=False, transposed=False, raw=False):
    """Rows of a grid: cx cy w h in pixels or 0..1, objectness, class scores."""
    strides = np.repeat(grids.strides_of(height, width, (8, 16, 32)), per_cell)
    corners = np.repeat(grids.centres(height, width, (8, 16, 32), 0.0), per_cell, axis=0)
    count = len(strides)
    offsets, logarithms = random.uniform(0, 1, (count, 2)), random.normal(0, 0.5, (count, 2))
    shares = random.uniform(0.001, 0.1, (count, classes))
    seen = random.uniform(0.0001, 0.009, (count, 1))
    for x1, y1, x2, y2, score, number in rows:
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        index = (int(y / 8) * -(-width // 8) + int(x / 8)) * per_cell
        offsets[index] = (np.array((x, y)) - corners[index]) / 8
        logarithms[index] = np.log(np.array((x2 - x1, y2 - y1)) / 8)
        shares[index] = 0.01
        shares[index, int(number)], seen[index] = (score / 0.97, 0.97) if objectness else (score, 0)
    if objectness:
        shares[seen[:, 0] < 0.01] *= 6  # a class given an object, where there is none
    boxes = np.concatenate((offsets, logarithms), axis=1)
    if not raw:
        boxes = np.concatenate((offsets * strides[:, None] + corners, np.exp(logarithms) * strides[:, None]), axis=1)
    if unit:
        boxes /= (width, height, width, height)
    table = np.concatenate((boxes, seen, shares) if objectness else (boxes, shares), axis=1).astype(np.float32)
    return {"output0": table.T[None] if transposed else table[None]}


def three_anchors(*a, **habits):
    return decoded(*a, objectness=True, per_cell=3, **habits)


def split(*a, logits=False, **habits):
    """A table stride by stride, as planes."""
    height, width = a[1:3]
    (table,) = decoded(*a, objectness=True, raw=True, **habits).values()
    outputs, start = {}, 0
    for stride in (8, 16, 32):
        lines, columns = -(-height // stride), -(-width // stride)
        rows = table[0, start : start + lines * columns].copy()
        start += lines * columns
        if logits:
            rows[:, 4:] = np.log(rows[:, 4:] / (1 - rows[:, 4:]))
        outputs[f"p{stride}"] = np.ascontiguousarray(rows.reshape(1, lines, columns, -1).transpose(0, 3, 1, 2))
    return outputs


FED = {"said": {"mean": 0.0}}
"""Whether YOLOX is of before 0.1.1."""
HEADS = {
    "yolov8": {"encode": partial(decoded, objectness=False, transposed=True)},
    "yolov8/unit": {"encode": partial(decoded, objectness=False, transposed=True, unit=True)},
    "yolov8-transposed": {"encode": partial(decoded, objectness=False), "card": {"labels": list("abcd")}},
    "yolov5": {"encode": three_anchors},
    "yolov5/unit": {"encode": partial(three_anchors, unit=True)},
    "yolox": {"encode": partial(decoded, objectness=True, raw=True), **FED},
    "yolox-split": {"encode": split, **FED},
    "yolox-split/logits": {"encode": partial(split, logits=True), **FED},
    "yolox-split/as many channels as distances and scores": {
        "encode": partial(split, classes=80),
        **FED,
        "classes": 80,
    },
    "yolox-split/logits in a number that three anchors could make": {
        "encode": partial(split, classes=16, logits=True),
        **FED,
        "classes": 16,
        "rivals": ("yolov5-raw",),
    },
    "yolox-decoded": {"encode": partial(decoded, objectness=True), "card": {"labels": list("abcd")}, **FED},
}


@pytest.mark.parametrize("name", ["yolov8", "yolov8-transposed", "yolov5", "yolox"])
def test_boxes_that_a_quantisation_for_scores_has_cut_off_are_refused(evidence, all_heads, name):
    head = all_heads[name]
    (size, *_) = head.get("sizes", ((320, 320),))
    outputs = head["encode"](np.empty((0, 6)), *size, np.random.default_rng(0))
    cut = {key: np.clip(np.rint(array * 3 * 256) / 256, 0, 255 / 256) for key, array in outputs.items()}
    with pytest.raises((DecoderUnknown, DecoderAmbiguous)):
        decoder_choice.choose(evidence(head, size, cut), decoders.BUILTIN)
