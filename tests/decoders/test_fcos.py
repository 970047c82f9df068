from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.interpretation import decoder_choice


def logit(p):
    return np.log(p / (1 - p))


def encode(rows, height, width, random, *, strides, offset=0.5, pixels=True, logits=True, centerness=True, classes=5):
    outputs = {}
    for stride in strides:
        lines, columns = -(-height // stride), -(-width // stride)
        scores = random.uniform(0.001, 0.05, (classes, lines, columns))
        center = random.uniform(0.01, 0.3, (1, lines, columns))
        sides = random.uniform(1, 6, (4, lines, columns))
        for x1, y1, x2, y2, score, number in rows if stride == 16 else ():
            column, line = int((x1 + x2) / 2 / stride), int((y1 + y2) / 2 / stride)
            x, y = (column + offset) * stride, (line + offset) * stride
            sides[:, line, column] = np.array((x - x1, y - y1, x2 - x, y2 - y)) / stride
            center[0, line, column] = 0.98
            product = score if pixels else score**2
            scores[:, line, column] = 0.001
            scores[int(number), line, column] = product / (0.98 if centerness else 1)
        if pixels:
            sides *= stride
        if logits:
            scores, center = logit(scores), logit(center)
        for name, array in (("bbox", sides), ("cls", scores), ("ctr", center))[: 2 + centerness]:
            outputs[f"{name}{stride}"] = array[None].astype(np.float32)
    return outputs


def tables(*arguments):
    """torchvision's: all strides in three tables."""
    outputs = encode(*arguments, strides=FIVE, pixels=False, offset=0.0)
    parts = {"bbox_regression": "bbox", "cls_logits": "cls", "bbox_ctrness": "ctr"}
    rows = {
        name: [outputs[f"{part}{stride}"].reshape(1, outputs[f"{part}{stride}"].shape[1], -1) for stride in FIVE]
        for name, part in parts.items()
    }
    return {name: np.concatenate(each, axis=2).transpose(0, 2, 1) for name, each in rows.items()}


FIVE, THREE = (8, 16, 32, 64, 128), (8, 16, 32)
BY_CLASSES = {"of_classes": None}
"""One class has as many channels as the centerness."""
HEADS = {
    "fcos": {"encode": partial(encode, strides=FIVE), "classes": 5, **BY_CLASSES},
    "fcos/after the sigmoid": {"encode": partial(encode, strides=FIVE, logits=False), "classes": 5, **BY_CLASSES},
    "fcos/in strides": {
        "encode": partial(encode, strides=FIVE, pixels=False, offset=0.0),
        "classes": 5,
        **BY_CLASSES,
    },
    "fcos-torchvision": {"encode": tables, "classes": 5},
    "rtmdet-raw": {"encode": partial(encode, strides=THREE, centerness=False, offset=0.0), "classes": 5},
    "rtmdet-raw/as many classes as channels of NanoDet's distances": {
        "encode": partial(encode, strides=THREE, centerness=False, offset=0.0, classes=32),
        "classes": 32,
    },
}


@pytest.mark.parametrize("name", ["fcos", "fcos/in strides"])
def test_the_unit_of_distances_is_seen_at_the_coarsest_stride(name, evidence):
    outputs = HEADS[name]["encode"](np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    match = decoder_choice.choose(evidence({}, (320, 320), outputs), decoders.BUILTIN).match
    assert ("distances in strides" in match.conventions["outputs"].values()) == (name == "fcos/in strides")
