"""The whole path for tasks beyond boxes, on models made here whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun import Detector
from edgerun.boxes import corners, iou
from edgerun.heads import grids

pytest.importorskip("onnxruntime", reason="the models made here are run by ONNX Runtime")

SIDE = 128
ULTRALYTICS = {"stride": "32", "names": "{0: 'red', 1: 'green'}", "imgsz": f"[{SIDE}, {SIDE}]"}


@pytest.fixture
def made(tmp_path):
    """(outputs, prototypes=False, **metadata) -> path of a model that always gives these outputs; prototypes are the
    picture's own red and green, less a half, at a quarter of its size.
    """
    from onnx import helper, numpy_helper, save

    def build(outputs, *, prototypes=False, **metadata):
        nodes = [
            helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(array, np.float32)))
            for name, array in outputs.items()
        ]
        names = list(outputs)
        if prototypes:
            index = numpy_helper.from_array(np.array([0, 1]), "index")
            half = numpy_helper.from_array(np.float32(0.5), "half")
            nodes += [
                helper.make_node("Constant", [], ["i"], value=index),
                helper.make_node("Constant", [], ["h"], value=half),
                helper.make_node("AveragePool", ["images"], ["small"], kernel_shape=[4, 4], strides=[4, 4]),
                helper.make_node("Gather", ["small", "i"], ["two"], axis=1),
                helper.make_node("Sub", ["two", "h"], ["prototypes"]),
            ]
            names.append("prototypes")
        graph = helper.make_graph(
            nodes,
            "made",
            [helper.make_tensor_value_info("images", 1, [1, 3, SIDE, SIDE])],
            [
                helper.make_tensor_value_info(
                    name, 1, list(np.shape(outputs[name])) if name in outputs else [1, 2, SIDE // 4, SIDE // 4]
                )
                for name in names
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        helper.set_model_props(model, metadata)
        save(model, tmp_path / "made.onnx")
        return tmp_path / "made.onnx"

    return build


def rows_of(width, *rows):
    """[1, width, N], one row for each cell of the strides 8, 16, 32; noise but for these."""
    random = np.random.default_rng(0)
    centres, strides = grids.centres(SIDE, SIDE, (8, 16, 32)), grids.strides_of(SIDE, SIDE, (8, 16, 32))
    table = np.concatenate((centres, np.stack((strides, strides), axis=1), np.zeros((len(strides), width - 4))), axis=1)
    table[:, 4:6] = random.uniform(0, 0.02, (len(strides), 2))
    table[:, 6:] = random.normal(0, 0.5, (len(strides), width - 6))
    table[: len(rows)] = np.array(rows)
    return table.T[None]


@pytest.fixture
def picture():
    """Twice as wide as high, blue-green-red: a red disc around (80, 64), a green ellipse around (190, 70)."""
    import cv2

    canvas = np.zeros((128, 256, 3), np.uint8)
    cv2.circle(canvas, (80, 64), 40, (0, 0, 255), -1)
    cv2.ellipse(canvas, (190, 70), (50, 25), 0, 0, 360, (0, 255, 0), -1)
    return canvas


def test_a_mask_lies_where_the_thing_is(made, picture):
    # the picture lies in the middle of the input at half its size: 32 rows of border above
    rows = rows_of(8, (40, 64, 42, 42, 0.9, 0, 20, 0), (95, 67, 52, 27, 0, 0.8, 0, 20))
    path = made({"output0": rows}, prototypes=True, task="segment", **ULTRALYTICS)
    with Detector.load(path) as detector:
        assert detector.card.decoder == "yolo-segment"
        found = detector(picture)
    assert found.label.tolist() == ["red", "green"]
    for row, channel in ((0, 2), (1, 1)):
        expected, mask = picture[..., channel] > 127, found.masks.bitmap(row)
        assert mask.shape == expected.shape
        assert (mask & expected).sum() / (mask | expected).sum() > 0.9
    assert found.draw(picture).shape == picture.shape


def test_an_oriented_box_lies_along_the_thing(made, picture):
    angle = np.pi / 5
    rows = rows_of(
        7, (40, 64, 44, 20, 0.9, 0, angle), (44, 64, 44, 20, 0.8, 0, -angle), (41, 64, 44, 20, 0.7, 0, angle)
    )
    rows[0, 6] = np.where(
        rows[0, 4:6].max(axis=0) > 0.5, rows[0, 6], np.random.default_rng(1).uniform(-0.7, 2.3, rows.shape[2])
    )
    path = made({"output0": rows}, task="obb", **ULTRALYTICS)
    with Detector.load(path, overlap="polygon") as detector:
        assert detector.card.decoder == "yolo-obb"
        found = detector(picture, iou=0.5)
    # the third shares nearly all of the first; the second crosses it and stays
    np.testing.assert_allclose(found.score, [0.9, 0.8], atol=1e-6)
    np.testing.assert_allclose(found.rotated[0], [80, 64, 88, 40, angle], atol=1e-3)
    outline = corners(found.rotated[0])
    around = np.array([[*outline.min(axis=0), *outline.max(axis=0)]], np.float32)
    assert iou(found.xyxy[:1], around)[0, 0] > 0.99
    assert found.draw(picture).shape == picture.shape
    with Detector.load(path) as detector:  # as Gaussians the second is .506 alike the first: arXiv 2106.06072
        assert (detector.card.overlap, len(detector(picture, iou=0.5)), len(detector(picture, iou=0.6))) == (
            "probiou",
            1,
            2,
        )
        assert detector.card.source("overlap").startswith("convention: Ultralytics compares")


def test_finished_poses_lie_on_the_picture(made, picture):
    table = np.zeros((1, 30, 6 + 2 * 3))
    table[0, :, 4] = np.linspace(0.1, 0.001, 30)
    table[0, :, 6:] = (60, 70, 0.2) * 2
    table[0, 0] = (20, 44, 60, 84, 0.9, 1, 40, 64, 0.8, 60, 64, 0.7)
    path = made({"output0": table}, task="pose", kpt_shape="[2, 3]", **ULTRALYTICS)
    with Detector.load(path) as detector:
        assert detector.card.decoder == "yolo-pose-end2end"
        found = detector(picture)
    assert found.label.tolist() == ["green"]
    np.testing.assert_allclose(found.xyxy, [[40, 24, 120, 104]], atol=1e-3)
    np.testing.assert_allclose(found.keypoints, [[[80, 64, 0.8], [120, 64, 0.7]]], atol=1e-3)


def test_ultralytics_classifiers_need_no_argument(made, picture):
    path = made({"output0": np.array([[0.25, 0.75]])}, task="classify", **ULTRALYTICS)
    with Detector.load(path) as detector:
        assert (detector.card.decoder, detector.card.resize) == ("classify", "center-crop")
        found = detector(picture)
        assert len(detector(picture, conf=0.5)) == 1
    assert found.label.tolist() == ["green", "red"]
    # the middle of the picture, which is all that the model was shown
    np.testing.assert_allclose(found.xyxy, [[64, 0, 192, 128]] * 2, atol=1e-3)


def test_captions_of_one_box_stand_in_a_list(made, picture):
    path = made({"output0": np.array([[0.25, 0.75]])}, task="classify", **ULTRALYTICS)
    with Detector.load(path) as detector:
        found = detector(picture)
    both, best = found.draw(picture), found[0].draw(picture)
    changed = np.flatnonzero((both != best).any(axis=(1, 2)))
    assert len(changed), "the second caption is not to be seen"
    first = np.flatnonzero((best[:, 66:90] != picture[:, 66:90]).any(axis=(1, 2)))
    assert changed.max() > first[first < 60].max()
