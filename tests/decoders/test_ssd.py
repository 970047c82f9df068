from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Sure
from edgerun.decoders import ssd

ROOT2, ROOT3 = 2**0.5, 3**0.5


def published(name):
    """cx cy w h in 0..1, by the loops of each toolbox."""
    found = []
    if name == "ssd-tensorflow":
        scales = [0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0]
        for layer, grid in enumerate((19, 10, 5, 3, 2, 1)):
            specs = [(scales[layer], ratio) for ratio in (1, 2, 1 / 2, 3, 1 / 3)]
            specs.append(((scales[layer] * scales[layer + 1]) ** 0.5, 1))
            if layer == 0:
                specs = [(0.1, 1), (0.2, 2), (0.2, 0.5)]
            for y in range(grid):
                for x in range(grid):
                    for scale, ratio in specs:
                        centre = ((x + 0.5) / grid, (y + 0.5) / grid)
                        found.append((*centre, scale * ratio**0.5, scale / ratio**0.5))
        return np.array(found)
    if name == "ssd-ultraface":
        return np.array(
            [
                ((x + 0.5) / columns, (y + 0.5) / lines, min(side / 320, 1), min(side / 240, 1))
                for columns, lines, sides in (
                    (40, 30, (10, 16, 24)), (20, 15, (32, 48)), (10, 8, (64, 96)), (5, 4, (128, 192, 256)),
                )
                for y in range(lines)
                for x in range(columns)
                for side in sides
            ]
        )  # fmt: skip
    small, large, ratios, grids, steps = {
        "ssd-vgg-voc": (
            (30, 60, 111, 162, 213, 264), (60, 111, 162, 213, 264, 315), ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,)),
            (38, 19, 10, 5, 3, 1), (8, 16, 32, 64, 100, 300),
        ),
        "ssd-vgg-coco": (
            (21, 45, 99, 153, 207, 261), (45, 99, 153, 207, 261, 315), ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,)),
            (38, 19, 10, 5, 3, 1), (8, 16, 32, 64, 100, 300),
        ),
        "ssd-pytorch-mobilenet": (
            (60, 105, 150, 195, 240, 285), (105, 150, 195, 240, 285, 330), ((2, 3),) * 6,
            (19, 10, 5, 3, 2, 1), (16, 32, 64, 100, 150, 300),
        ),
        "ssd-caffe-mobilenet": (
            (60, 105, 150, 195, 240, 285), (0, 150, 195, 240, 285, 300), ((2,), *((2, 3),) * 5),
            (19, 10, 5, 3, 2, 1), (300 / 19, 30, 60, 100, 150, 300),
        ),
        "ssd-torchvision-lite": (
            (60, 105, 150, 195, 240, 285), (105, 150, 195, 240, 285, 300),
            ((2, 3),) * 6, (20, 10, 5, 3, 2, 1), (15, 30, 60, 100, 150, 300),
        ),
    }[name]  # fmt: skip
    for layer, grid in enumerate(grids):
        for y in range(grid):
            for x in range(grid):
                centre = ((x + 0.5) * steps[layer] / 300, (y + 0.5) * steps[layer] / 300)
                side = small[layer] / 300
                found.append((*centre, side, side))
                if large[layer]:
                    between = (small[layer] * large[layer]) ** 0.5 / 300
                    found.append((*centre, between, between))
                for ratio in ratios[layer]:
                    root = ratio**0.5
                    found.append((*centre, side * root, side / root))
                    found.append((*centre, side / root, side * root))
    boxes = np.array(found)
    boxes[:, 2:] = np.minimum(boxes[:, 2:], 1)
    return boxes


def encode(rows, height, width, random, *, name, classes=4, tensorflow=False, logits=False, boxes_first=False):
    anchors = published(name) * (width, height, width, height)
    count = len(anchors)
    shares = random.uniform(0.001, 0.1, (count, classes))
    if not tensorflow:
        shares *= 0.15 / shares.sum(axis=1, keepdims=True)
    offsets = random.normal(0, 1, (count, 4))
    for x1, y1, x2, y2, score, number in rows:
        target = np.array(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1))
        index = int(np.abs(anchors - target).sum(axis=1).argmin())
        centre, sides = anchors[index, :2], anchors[index, 2:]
        offsets[index] = np.concatenate(((target[:2] - centre) / sides / 0.1, np.log(target[2:] / sides) / 0.2))
        shares[index] = 1e-6
        shares[index, int(number)] = score
    background = random.uniform(0, 1, (count, 1)) if tensorflow else 1 - shares.sum(axis=1, keepdims=True)
    scores = np.concatenate((background, shares), axis=1)
    if tensorflow:
        offsets = offsets[:, [1, 0, 3, 2]]
    if logits:
        scores = np.log(scores / (1 - scores)) if tensorflow else np.log(scores) + random.normal(0, 2, (count, 1))
    pair = [("scores", scores), ("boxes", offsets)]
    return {key: array[None].astype(np.float32) for key, array in (pair[::-1] if boxes_first else pair)}


