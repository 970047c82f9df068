"""Detectors of torchvision (BSD-3-Clause), random weights, exported here: our rows against its own post-processing.

Each is built by the package's own classes over a tiny backbone. Whole models keep torchvision's post-processing in the
graph; bare heads leave it to us.
"""

from __future__ import annotations

import numpy as np
import pytest

from edgerun import Detector

torch = pytest.importorskip("torch", reason="the referees are PyTorch models")
torchvision = pytest.importorskip("torchvision", reason="the referee is torchvision: pip install torchvision==0.28.0")
pytest.importorskip("onnxruntime", reason="exported models are run by ONNX Runtime")

from torchvision.models.detection import (  # noqa: E402  # noqa: E402
    anchor_utils,
    faster_rcnn,
    fcos,
    keypoint_rcnn,
    mask_rcnn,
    retinanet,
    ssd,
    ssdlite,
)
from torchvision.models.detection.image_list import ImageList  # noqa: E402
from torchvision.ops import MultiScaleRoIAlign  # noqa: E402

pytestmark = [pytest.mark.referee, pytest.mark.filterwarnings("ignore")]

CLASSES = 6
WIDTH = 32
EVERYTHING = 100_000


class Pyramid(torch.nn.Module):
    """A backbone that sees a picture at several strides, or as grids of several sides."""

    def __init__(self, strides=(), sides=()):
        super().__init__()
        self.out_channels, self.sides = WIDTH, sides
        kernels = strides or [1] * len(sides)
        self.layers = torch.nn.ModuleList(torch.nn.Conv2d(3, WIDTH, side, stride=side) for side in kernels)

    def forward(self, pixels):
        seen = [pixels] * len(self.layers)
        if self.sides:
            seen = [torch.nn.functional.interpolate(pixels, size=(side, side), mode="bilinear") for side in self.sides]
        return {str(level): layer(each) for level, (layer, each) in enumerate(zip(self.layers, seen, strict=True))}


def of_regions(kind):
    anchors = anchor_utils.AnchorGenerator(((24, 48),), ((0.5, 1.0, 2.0),))
    habits = {
        "rpn_anchor_generator": anchors, "box_roi_pool": MultiScaleRoIAlign(["0"], 7, 2),
        "box_head": faster_rcnn.TwoMLPHead(WIDTH * 49, 32), "min_size": 96, "max_size": 128,
        "rpn_pre_nms_top_n_test": 60, "rpn_post_nms_top_n_test": 40, "box_detections_per_img": 20,
        "box_predictor": faster_rcnn.FastRCNNPredictor(32, 2 if kind == "keypoints" else CLASSES),
    }  # fmt: skip
    backbone = Pyramid((16,))
    if kind == "masks":
        return mask_rcnn.MaskRCNN(
            backbone, mask_roi_pool=MultiScaleRoIAlign(["0"], 14, 2), mask_head=mask_rcnn.MaskRCNNHeads(WIDTH, (8,), 1),
            mask_predictor=mask_rcnn.MaskRCNNPredictor(8, 8, CLASSES), **habits,
        )  # fmt: skip
    if kind == "keypoints":
        return keypoint_rcnn.KeypointRCNN(
            backbone, keypoint_roi_pool=MultiScaleRoIAlign(["0"], 14, 2),
            keypoint_head=keypoint_rcnn.KeypointRCNNHeads(WIDTH, (8,)),
            keypoint_predictor=keypoint_rcnn.KeypointRCNNPredictor(8, 17), **habits,
        )  # fmt: skip
    return faster_rcnn.FasterRCNN(backbone, **habits)


def of_strides(build, **habits):
    backbone = Pyramid((8, 16, 32, 64, 128))
    return build(backbone, CLASSES, min_size=128, max_size=256, **habits)


def single_shot(sides, size, boxes, mean, std, classes=CLASSES, **habits):
    backbone = Pyramid(sides=sides)
    return ssd.SSD(backbone, boxes, size, classes, image_mean=mean, image_std=std, **habits)


