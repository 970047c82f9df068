from __future__ import annotations

from functools import partial

import numpy as np

from edgerun.contract import Sure
from edgerun.decoders import ssd_decoded
from edgerun.interpretation import decoder_choice


def encode(rows, height, width, random, *, count=3000, classes=4, unit=True, order=1):
    centres, sides = random.uniform(0, 1, (count, 2)), random.uniform(0.02, 0.4, (count, 2))
    boxes = np.concatenate((centres - sides / 2, centres + sides / 2), axis=1)
    shares = np.exp(random.normal(0, 1, (count, classes)))
    shares *= random.uniform(0.001, 0.1, (count, 1)) / shares.sum(axis=1, keepdims=True)
    scores = np.concatenate((1 - shares.sum(axis=1, keepdims=True), shares), axis=1)
    for index, (x1, y1, x2, y2, score, number) in enumerate(rows):
        boxes[index * 7] = x1 / width, y1 / height, x2 / width, y2 / height
        scores[index * 7] = 0
        scores[index * 7, [0, 1 + int(number)]] = 1 - score, score
    if not unit:
        boxes *= (width, height, width, height)
    pair = (("scores", scores), ("boxes", boxes))[::order]
    return {name: array[None].astype(np.float32) for name, array in pair}


def ultraface(rows, height, width, random):
    count = sum(-(-height // s) * -(-width // s) * k for s, k in ((8, 3), (16, 2), (32, 2), (64, 3)))
    return encode(rows, height, width, random, count=count, classes=1)


HEADS = {
    "ssd-decoded": {"encode": encode, "large": None},
    "ssd-decoded/pixels": {"encode": partial(encode, unit=False), "large": None},
    "ssd-decoded/boxes first, three classes": {
        "encode": partial(encode, classes=3, order=-1),
        "classes": 3,
        "large": None,
    },
    "ssd-decoded/ultraface": {"encode": ultraface, "classes": 1, "sizes": ((240, 320), (480, 640))},
}


def test_ultrafaces_rows_are_known_by_their_number(evidence):
    from edgerun import decoders

    outputs = ultraface(np.empty((0, 6)), 240, 320, np.random.default_rng(0))
    choice = decoder_choice.choose(evidence({}, (240, 320), outputs), decoders.BUILTIN)
    assert outputs["boxes"].shape == (1, 4420, 4)
    assert choice.match.conventions["labels"] == ("face",)
    assert choice.match.conventions["mean"] == 127
    assert (choice.match.conventions["iou"], choice.match.conventions["conf"]) == (0.3, 0.7)  # detect_imgs_onnx.py


def test_boxes_of_nothing_tell_no_units(evidence):
    (family,) = ssd_decoded.DECODERS
    outputs = encode(np.empty((0, 6)), 240, 320, np.random.default_rng(0))
    known = evidence({}, (240, 320), outputs | {"boxes": np.zeros_like(outputs["boxes"])})
    assert family.matches(known).sure is Sure.NO
    assert "tells neither their order nor their units" in family.matches(known).why
