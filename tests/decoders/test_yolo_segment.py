from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Frame, Sure
from edgerun.heads import grids
from edgerun.processing import masks
from edgerun.testing.heads import SIZES

PROTOTYPES = 8


def prototypes(height, width, random, *, last=False):
    planes = random.normal(0, 1, (1, PROTOTYPES, height // 4, width // 4)).astype(np.float32)
    return planes.transpose(0, 2, 3, 1) if last else planes


def on_grid(rows, height, width, random, *, objectness=False, classes=4, transposed=False, last=False, unit=False):
    per_cell = 3 if objectness else 1
    strides = np.repeat(grids.strides_of(height, width, (8, 16, 32)), per_cell)
    centres = np.repeat(grids.centres(height, width, (8, 16, 32)), per_cell, axis=0)
    count = len(strides)
    boxes = np.concatenate((centres, random.uniform(1, 3, (count, 2)) * strides[:, None]), axis=1)
    seen, shares = random.uniform(0.0001, 0.009, (count, 1)), random.uniform(0.0001, 0.05, (count, classes))
    weights = random.normal(0, 1, (count, PROTOTYPES))
    for x1, y1, x2, y2, score, number in rows:
        index = (int((y1 + y2) / 16) * -(-width // 8) + int((x1 + x2) / 16)) * per_cell
        boxes[index] = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
        shares[index], seen[index] = 0.01, 0.97
        shares[index, int(number)] = score / 0.97 if objectness else score
        weights[index] = np.linspace(-1, 1, PROTOTYPES)
    if unit:
        boxes /= (width, height, width, height)
    table = np.concatenate((boxes, *([seen] if objectness else []), shares, weights), axis=1).astype(np.float32)
    table = table[None] if objectness or transposed else table.T[None]
    return {"output0": table, "output1": prototypes(height, width, random, last=last)}


def finished(rows, height, width, random):
    table = np.zeros((300, 6 + PROTOTYPES))
    corners = random.uniform(0, 200, (300, 2))
    table[:, :4] = np.concatenate((corners, corners + random.uniform(5, 50, (300, 2))), axis=1)
    table[:, 4] = np.sort(random.uniform(0.001, 0.1, 300))[::-1]
    table[:, 6:] = random.normal(0, 1, (300, PROTOTYPES))
    table[: len(rows), :6] = rows[np.argsort(-rows[:, 4])]
    return {"output0": table[None].astype(np.float32), "output1": prototypes(height, width, random)}


LABELS = {"card": {"labels": list("abcd")}}
WHOLE = {"sizes": SIZES[:-1]}
"""Prototypes are a quarter of the input in each direction, so its sides are multiples of the strides."""
HEADS = {
    "yolo-segment": {"encode": on_grid, **WHOLE},
    "yolo-segment/labels": {"encode": on_grid, **LABELS, **WHOLE},
    "yolo-segment/unit, transposed, prototypes last": {
        "encode": partial(on_grid, unit=True, transposed=True, last=True), **WHOLE,
    },
    "yolov5-segment": {"encode": partial(on_grid, objectness=True), **WHOLE},
    "yolo-segment-end2end": {"encode": finished, "large": None, **WHOLE},
}  # fmt: skip


@pytest.mark.parametrize("name", ["yolo-segment", "yolo-segment-end2end"])
def test_weights_and_prototypes_come_with_each_row(name, evidence):
    (decoder,) = (entry for entry in decoders.BUILTIN if entry.name == name)
    rows = np.array([[40, 40, 120, 130, 0.9, 1], [150, 160, 280, 300, 0.8, 2]])
    outputs = HEADS[name]["encode"](rows, 320, 320, np.random.default_rng(0))
    known = evidence({}, (320, 320), outputs)
    assert decoder.matches(known).conventions["task"] == "segment"
    found = decoder.matches(known).decode(outputs, Frame(320, 320, 0.5, known.card))
    assert found.coefficients.shape == (2, PROTOTYPES)
    assert found.prototypes.shape == (PROTOTYPES, 80, 80)
    shares = masks.from_prototypes(found.coefficients, found.prototypes)
    table = outputs["output0"][0] if name.endswith("end2end") else outputs["output0"][0].T
    scores = table[:, 4] if name.endswith("end2end") else table[:, 4:8].max(axis=1)
    mixed = table[scores >= 0.5, -PROTOTYPES:] @ outputs["output1"][0].reshape(PROTOTYPES, -1)
    np.testing.assert_allclose(shares.reshape(2, -1), 1 / (1 + np.exp(-mixed)), atol=1e-5)


def test_another_task_is_believed(evidence):
    outputs = on_grid(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    for name in ("yolo-segment", "yolov5-segment", "yolo-segment-end2end"):
        (decoder,) = (entry for entry in decoders.BUILTIN if entry.name == name)
        assert decoder.matches(evidence({}, (320, 320), outputs, task="detect")).sure is Sure.NO