def head(name, side=300, **habits):
    return {
        "encode": partial(encode, name=name, **habits), "classes": habits.get("classes", 4),
        "sizes": ((side, side),), "large": None,
    }  # fmt: skip


BY_CLASSES = {"of_classes": None}
"""The number of classes alone tells one toolbox from the other."""
HEADS = {
    "ssd-tensorflow": head("ssd-tensorflow", tensorflow=True),
    "ssd-tensorflow/logits": {**head("ssd-tensorflow", tensorflow=True, logits=True), "image": "hwc"},
    "ssd-tensorflow/three classes": head("ssd-tensorflow", tensorflow=True, classes=3),
    "ssd-caffe-mobilenet": head("ssd-caffe-mobilenet"),
    "ssd-caffe-mobilenet/boxes first": head("ssd-caffe-mobilenet", boxes_first=True),
    "ssd-pytorch-mobilenet": head("ssd-pytorch-mobilenet", logits=True),
    "ssd-torchvision-lite": head("ssd-torchvision-lite", 320, logits=True),
    "ssd-vgg-voc": {**head("ssd-vgg-voc", classes=20), **BY_CLASSES},
    "ssd-vgg-coco": {**head("ssd-vgg-coco", classes=80, logits=True), **BY_CLASSES},
    "ssd-ultraface": {**head("ssd-ultraface", classes=1, logits=True), "sizes": ((240, 320),)},
    "ssd-ultraface/after the softmax": {**head("ssd-ultraface", classes=1), "sizes": ((240, 320),)},
    "ssd-vgg-coco/classes of nobody's": {**head("ssd-vgg-coco", classes=6), "rivals": ("ssd-vgg-voc",)},
    "ssd-tensorflow/logits of no known toolbox": {
        **head("ssd-tensorflow", tensorflow=True, logits=True),
        "rivals": ("ssd-caffe-mobilenet",),
    },
}


@pytest.mark.parametrize("layout", ssd.LAYOUTS)
def test_prior_boxes_are_those_of_the_toolbox(layout):
    size = {"ssd-torchvision-lite": (320, 320), "ssd-ultraface": (240, 320)}.get(layout, (300, 300))
    np.testing.assert_allclose(ssd.LAYOUTS[layout](*size, ()), published(layout), atol=2e-6)


def test_scores_after_a_softmax_are_not_tensorflows(evidence):
    outputs = HEADS["ssd-caffe-mobilenet"]["encode"](np.empty((0, 6)), 300, 300, np.random.default_rng(0))
    (decoder,) = (entry for entry in decoders.BUILTIN if entry.name == "ssd-tensorflow")
    match = decoder.matches(evidence({}, (300, 300), outputs))
    assert match.sure is Sure.NO
    assert "add up to 1" in match.why


def test_ultrafaces_cells_fill_its_input_and_no_square_is_larger():
    """The constants of version-RFB-320.onnx and version-RFB-640.onnx, which its authors published with their
    post-processing: the last row is 0.9 0.875 0.8 1.0, and 0.95 0.9375 0.4 0.53333 (fd_config.py, box_utils.py).
    """
    small, large = (ssd.LAYOUTS["ssd-ultraface"](*size, ()) for size in ((240, 320), (480, 640)))
    assert (len(small), len(large)) == (4420, 17640)
    np.testing.assert_allclose(small[-1], (0.9, 0.875, 0.8, 1.0), rtol=1e-6)
    np.testing.assert_allclose(large[-1], (0.95, 0.9375, 0.4, 0.53333336), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "iou", "conf"),
    [
        ("ssd-tensorflow", 0.6, None),  # ssd_mobilenet_v2_coco.config and its siblings of tensorflow/models
        ("ssd-torchvision-lite", 0.55, None),  # torchvision 0.28, ssdlite.py
        ("ssd-vgg-coco", 0.45, None),  # torchvision 0.28, ssd.py
        ("ssd-vgg-voc", 0.45, None),
        ("ssd-pytorch-mobilenet", 0.45, None),  # pytorch-ssd, mobilenetv1_ssd_config.py
        ("ssd-ultraface", 0.3, 0.7),  # detect_imgs_onnx.py
    ],
)
def test_each_toolbox_suppresses_as_it_does(evidence, name, iou, conf):
    size = HEADS[name]["sizes"][0]
    outputs = HEADS[name]["encode"](np.empty((0, 6)), *size, np.random.default_rng(0))
    (decoder,) = (entry for entry in decoders.BUILTIN if entry.name == name)
    match = decoder.matches(evidence(HEADS[name], size, outputs))
    assert match.sure is not Sure.NO
    assert (match.conventions["iou"], match.conventions.get("conf")) == (iou, conf)
