"""rtmlib's post-processing (Apache-2.0) against ours, of the same outputs: YOLOX, RTMDet, RTMO, RTMPose, RF-DETR."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun import Detector

pytest.importorskip("rtmlib", reason="the referee is rtmlib: pip install --no-deps rtmlib==0.0.16")
torch = pytest.importorskip("torch", reason="the referees are PyTorch models")
pytest.importorskip("onnxruntime", reason="exported models are run by ONNX Runtime")

from rtmlib.tools.object_detection import RFDETR, YOLOX, RTMDet  # noqa: E402
from rtmlib.tools.pose_estimation.post_processings import get_simcc_maximum  # noqa: E402
from rtmlib.tools.pose_estimation.rtmo import RTMO  # noqa: E402

pytestmark = [pytest.mark.referee, pytest.mark.filterwarnings("ignore")]

CLASSES = 5
SIZE = (192, 256)
SEVERAL = [(192, 256), (96, 64), (60, 128)]
"""Of pictures: that of the model, and two that grow to whole pixels; rtmlib cuts off what is left over."""


def bare(kind, **fields):
    """A tool of rtmlib without its session: only what its post-processing asks for."""
    tool = kind.__new__(kind)
    for name, value in {"model_input_size": SIZE, "nms_thr": 2.0, "score_thr": 0.0, **fields}.items():
        setattr(tool, name, value)
    return tool


class Grid(torch.nn.Module):
    """A head of one anchor per cell at strides 8, 16, 32."""

    def __init__(self, channels, white=255.0):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Conv2d(3, channels, stride, stride=stride) for stride in (8, 16, 32))
        self.white = white

    def forward(self, pixels):
        return torch.cat(
            [layer(pixels / self.white if self.white != 1 else pixels).flatten(2) for layer in self.layers], dim=2
        ).transpose(1, 2)


class YoloxHead(Grid):
    """Raw YOLOX: offsets from the cell, logarithms of sizes, then an objectness and shares of the classes."""

    def forward(self, pixels):
        rows = super().forward(pixels)
        return torch.cat([rows[..., :4] - 0.2, rows[..., 4:].sigmoid()], dim=2)


def test_yolox_is_decoded_as_rtmlib_does(tmp_path, record_property, noise, lively, export, differences, rows_of):
    export(lively(YoloxHead(5 + CLASSES)), tmp_path / "model.onnx", torch.rand(1, 3, *SIZE), ["output"])
    with Detector.load(tmp_path / "model.onnx") as detector:
        assert detector.card.decoder == "yolox"
        for size in SEVERAL:
            picture = noise(size)
            fed = detector.feed(picture)
            padded, ratio = bare(YOLOX).preprocess(picture)
            np.testing.assert_allclose(fed["images"][0].transpose(1, 2, 0), padded, atol=1)
            raw = detector.session.run(fed)["output"]
            tool = bare(YOLOX, det_mode="multiclass")
            found = detector(picture, conf=0.3, nms="none", max_det=10_000)
            # rtmlib gives every class of a row; ours are the best of each
            keep = raw[..., 5:] == raw[..., 5:].max(axis=2, keepdims=True)
            boxes, classes = tool.postprocess(np.concatenate([raw[..., :5], raw[..., 5:] * keep], axis=2), ratio)
            order = [
                np.flatnonzero((raw[0, :, 4:5] * raw[0, :, 5:] * keep[0])[:, number] > 0) for number in range(CLASSES)
            ]
            scores = np.concatenate(
                [np.sort(raw[0, rows, 4] * raw[0, rows, 5 + number])[::-1] for number, rows in enumerate(order)]
            )
            expected = np.column_stack([boxes, scores, classes]).astype(np.float64)
            expected = expected[expected[:, 4] >= 0.3]
            expected[:, :4] = np.clip(expected[:, :4], 0, [size[1], size[0]] * 2)
            errors = differences(rows_of(found), expected)
            record_property("box", float(errors[:, :4].max()))
            assert errors[:, :4].max() < 1e-3
            assert errors[:, 4].max() < 1e-5


class Finished(torch.nn.Module):
    """Rows with scores that the graph has suppressed, x1 y1 x2 y2 score, and labels or keypoints."""

    def __init__(self, keypoints=0):
        super().__init__()
        # RTMDet is fed deviations, RTMO bytes
        self.grid, self.keypoints = Grid(6 + keypoints * 3, 255.0 if keypoints else 1.0), keypoints

    def forward(self, pixels):
        rows = self.grid(pixels)
        size = torch.tensor([pixels.shape[3], pixels.shape[2]], dtype=torch.float32)
        centres, sides = rows[..., :2].sigmoid() * size, rows[..., 2:4].exp() * 10
        scores, order = rows[..., 4].sigmoid().topk(30, dim=1)
        boxes = torch.cat([centres - sides / 2, centres + sides / 2], dim=2)
        boxes = boxes.gather(1, order[..., None].expand(-1, -1, 4))
        dets = torch.cat([boxes, scores[..., None]], dim=2)
        if not self.keypoints:
            return dets, (rows[..., 5].sigmoid() * CLASSES).floor().long().gather(1, order)
        points = rows[..., 6:].gather(1, order[..., None].expand(-1, -1, self.keypoints * 3))
        points = points.reshape(1, 30, self.keypoints, 3).sigmoid()
        return dets, points * torch.cat([size, torch.ones(1)])


def within(boxes):
    """Which boxes, cut off at the border, have an area; random weights put many beside the image."""
    seen = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    assert seen.any()
    return seen


def test_rtmdets_finished_rows_are_mapped_as_rtmlib_does(tmp_path, noise, lively, export):
    export(lively(Finished(), 0.5), tmp_path / "model.onnx", torch.rand(1, 3, *SIZE), ["dets", "labels"])
    tool = bare(RTMDet, det_mode="human", mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395))
    with Detector.load(tmp_path / "model.onnx", color="bgr", scale=1, mean=tool.mean, std=tool.std) as detector:
        assert detector.card.decoder == "mmdetection"
        for size in SEVERAL:
            picture = noise(size)
            padded, ratio = tool.preprocess(picture)
            fed = detector.feed(picture)
            np.testing.assert_allclose(fed["images"][0].transpose(1, 2, 0), padded, atol=0.03)
            dets, labels = detector.session.run(fed).values()
            found = detector(picture, conf=0.0)
            expected = np.clip(tool.postprocess(dets, ratio), 0, [size[1], size[0]] * 2)
            seen = within(expected)
            np.testing.assert_allclose(found.xyxy, expected[seen], atol=1e-3)
            np.testing.assert_allclose(found.score, dets[0, seen, 4], atol=1e-5)
            assert found.class_id.tolist() == labels[0, seen].tolist()


def test_rtmos_keypoints_are_mapped_as_rtmlib_does(tmp_path, noise, lively, export):
    export(lively(Finished(17), 0.5), tmp_path / "model.onnx", torch.rand(1, 3, *SIZE), ["dets", "keypoints"])
    with Detector.load(tmp_path / "model.onnx") as detector:
        assert detector.card.decoder == "rtmo"
        for size in SEVERAL:
            picture = noise(size)
            fed = detector.feed(picture)
            padded, ratio = bare(RTMO, mean=None).preprocess(picture)
            np.testing.assert_allclose(fed["images"][0].transpose(1, 2, 0), padded, atol=1)
            dets, points = detector.session.run(fed).values()
            keypoints, scores = bare(RTMO).postprocess([dets.copy(), points], ratio, 2.0, 0.0)
            found = detector(picture, conf=0.0)
            seen = within(np.clip(dets[0, :, :4] / ratio, 0, [size[1], size[0]] * 2))
            np.testing.assert_allclose(found.score, dets[0, seen, 4], atol=1e-5)
            np.testing.assert_allclose(found.keypoints[..., :2], keypoints[seen], atol=1e-3)
            np.testing.assert_allclose(found.keypoints[..., 2], scores[seen], atol=1e-5)


class SimCC(torch.nn.Module):
    """Rows of scores over two bins per pixel, for each of 17 keypoints."""

    def __init__(self, height, width):
        super().__init__()
        self.sides = torch.nn.ModuleList(torch.nn.Linear(3 * 16, 17 * 2 * side) for side in (width, height))

    def forward(self, pixels):
        seen = torch.nn.functional.adaptive_avg_pool2d(pixels, 4).flatten(1)
        return tuple(side(seen).reshape(1, 17, -1).sigmoid() for side in self.sides)


def test_rtmposes_keypoints_are_those_of_rtmlib(tmp_path, noise, lively, export):
    size = (256, 192)
    export(lively(SimCC(*size), 4.0), tmp_path / "model.onnx", torch.rand(1, 3, *size), ["simcc_x", "simcc_y"])
    picture = noise(size)
    with Detector.load(tmp_path / "model.onnx") as detector:
        assert detector.card.decoder == "simcc"
        across, down = detector.session.run(detector.feed(picture)).values()
        found = detector(picture, conf=0.0)
    places, _ = get_simcc_maximum(across, down)
    np.testing.assert_allclose(found.keypoints[0, :, :2], places[0] / 2.0, atol=1e-3)
    # MMPose gives the lesser of the two maxima, rtmlib their mean
    np.testing.assert_allclose(found.keypoints[0, :, 2], np.minimum(across.max(axis=2), down.max(axis=2))[0], atol=1e-5)


class Queries(torch.nn.Module):
    """RF-DETR's two outputs: boxes in 0..1 and logits, of which class 0 is nothing."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3 * 16, 20 * (4 + 1 + CLASSES))

    def forward(self, pixels):
        rows = self.layer(torch.nn.functional.adaptive_avg_pool2d(pixels, 4).flatten(1)).reshape(1, 20, -1)
        inside = torch.tensor([0.25, 0.25, 0.0, 0.0])
        return inside + rows[..., :4].sigmoid() * 0.5, rows[..., 4:] - 2


