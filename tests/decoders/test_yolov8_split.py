from __future__ import annotations

import importlib.util
import sys
from functools import partial
from pathlib import Path

import numpy as np

if "heads_of_test_nanodet" not in sys.modules:
    spec = importlib.util.spec_from_file_location("heads_of_test_nanodet", Path(__file__).with_name("test_nanodet.py"))
    sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[spec.name])
nanodet = sys.modules["heads_of_test_nanodet"]


def encode(rows, height, width, random, *, joined=False, logits=True, classes=4):
    strides = (8, 16, 32)
    found = nanodet.encode(
        rows, height, width, random, strides=strides, bins=16, offset=0.5, logits=logits, classes=classes
    )
    outputs = {}
    for stride in strides:
        planes = [
            part.reshape(-(-height // stride), -(-width // stride), -1).transpose(2, 0, 1) for part in found[stride]
        ]
        parts = [np.concatenate((planes[1], planes[0]))] if joined else planes[::-1]
        for part in parts:
            outputs[f"output{len(outputs)}"] = part[None].astype(np.float32)
    return outputs


HEADS = {
    "yolov8-split": {"encode": encode},
    "yolov8-split/after the sigmoid": {"encode": partial(encode, logits=False)},
    "yolov8-raw": {"encode": partial(encode, joined=True)},
    "yolov8-raw/after the sigmoid": {"encode": partial(encode, joined=True, logits=False)},
    "yolov8-raw/eighty classes": {
        "encode": partial(encode, joined=True, classes=80),
        "classes": 80,
        "rivals": ("yolov5-raw",),
    },
}


def test_eighty_classes_make_a_number_of_channels_that_three_anchors_could_make(evidence):
    from edgerun import decoders
    from edgerun.contract import Sure

    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), joined=True, classes=80)
    verdicts = {entry.name: entry.matches(evidence({}, (320, 320), outputs)).sure for entry in decoders.BUILTIN}
    assert verdicts["yolov8-raw"] is Sure.POSSIBLE
    assert verdicts["yolov5-raw"] is Sure.POSSIBLE
