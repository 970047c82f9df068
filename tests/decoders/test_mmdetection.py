from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Frame, Graph, Node
from edgerun.errors import DecoderAmbiguous
from edgerun.interpretation import card_fields, decoder_choice


def encode(rows, height, width, random, *, masks=False, keypoints=False, order=1, count=60):
    corners = random.uniform(0, 200, (count, 2))
    boxes = np.concatenate((corners, corners + random.uniform(5, 50, (count, 2))), axis=1)
    labels, scores = random.integers(0, 4, count), np.sort(random.uniform(0.001, 0.1, count))[::-1].copy()
    points = random.uniform(0, 200, (count, 5, 3))
    points[..., 2] = random.uniform(0, 1, (count, 5))
    for index, (x1, y1, x2, y2, score, number) in enumerate(rows[np.argsort(-rows[:, 4])]):
        boxes[index], labels[index], scores[index] = (x1, y1, x2, y2), number, score
        points[index, :, :2] = (x1, y1), (x2, y1), ((x1 + x2) / 2, (y1 + y2) / 2), (x1, y2), (x2, y2)
    outputs = {"dets": np.column_stack((boxes, scores))[None].astype(np.float32)}
    if keypoints:
        outputs["keypoints"] = points[None].astype(np.float32)
    else:
        outputs["labels"] = labels[None]
    if masks:
        sides = (28, 28) if masks == "of boxes" else (height, width)
        outputs["masks"] = random.uniform(0, 1, (1, count, *sides)).astype(np.float32)
    return dict(list(outputs.items())[::order])


FED = {"card": {"mean": 0.0}, "large": None}
HEADS = {
    "mmdetection": {"encode": encode, **FED},
    "mmdetection/backwards": {"encode": partial(encode, order=-1), **FED},
    "mmdetection/masks": {"encode": partial(encode, masks=True), "sizes": ((320, 256),), **FED},
    "mmdetection/masks of boxes": {"encode": partial(encode, masks="of boxes"), **FED},
    "rtmo": {"encode": partial(encode, keypoints=True), "classes": 1, "keypoints": 5, "large": None},
}


def decoder_of(name):
    return next(entry for entry in decoders.BUILTIN if entry.name == name)


def outputs_of(**habits):
    return encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), **habits)


def test_how_it_is_fed_must_be_said(evidence):
    with pytest.raises(DecoderAmbiguous) as refusal:
        decoder_choice.choose(evidence({}, (320, 320), outputs_of()), decoders.BUILTIN)
    assert "mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395)" in refusal.value.hint


@pytest.mark.parametrize(
    ("weight", "mean"),
    [
        ("bbox_head.multi_level_conv_cls.0.weight", 0.0),
        ("bbox_head.rtm_cls.0.weight", (103.53, 116.28, 123.675)),
        ("bbox_head.head_module.rtm_cls.0.weight", (103.53, 116.28, 123.675)),
        ("bbox_head.head_module.multi_level_conv_cls.0.0.weight", None),
        ("bbox_head.retina_cls.weight", None),
    ],
)
def test_weights_that_are_named_after_a_head_tell_how_it_is_fed(weight, mean, evidence):
    """MMDetection at 0818991, configs/yolox and configs/rtmdet; MMYOLO's YOLOX takes bytes or 0..1."""
    graph = Graph([Node("Conv", inputs=("x", weight), outputs=("cls",))], ("x",), ("dets", "labels"))
    known = replace(evidence({}, (320, 320), outputs_of()), graph=lambda: graph)
    match = decoder_of("mmdetection").matches(known)
    assert match.conventions.get("mean") == mean
    assert bool(match.unsettled) is (mean is None)
    assert match.conventions.get("color", "bgr") == "bgr"


@pytest.mark.parametrize("name", ["mmdetection", "rtmo"])
def test_nothing_found_is_no_error(name, evidence):
    empty = outputs_of(count=0, keypoints=name == "rtmo")
    known = evidence({}, (320, 320), empty, mean=0.0)
    choice = decoder_choice.choose(known, decoders.BUILTIN)
    assert choice.decoder.name == name
    card = card_fields.with_conventions(known.card, choice.match)
    assert len(choice.decode(empty, Frame(320, 320, 0.25, card))) == 0


def test_masks_lie_over_the_input(evidence):
    outputs = outputs_of(count=4, masks=True)
    known = evidence({}, (320, 320), outputs)
    found = decoder_of("mmdetection").matches(known).decode(outputs, Frame(320, 320, 0.0, known.card))
    np.testing.assert_array_equal(found.masks, outputs["masks"][0])