def test_rf_detrs_boxes_are_those_of_rtmlib(tmp_path, record_property, noise, lively, export, differences, rows_of):
    size = (128, 128)
    export(lively(Queries(), 4.0), tmp_path / "model.onnx", torch.rand(1, 3, *size), ["dets", "labels"])
    tool = bare(RFDETR, det_mode="multiclass", num_select=20 * (1 + CLASSES), score_thr=0.3)
    with Detector.load(tmp_path / "model.onnx", decoder="detr-sigmoid") as detector:
        for shown in [(128, 128), (150, 70)]:
            picture = noise(shown)
            raw = detector.session.run(detector.feed(picture))
            boxes, classes = tool.postprocess([raw["dets"], raw["labels"]], np.array(shown))
            found = detector(picture, conf=0.3, classes=range(1, 1 + CLASSES))
            assert len(found) > 3
            got = rows_of(found)
            expected = np.column_stack([boxes, np.zeros(len(boxes)), classes + 1]).astype(np.float64)
            expected[:, :4] = np.clip(expected[:, :4], 0, [shown[1], shown[0]] * 2)
            got[:, 4] = 0
            # ours are at most as many answers as queries, as RF-DETR's own; rtmlib's default is 300
            expected = expected[: len(got)] if len(got) == 20 else expected
            errors = differences(got, expected)
            record_property("box", float(errors[:, :4].max()))
            assert errors[:, :4].max() < 1e-3
