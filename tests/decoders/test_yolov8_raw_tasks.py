"""Heads of ultralytics 8.0 to 8.3 before their decoding: 64 + 1 + 15 channels of a face, 64 + 15 + 1 of DOTA."""

from __future__ import annotations

import importlib.util
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Frame, Sure

if "heads_of_test_nanodet" not in sys.modules:
    spec = importlib.util.spec_from_file_location("heads_of_test_nanodet", Path(__file__).with_name("test_nanodet.py"))
    sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[spec.name])
nanodet = sys.modules["heads_of_test_nanodet"]

STRIDES = (8, 16, 32)


def logit(score):
    return np.log(score / (1 - score))


def beside(outputs, classes, *, finished=False, split=False):
    """The same, with what follows the classes of all strides in one output, as networks in training return it."""
    maps, tails = {}, []
    for index, (name, array) in enumerate(outputs.items()):
        maps[name] = array[:, : 64 + classes]
        tail = array[0, 64 + classes :].reshape(array.shape[1] - 64 - classes, -1)
        tails.append(done(tail, STRIDES[index], array.shape[3]) if finished else tail)
    rows = np.concatenate(tails, axis=1)[None].astype(np.float32)
    return maps | {"beside": rows.reshape(1, -1, 3, rows.shape[2]) if split else rows}


def done(tail, stride, columns):
    """Points [15, N] in pixels, or an angle [1, N] in radians, of raw ones of one stride."""
    if len(tail) == 1:
        return (1 / (1 + np.exp(-tail)) - 0.25) * np.pi
    points = tail.reshape(5, 3, -1)
    lines, places = np.divmod(np.arange(points.shape[2]), columns)
    points[:, 0], points[:, 1] = (2 * points[:, 0] + places) * stride, (2 * points[:, 1] + lines) * stride
    points[:, 2] = 1 / (1 + np.exp(-points[:, 2]))
    return points.reshape(tail.shape)


def points_of(row, x, y, stride):
    """Raw numbers of corners and middle, three each; x y is the top left corner of the cell."""
    x1, y1, x2, y2 = row[:4]
    places = [(x1, y1), (x2, y1), ((x1 + x2) / 2, (y1 + y2) / 2), (x1, y2), (x2, y2)]
    return np.array([(*((np.array(place) - (x, y)) / stride / 2), 3.0) for place in places]).reshape(-1)


def encode(rows, height, width, random, *, kind="pose", joined=True, classes=1, angle=0.0):
    found = nanodet.encode(
        rows, height, width, random, strides=STRIDES, bins=16, offset=0.5, logits=True, classes=classes
    )
    outputs = {}
    tails = {stride: random.normal(0, 1, (len(found[stride][0]), 15 if kind == "pose" else 1)) for stride in STRIDES}
    for row in rows:
        stride, line, column, columns = nanodet.place(row, STRIDES, height, width, 16)
        tail = points_of(row, column * stride, line * stride, stride) if kind == "pose" else logit(angle / np.pi + 0.25)
        tails[stride][line * columns + column] = tail
    for stride in STRIDES:
        parts = [found[stride][1], found[stride][0], tails[stride]]
        grid = -(-height // stride), -(-width // stride)
        planes = [part.reshape(*grid, -1).transpose(2, 0, 1)[None].astype(np.float32) for part in parts]
        for array in [np.concatenate(planes, axis=1)] if joined else planes:
            outputs[f"output{len(outputs)}"] = array
    return outputs


HEADS = {
    "yolov8-raw-pose": {"encode": encode, "classes": 1, "keypoints": 5},
    "yolov8-raw-pose/apart": {"encode": partial(encode, joined=False), "classes": 1, "keypoints": 5},
    "yolov8-raw-pose/said": {
        "encode": encode,
        "classes": 1,
        "keypoints": 5,
        "card": {"task": "pose", "labels": ["face"], "keypoints": 5, "keypoint_dims": 3},
    },
    "yolov8-raw-pose/beside": {"encode": lambda *a: beside(encode(*a), 1), "classes": 1, "keypoints": 5},
    "yolov8-raw-pose/beside and finished": {
        "encode": lambda *a: beside(encode(*a), 1, finished=True, split=True),
        "classes": 1,
        "keypoints": 5,
    },
    "yolov8-raw-obb/beside": {"encode": lambda *a: beside(encode(*a, kind="obb", classes=15), 15), "classes": 15},
    "yolov8-raw-obb": {"encode": partial(encode, kind="obb", classes=15), "classes": 15},
    "yolov8-raw-obb/apart": {"encode": partial(encode, kind="obb", classes=15, joined=False), "classes": 15},
}


def verdicts(evidence, outputs, **said):
    known = evidence({"card": said}, (320, 320), outputs)
    return {entry.name: entry.matches(known) for entry in decoders.BUILTIN}


@pytest.mark.parametrize(("kind", "classes", "right"), [("pose", 1, "yolov8-raw-pose"), ("obb", 15, "yolov8-raw-obb")])
@pytest.mark.parametrize("joined", [True, False])
def test_points_and_angles_are_no_classes(kind, classes, right, joined, evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), kind=kind, classes=classes, joined=joined)
    found = verdicts(evidence, outputs)
    assert [name for name, match in found.items() if match.sure >= Sure.LIKELY] == [right]
    assert found["yolov8-raw"].sure is Sure.NO
    assert found["yolov8-split"].sure is Sure.NO