def ssd300(classes=CLASSES, **habits):
    scales, steps = [0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05], [8, 16, 32, 64, 100, 300]
    boxes = anchor_utils.DefaultBoxGenerator([[2], [2, 3], [2, 3], [2, 3], [2], [2]], scales=scales, steps=steps)
    mean, std = [0.48235, 0.45882, 0.40784], [1 / 255] * 3
    head = ssd.SSDHead([WIDTH] * 6, boxes.num_anchors_per_location(), classes)
    return single_shot((38, 19, 10, 5, 3, 1), (300, 300), boxes, mean, std, classes, head=head, **habits)


def ssdlite320(classes=CLASSES, **habits):
    boxes = anchor_utils.DefaultBoxGenerator([[2, 3]] * 6, min_ratio=0.2, max_ratio=0.95)
    head = ssdlite.SSDLiteHead([WIDTH] * 6, boxes.num_anchors_per_location(), classes, torch.nn.BatchNorm2d)
    half = [0.5] * 3
    return single_shot((20, 10, 5, 3, 2, 1), (320, 320), boxes, half, half, classes, head=head, **habits)


WHOLE = {
    "fasterrcnn": (lambda: of_regions("boxes"), (96, 128)),
    "maskrcnn": (lambda: of_regions("masks"), (96, 128)),
    "keypointrcnn": (lambda: of_regions("keypoints"), (96, 128)),
    "retinanet": (lambda: of_strides(retinanet.RetinaNet, detections_per_img=30), (128, 256)),
    "fcos": (lambda: of_strides(fcos.FCOS, detections_per_img=30), (128, 256)),
    "ssd300": (lambda: ssd300(detections_per_img=30, topk_candidates=9), (300, 300)),
    "ssdlite320": (lambda: ssdlite320(detections_per_img=30, topk_candidates=9), (320, 320)),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_model_with_its_post_processing_inside_gives_torchvisions_own_rows(
    name, tmp_path, record_property, noise, lively, export, differences, rows_of
):
    build, size = WHOLE[name]
    model = lively(build(), 2.0 if name in ("retinanet", "fcos") else 1.0)
    picture = noise(size)
    pixels = torch.from_numpy(picture).permute(2, 0, 1) / 255
    with torch.no_grad():
        names = list(model([pixels])[0])
    export(model, tmp_path / "model.onnx", [pixels], names)
    with Detector.load(tmp_path / "model.onnx") as detector:
        assert detector.card.decoder == "torchvision"
        np.testing.assert_allclose(detector.feed(picture, color="rgb")["images"], pixels, atol=1e-6)
        found = detector(picture, color="rgb", conf=0.0)
        # torchvision's own post-processing as the file has it: another runtime may order near-equal scores otherwise
        said = detector.session.run(detector.feed(picture, color="rgb"))
    assert len(found) > 5
    assert len(np.unique(said["labels"])) > 1 or name == "keypointrcnn"
    expected = np.column_stack([said["boxes"], said["scores"], said["labels"]]).astype(np.float64)
    errors = differences(rows_of(found), expected)
    record_property("box", float(errors[:, :4].max()))
    assert errors[:, :4].max() < 1e-3
    assert errors[:, 4].max() < 1e-5
    order = np.argsort(-said["scores"], kind="stable")
    if "masks" in said:
        for mask, shares in zip(found.masks, said["masks"][order, 0], strict=True):
            assert ((mask > 0) == (shares > 0.5)).mean() > 0.999
    if "keypoints" in said:
        np.testing.assert_allclose(found.keypoints[..., :2], said["keypoints"][order, :, :2], atol=1e-3)


def calmed(model, pixels):
    """Boxes that differ as much as training makes them; far larger ones torchvision cuts off."""
    with torch.no_grad():
        fed = model.transform([pixels])[0].tensors
        spread = model.head(list(model.backbone(fed).values()))["bbox_regression"].std()
        last = [parameter for name, parameter in model.head.named_parameters() if "regression_head" in name]
        wide = [parameter for parameter in last if parameter.dim() > 1 and parameter.shape[0] % 4 == 0]
        for parameter in wide if isinstance(model, ssd.SSD) else wide[-1:]:
            parameter /= spread
    return model


class Heads(torch.nn.Module):
    """What torchvision's heads give for a picture that is normalised already."""

    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, pixels):
        heads = self.model.head(list(self.model.backbone(pixels).values()))
        return tuple(heads[name] for name in self.names)


