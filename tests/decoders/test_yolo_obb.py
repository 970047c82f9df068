from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import boxes, decoders
from edgerun.contract import Frame, Sure
from edgerun.heads import grids


def on_grid(rows, height, width, random, *, angle=0.0, classes=4, transposed=False, unit=False):
    strides = grids.strides_of(height, width, (8, 16, 32))
    centres = grids.centres(height, width, (8, 16, 32))
    table = np.concatenate(
        (
            centres,
            random.uniform(1, 3, (len(strides), 2)) * strides[:, None],
            random.uniform(0.0001, 0.05, (len(strides), classes)),
            random.uniform(-0.7, 2.3, (len(strides), 1)),
        ),
        axis=1,
    )
    for x1, y1, x2, y2, score, number in rows:
        index = int((y1 + y2) / 16) * -(-width // 8) + int((x1 + x2) / 16)
        table[index] = 0.01
        table[index, :4], table[index, -1] = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1), angle
        table[index, 4 + int(number)] = score
    if unit:
        table[:, :4] /= (width, height, width, height)
    return {"output0": (table if transposed else table.T)[None].astype(np.float32)}


def finished(rows, height, width, random, *, angle=0.0):
    table = np.zeros((300, 7))
    table[:, :2], table[:, 2:4] = random.uniform(50, 250, (300, 2)), random.uniform(5, 50, (300, 2))
    table[:, 4] = np.sort(random.uniform(0.001, 0.1, 300))[::-1]
    table[:, 6] = random.uniform(-0.7, 2.3, 300)
    for index, (x1, y1, x2, y2, score, number) in enumerate(rows[np.argsort(-rows[:, 4])]):
        table[index] = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, score, number, angle
    return {"output0": table[None].astype(np.float32)}


HEADS = {
    "yolo-obb": {"encode": on_grid},
    "yolo-obb/said": {"encode": on_grid, "card": {"task": "obb", "labels": list("abcd")}},
    "yolo-obb/unit": {"encode": partial(on_grid, unit=True)},
    "yolo-obb/transposed": {"encode": partial(on_grid, transposed=True)},
    "yolo-obb-end2end": {"encode": finished, "large": None},
}


def decoder_of(name):
    return next(entry for entry in decoders.BUILTIN if entry.name == name)


@pytest.mark.parametrize("name", ["yolo-obb", "yolo-obb-end2end"])
def test_an_oriented_box_comes_back_with_the_upright_one_around_it(name, evidence):
    rows = np.array([[100, 140, 220, 180, 0.9, 3]])
    outputs = HEADS[name]["encode"](rows, 320, 320, np.random.default_rng(0), angle=np.pi / 6)
    known = evidence({}, (320, 320), outputs)
    found = decoder_of(name).matches(known).decode(outputs, Frame(320, 320, 0.5, known.card))
    np.testing.assert_allclose(found.rotated, [[160, 160, 120, 40, np.pi / 6]], atol=1e-3)
    corners = boxes.corners(found.rotated[0])
    np.testing.assert_allclose(found.boxes[0], [*corners.min(axis=0), *corners.max(axis=0)], atol=1e-3)
    assert corners[1][1] > corners[0][1], "a positive angle turns the right end down"


def test_angles_that_could_be_a_class_are_not_taken_for_a_class_in_silence(evidence):
    outputs = on_grid(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    outputs["output0"][0, -1] = np.random.default_rng(1).uniform(0.2, 0.9, outputs["output0"].shape[2])
    verdicts = {entry.name: entry.matches(evidence({}, (320, 320), outputs)).sure for entry in decoders.BUILTIN}
    assert verdicts["yolo-obb"] is verdicts["yolov8"] is Sure.LIKELY


def test_scores_of_a_class_are_no_angle(evidence):
    outputs = on_grid(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    outputs["output0"][0, -1] = np.random.default_rng(1).uniform(0, 0.02, outputs["output0"].shape[2])
    assert decoder_of("yolo-obb").matches(evidence({}, (320, 320), outputs)).sure is Sure.NO
    assert decoder_of("yolo-obb").matches(evidence({}, (320, 320), outputs, task="obb")).sure is Sure.NO


def test_rows_that_say_nothing_are_not_taken_for_oriented_boxes(evidence):
    decoder = decoder_of("yolo-obb-end2end")
    nothing = {"output0": np.zeros((1, 300, 7), np.float32)}
    assert decoder.matches(evidence({}, (320, 320), nothing)).sure is Sure.NO
    assert decoder.matches(evidence({}, (320, 320), nothing, task="obb")).sure is Sure.LIKELY
    assert decoder.matches(evidence({}, (320, 320), nothing, decoder=decoder.name)).sure is Sure.LIKELY
    upright = finished(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    upright["output0"][..., 2:4] += upright["output0"][..., :2]
    assert decoder.matches(evidence({}, (320, 320), upright)).sure is Sure.NO


def test_classes_that_are_all_high_are_no_angle(evidence):
    outputs = on_grid(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    outputs["output0"][0, 4:] = np.random.default_rng(1).uniform(0.2, 0.9, outputs["output0"][0, 4:].shape)
    assert decoder_of("yolo-obb").matches(evidence({}, (320, 320), outputs)).sure is Sure.NO