def test_the_task_counts_where_names_are_missing(evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    found = verdicts(evidence, outputs, task="pose", keypoints=5, keypoint_dims=3)
    assert found["yolov8-raw-pose"].sure is Sure.CERTAIN
    assert "not pose" in found["yolov8-raw"].why
    assert "not pose" in found["yolov8-raw-obb"].why
    assert "not 6 points" in verdicts(evidence, outputs, keypoints=6)["yolov8-raw-pose"].why


def test_classes_are_not_taken_for_points_or_an_angle(evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), kind="obb", classes=16)
    outputs = {name: array[:, :-1] for name, array in outputs.items()}
    found = verdicts(evidence, outputs)
    assert [name for name, match in found.items() if match.sure >= Sure.LIKELY] == ["yolov8-raw"]


def test_metadata_of_a_pose_do_not_make_points_of_classes(evidence):
    """16 classes whose file says pose and [5, 3]: no point lies that far to the left of and above every cell."""
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    low = {name: np.concatenate((a[:, :65], np.full_like(a[:, 65:], -7)), axis=1) for name, a in outputs.items()}
    found = verdicts(evidence, low, task="pose", keypoints=5, keypoint_dims=3)["yolov8-raw-pose"]
    assert (found.sure, found.why) == (Sure.NO, "what should be keypoints of a probe run may as well be classes")
    true = verdicts(evidence, outputs, task="pose", keypoints=5, keypoint_dims=3)["yolov8-raw-pose"]
    assert true.sure is Sure.CERTAIN


def test_six_columns_may_be_two_points_or_three(evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    outputs = {name: array[:, :71] for name, array in outputs.items()}
    assert "keypoints=" in verdicts(evidence, outputs)["yolov8-raw-pose"].why
    found = verdicts(evidence, outputs, keypoints=3, keypoint_dims=2)["yolov8-raw-pose"]
    assert found.conventions["keypoint_dims"] == 2


@pytest.mark.parametrize("form", ["joined", "beside", "finished"])
def test_an_angle_turns_the_distances_about_the_middle_of_the_cell(form, evidence):
    rows = np.array([[88, 120, 200, 160, 0.9, 3]])
    outputs = encode(rows, 320, 320, np.random.default_rng(0), kind="obb", classes=15, angle=np.pi / 6)
    if form != "joined":
        outputs = beside(outputs, 15, finished=form == "finished")
    known = evidence({}, (320, 320), outputs)
    (family,) = (entry for entry in decoders.BUILTIN if entry.name == "yolov8-raw-obb")
    found = family.matches(known).decode(outputs, Frame(320, 320, 0.5, known.card))
    # the cell of stride 8 whose middle is 148, 140: the box's lies 4 to the left of it, turned by 30 degrees
    np.testing.assert_allclose(found.rotated, [[144.5359, 138, 112, 40, np.pi / 6]], atol=1e-3)
    assert found.classes.tolist() == [3]


@pytest.mark.parametrize("finished", [False, True])
def test_points_beside_the_maps_are_those_of_their_own_stride(finished, evidence):
    """In one output the rows of stride 16 and 32 come behind those of stride 8."""
    rows = np.array([[20, 30, 300, 310, 0.9, 0]])
    outputs = beside(encode(rows, 320, 320, np.random.default_rng(0)), 1, finished=finished)
    known = evidence({}, (320, 320), outputs)
    (family,) = (entry for entry in decoders.BUILTIN if entry.name == "yolov8-raw-pose")
    found = family.matches(known).decode(outputs, Frame(320, 320, 0.5, known.card))
    places = [(20, 30), (300, 30), (160, 170), (20, 310), (300, 310)]
    np.testing.assert_allclose(found.keypoints[0, :, :2], places, atol=1e-3)


def test_angles_in_0_to_1_may_be_radians_or_shares(evidence):
    """A sigmoid without the last step, (σ - 1/4) · π, lies there, and so may the angles of one picture."""
    outputs = beside(encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), kind="obb", classes=15), 15)
    outputs["beside"] = np.random.default_rng(0).uniform(0.1, 0.9, outputs["beside"].shape).astype(np.float32)
    (family,) = (entry for entry in decoders.BUILTIN if entry.name == "yolov8-raw-obb")
    assert family.matches(evidence({}, (320, 320), outputs)).sure is Sure.NO


def test_points_that_lie_nowhere_near_their_cells_are_no_points(evidence):
    outputs = beside(encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0)), 1)
    outputs["beside"] = np.random.default_rng(0).uniform(0, 320, outputs["beside"].shape).astype(np.float32)
    (family,) = (entry for entry in decoders.BUILTIN if entry.name == "yolov8-raw-pose")
    assert family.matches(evidence({}, (320, 320), outputs)).sure is Sure.NO
