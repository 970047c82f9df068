from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Sure
from edgerun.errors import DecoderAmbiguous
from edgerun.heads import grids
from edgerun.interpretation import decoder_choice


def points_of(row, dims):
    x1, y1, x2, y2 = row[:4]
    places = [(x1, y1), (x2, y1), ((x1 + x2) / 2, (y1 + y2) / 2), (x1, y2), (x2, y2)]
    return np.array([(*place, 0.9)[:dims] for place in places]).reshape(-1)


def noise(count, height, width, random, dims):
    columns = [random.uniform(-9, width, (count, 5)), random.uniform(-9, height, (count, 5))]
    columns += [random.uniform(0.01, 0.99, (count, 5))] if dims == 3 else []
    return np.stack(columns, axis=2).reshape(count, -1)


def on_grid(rows, height, width, random, *, dims=3, classes=4, objectness=False, transposed=False, unit=False):
    per_cell = 3 if objectness else 1
    strides = np.repeat(grids.strides_of(height, width, (8, 16, 32)), per_cell)
    centres = np.repeat(grids.centres(height, width, (8, 16, 32)), per_cell, axis=0)
    count = len(strides)
    boxes = np.concatenate((centres, random.uniform(1, 3, (count, 2)) * strides[:, None]), axis=1)
    seen, shares = random.uniform(0.0001, 0.009, (count, 1)), random.uniform(0.0001, 0.05, (count, classes))
    points = noise(count, height, width, random, dims)
    for row in rows:
        index = (int((row[1] + row[3]) / 16) * -(-width // 8) + int((row[0] + row[2]) / 16)) * per_cell
        boxes[index] = (row[0] + row[2]) / 2, (row[1] + row[3]) / 2, row[2] - row[0], row[3] - row[1]
        shares[index], seen[index] = 0.01, 0.97
        shares[index, int(row[5])] = row[4] / 0.97 if objectness else row[4]
        points[index] = points_of(row, dims)
    if unit:
        boxes /= (width, height, width, height)
        points = np.clip(points / np.tile([width, height, 1][:dims], 5), 0, 1)
    table = np.concatenate((boxes, *([seen] if objectness else []), shares, points), axis=1).astype(np.float32)
    return {"output0": table[None] if objectness or transposed else table.T[None]}


def finished(rows, height, width, random, *, dims=3):
    table = np.zeros((300, 6 + 5 * dims))
    corners = random.uniform(0, 200, (300, 2))
    table[:, :4] = np.concatenate((corners, corners + random.uniform(5, 50, (300, 2))), axis=1)
    table[:, 4] = np.sort(random.uniform(0.001, 0.1, 300))[::-1]
    table[:, 6:] = noise(300, height, width, random, dims)
    for index, row in enumerate(rows[np.argsort(-rows[:, 4])]):
        table[index, :6], table[index, 6:] = row, points_of(row, dims)
    return {"output0": table[None].astype(np.float32)}


FIVE = {"keypoints": 5}
HEADS = {
    "yolov8/pose": {"encode": on_grid, "card": {"task": "pose", "keypoints": 5, "keypoint_dims": 3}, **FIVE},
    "yolo-pose": {"encode": on_grid, **FIVE},
    "yolo-pose/without visibility": {"encode": partial(on_grid, dims=2), **FIVE},
    "yolo-pose/transposed": {"encode": partial(on_grid, transposed=True), **FIVE},
    "yolov7-pose": {"encode": partial(on_grid, objectness=True), **FIVE},
    "yolo-pose-end2end": {"encode": finished, "large": None, **FIVE},
    "yolo-pose-end2end/without visibility": {"encode": partial(finished, dims=2), "large": None, **FIVE},
}


def test_keypoints_in_shares_of_the_input_are_not_taken_for_classes_in_silence(evidence):
    outputs = on_grid(np.empty((0, 6)), 320, 320, np.random.default_rng(0), unit=True)
    with pytest.raises(DecoderAmbiguous) as refusal:
        decoder_choice.choose(evidence({}, (320, 320), outputs), decoders.BUILTIN)
    assert 'decoder="yolo-pose"' in refusal.value.hint
    with pytest.raises(DecoderAmbiguous) as refusal:
        decoder_choice.choose(evidence({}, (320, 320), outputs, decoder="yolo-pose"), decoders.BUILTIN)
    assert "keypoints=17" in refusal.value.hint
    choice = decoder_choice.choose(evidence({}, (320, 320), outputs, task="pose", keypoints=5), decoders.BUILTIN)
    assert choice.decoder.name == "yolov8"


def test_finished_rows_with_as_many_columns_as_keypoints_need_are_believed(evidence):
    (decoder,) = (entry for entry in decoders.BUILTIN if entry.name == "yolo-pose-end2end")
    outputs = finished(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    assert decoder.matches(evidence({}, (320, 320), outputs, task="pose", keypoints=5)).sure is Sure.CERTAIN
    assert decoder.matches(evidence({}, (320, 320), outputs, task="pose", keypoints=6)).sure is Sure.NO
    assert decoder.matches(evidence({}, (320, 320), outputs, task="detect")).sure is Sure.NO
