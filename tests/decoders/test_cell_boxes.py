from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Sure
from edgerun.decoders.cell_boxes import FAMILIES
from edgerun.interpretation import decoder_choice


def encode(rows, height, width, random, *, turned=False, boxes_first=True, classes=4, strides=(8, 16, 32)):
    count = sum(-(-height // s) * -(-width // s) for s in strides)
    centres, sides = random.uniform(0, 1, (count, 2)) * (width, height), random.uniform(5, 100, (count, 2))
    boxes = np.concatenate((centres - sides / 2, centres + sides / 2), axis=1)
    scores = random.uniform(0, 0.1, (count, classes))
    for index, row in enumerate(rows):
        boxes[index * 11] = row[:4]
        scores[index * 11, int(row[5])] = row[4]
    pair = [("904", boxes), ("913", scores.T if turned else scores)]
    return {name: array[None].astype(np.float32) for name, array in (pair if boxes_first else pair[::-1])}


def paddle(*a):
    return encode(*a, turned=True)


def fed(family, *rivals, **habits):
    return {"encode": partial(encode, **habits), "rivals": rivals}


HEADS = {
    "yolo-nas": fed("yolo-nas", "damo-yolo", "ppyoloe", "rtmdet"),
    "damo-yolo": fed("damo-yolo", "yolo-nas", "ppyoloe", "rtmdet", boxes_first=False),
    "rtmdet": fed("rtmdet", "yolo-nas", "damo-yolo"),
    "ppyoloe": {"encode": paddle, "inputs": ("scale_factor",), "rivals": ("ppyoloe-plus",)},
    "ppyoloe-plus": {"encode": paddle, "inputs": ("scale_factor",), "rivals": ("ppyoloe",)},
    "ppyoloe/picodet, known by its stride 64": {
        "encode": partial(encode, turned=True, strides=(8, 16, 32, 64)),
        "inputs": ("scale_factor",),
    },
    "yolo-nas/four classes more": fed("yolo-nas", "damo-yolo", classes=8) | {"classes": 8},
    "damo-yolo/fed as the user says": {
        "encode": encode,
        "decoder": "yolo-nas",
        "card": {"resize": "stretch", "color": "rgb", "scale": 1.0, "mean": 0.0, "std": 1.0, "iou": 0.5, "fill": 0},
    },
}


@pytest.mark.parametrize("family", FAMILIES)
def test_naming_the_family_settles_how_it_is_fed(evidence, family):
    turned = family in ("ppyoloe", "ppyoloe-plus")
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), turned=turned)
    choice = decoder_choice.choose(evidence({}, (320, 320), outputs, decoder=family), decoders.BUILTIN)
    assert {name: choice.match.conventions[name] for name in FAMILIES[family]} == FAMILIES[family]


@pytest.mark.parametrize(("labels", "read"), [("abc", False), ("abcd", True), ("abcde", False)])
@pytest.mark.parametrize("family", FAMILIES)
def test_labels_are_as_many_as_columns_of_scores(evidence, family, labels, read):
    turned = family in ("ppyoloe", "ppyoloe-plus")
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), turned=turned)
    (decoder,) = (entry for entry in decoders.BUILTIN if entry.name == family)
    inputs = {"inputs": ("scale_factor",)} if turned else {}
    match = decoder.matches(evidence(inputs, (320, 320), outputs, labels=list(labels)))
    assert (match.sure is not Sure.NO) is read, match.why
    assert read or match.why == f"4 classes are not {len(labels)} labels"