RAW = {
    "retinanet": (lambda: of_strides(retinanet.RetinaNet), (128, 256), "retinanet-torchvision"),
    "fcos": (lambda: of_strides(fcos.FCOS), (128, 256), "fcos-torchvision"),
    "ssd300": (lambda: ssd300(91), (300, 300), "ssd-vgg-coco"),
    "ssdlite320": (ssdlite320, (320, 320), "ssd-torchvision-lite"),
}


def of_package(model, outputs, size):
    """x1 y1 x2 y2 score class of every anchor's best class, as the package's post-processing gives them."""
    model.score_thresh, model.nms_thresh, model.topk_candidates, model.detections_per_img = 0.0, 1.0, 10**6, 10**6
    heads = {name: torch.from_numpy(array) for name, array in outputs.items()}
    pixels = torch.zeros(1, 3, *size)
    features = list(model.backbone(pixels).values())
    anchors = model.anchor_generator(ImageList(pixels, [size]), features)
    if not isinstance(model, ssd.SSD):  # every class of an anchor is an answer of its own there; we give the best
        logits = heads["cls_logits"]
        best = logits.argmax(dim=-1, keepdim=True) == torch.arange(logits.shape[-1])
        heads["cls_logits"] = logits.where(best, torch.tensor(-torch.inf))
        counts = [feature.shape[2] * feature.shape[3] for feature in features]
        per_cell = heads["cls_logits"].shape[1] // sum(counts)
        parts = [count * per_cell for count in counts]
        heads = {name: list(table.split(parts, dim=1)) for name, table in heads.items()}
        anchors = [list(anchors[0].split(parts))]
    with torch.no_grad():
        (said,) = model.postprocess_detections(heads, anchors, [size])
    return np.column_stack([said[name] for name in ("boxes", "scores", "labels")]).astype(np.float64)


@pytest.mark.parametrize("name", RAW)
def test_bare_heads_are_read_as_torchvision_reads_them(
    name, tmp_path, record_property, noise, lively, export, differences, rows_of
):
    build, size, decoder = RAW[name]
    picture = noise(size)
    pixels = torch.from_numpy(picture).permute(2, 0, 1) / 255
    model = calmed(lively(build(), 2.5), pixels)
    conf = 0.55 if name.startswith("ssd") else 0.3  # of shares of a softmax at most one is above a half
    names = ["cls_logits", "bbox_regression"] + ["bbox_ctrness"] * (name == "fcos")
    export(Heads(model, names).eval(), tmp_path / "model.onnx", torch.rand(1, 3, *size), names)
    with Detector.load(tmp_path / "model.onnx", decoder=decoder) as detector:
        fed = model.transform([pixels])[0].tensors.numpy()
        scale = np.abs(fed).max()
        np.testing.assert_allclose(detector.feed(picture, color="rgb")["images"] / scale, fed / scale, atol=2e-3)
        found = detector(picture, color="rgb", conf=conf, nms="none", max_det=EVERYTHING)
        outputs = detector.session.run(detector.feed(picture, color="rgb"))
    expected = of_package(model, outputs, size)
    expected = expected[expected[:, 4] >= np.float32(conf)]
    if name.startswith("ssd"):
        expected[:, 5] -= 1  # the background is class 0 there
    assert len(expected) > 20
    errors = differences(rows_of(found), expected)
    record_property("box", float(errors[:, :4].max()))
    assert errors[:, :4].max() < 1e-3
    assert errors[:, 4].max() < 1e-5
