"""Rows of YOLOv5-Face: [1, N, 16] is 5 + 5 points + 1 class; plates with four corners in two colours are [1, N, 15]."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Sure
from edgerun.heads import grids


def encode(rows, height, width, random, *, points=5, classes=4):
    """Corners and middle of each object are its points: top left, top right, centre, bottom left, bottom right."""
    strides = np.concatenate([np.tile(grids.strides_of(height, width, (s,)), 3) for s in (8, 16, 32)])[:, None]
    centres = np.concatenate([np.tile(grids.centres(height, width, (s,)), (3, 1)) for s in (8, 16, 32)])
    count = len(strides)
    places = np.tile(centres, (1, points)) + random.normal(0, 2, (count, 2 * points)) * strides
    seen, shares = random.uniform(1e-4, 0.009, (count, 1)), random.uniform(0.01, 0.6, (count, classes))
    table = np.concatenate((centres, random.uniform(1, 3, (count, 2)) * strides, seen, places, shares), axis=1)
    for x1, y1, x2, y2, score, number in rows:
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        row = table[int(y / 8) * -(-width // 8) + int(x / 8)]
        row[:5] = x, y, x2 - x1, y2 - y1, 0.97
        row[5 : 5 + 2 * points] = (x1, y1, x2, y1, x, y, x1, y2, x2, y2)[: 2 * points]
        row[-classes:] = 0.01
        row[-classes + int(number)] = score / 0.97
    return {"output": table[None].astype(np.float32)}


HEADS = {
    "yolov5-points": {"encode": encode, "keypoints": 5},
    "yolov5-points/one class": {"encode": partial(encode, classes=1), "classes": 1, "keypoints": 5},
    "yolov5-points/labels": {"encode": encode, "keypoints": 5, "card": {"labels": list("abcd")}},
}


@pytest.mark.parametrize(("points", "classes", "columns"), [(5, 1, 16), (4, 2, 15)])
def test_points_before_the_classes_are_read_by_no_other_family(points, classes, columns, evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), points=points, classes=classes)
    assert outputs["output"].shape == (1, 6300, columns)
    known = evidence({}, (320, 320), outputs)
    found = {entry.name: entry.matches(known) for entry in decoders.BUILTIN}
    assert [name for name, match in found.items() if match.sure > Sure.NO] == ["yolov5-points"]
    assert found["yolov5-points"].conventions["keypoints"] == points
    assert found["yolov5-points"].conventions["task"] == "pose"


def test_a_card_with_other_points_is_contradicted(evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    known = evidence({"card": {"keypoints": 4}}, (320, 320), outputs)
    (family,) = (entry for entry in decoders.BUILTIN if entry.name == "yolov5-points")
    assert "not 4 points" in family.matches(known).why
