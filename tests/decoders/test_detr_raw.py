from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Frame, Sure
from edgerun.errors import DecoderAmbiguous
from edgerun.interpretation import decoder_choice

QUERIES = 90
"""No number of cells."""


def encode(rows, height, width, random, *, softmax, classes=4, names=("logits", "pred_boxes"), shares=False, order=1):
    """Class outputs as a trained model gives them: no object at most queries, or negative logits all over."""
    boxes = np.concatenate((random.uniform(0.3, 0.7, (QUERIES, 2)), random.uniform(0.05, 0.6, (QUERIES, 2))), axis=1)
    logits = random.normal(-1, 0.2, (QUERIES, classes)) - (0 if softmax else 4)
    if softmax:
        logits = np.concatenate((logits, random.normal(6, 0.3, (QUERIES, 1))), axis=1)
    for index, (x1, y1, x2, y2, score, number) in enumerate(rows):
        boxes[index] = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height
        if softmax:
            logits[index] = np.log((1 - score) / classes)
        logits[index, int(number)] = np.log(score) if softmax else np.log(score / (1 - score))
    if shares:
        powers = np.exp(logits)
        logits = powers / powers.sum(axis=1, keepdims=True) if softmax else 1 / (1 + np.exp(-logits))
    outputs = dict(zip(names, (logits[None].astype(np.float32), boxes[None].astype(np.float32)), strict=True))
    return dict(list(outputs.items())[::order])


ROLES = {"card": {"outputs": {"logits": "logits", "pred_boxes": "boxes"}}}
SETTLED = {"large": None, "card": {"mean": 0.0}}
HEADS = {
    "detr-softmax": {"encode": partial(encode, softmax=True), "large": None},
    "detr-softmax/four columns, backwards": {
        "encode": partial(encode, softmax=True, classes=3, order=-1), "classes": 3, "large": None,
    },
    "detr-softmax/shares": {"encode": partial(encode, softmax=True, shares=True), "large": None},
    "detr-softmax/labels": {
        "encode": partial(encode, softmax=True), "large": None, "card": {"labels": list("abcd")},
    },
    "detr-sigmoid": {"encode": partial(encode, softmax=False), **SETTLED},
    "detr-sigmoid/four columns": {"encode": partial(encode, softmax=False, classes=4, order=-1), **SETTLED},
    "detr-sigmoid/one class": {"encode": partial(encode, softmax=False, classes=1), "classes": 1, **SETTLED},
    "detr-sigmoid/shares": {"encode": partial(encode, softmax=False, shares=True), **SETTLED},
    "detr-sigmoid/RF-DETR": {"encode": partial(encode, softmax=False, names=("labels", "dets")), "large": None},
}  # fmt: skip


def decoder_of(name):
    return next(entry for entry in decoders.BUILTIN if entry.name == name)


def test_a_query_may_answer_twice_where_each_class_stands_alone(evidence):
    rows = np.array([[40, 40, 120, 130, 0.9, 1]])
    outputs = encode(rows, 320, 320, np.random.default_rng(0), softmax=False)
    outputs["logits"][0, 0, 2] = np.log(0.6 / 0.4)
    known = evidence(ROLES, (320, 320), outputs)
    found = decoder_of("detr-sigmoid").matches(known).decode(outputs, Frame(320, 320, 0.5, known.card))
    np.testing.assert_array_equal(found.classes, [1, 2])
    np.testing.assert_allclose(found.scores, [0.9, 0.6], atol=1e-5)
    np.testing.assert_array_equal(found.boxes[0], found.boxes[1])


def test_there_are_never_more_answers_than_queries(evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), softmax=False)
    known = evidence(ROLES, (320, 320), outputs)
    found = decoder_of("detr-sigmoid").matches(known).decode(outputs, Frame(320, 320, 0.0, known.card))
    assert len(found) == QUERIES
    best = np.sort((1 / (1 + np.exp(-outputs["logits"]))).reshape(-1))[::-1][:QUERIES]
    np.testing.assert_allclose(found.scores, best, atol=1e-6)


def test_what_random_weights_do_not_tell_is_refused(evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), softmax=False)
    outputs["logits"] = np.random.default_rng(1).normal(0, 1, outputs["logits"].shape).astype(np.float32)
    with pytest.raises(DecoderAmbiguous) as refusal:
        decoder_choice.choose(evidence({}, (320, 320), outputs), decoders.BUILTIN)
    assert 'decoder="detr-softmax"' in refusal.value.hint
    assert 'decoder="detr-sigmoid"' in refusal.value.hint


def test_as_many_labels_as_columns_leave_no_room_for_no_object(evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), softmax=False)
    outputs["logits"] = np.random.default_rng(1).normal(0, 1, outputs["logits"].shape).astype(np.float32)
    known = evidence({}, (320, 320), outputs, labels=list("abcd"), mean=0.0)
    assert decoder_choice.choose(known, decoders.BUILTIN).decoder.name == "detr-sigmoid"
    wrong = evidence({}, (320, 320), outputs, labels=list("abcdefgh"), mean=0.0)
    assert decoder_of("detr-sigmoid").matches(wrong).sure is decoder_of("detr-softmax").matches(wrong).sure is Sure.NO


def test_how_a_sigmoid_head_is_fed_must_be_said(evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), softmax=False)
    with pytest.raises(DecoderAmbiguous) as refusal:
        decoder_choice.choose(evidence({}, (320, 320), outputs), decoders.BUILTIN)
    assert "mean=0 or mean=(0.485, 0.456, 0.406)" in refusal.value.hint
    choice = decoder_choice.choose(evidence({}, (320, 320), outputs, mean=0.0), decoders.BUILTIN)
    assert choice.match.conventions["resize"] == "stretch"


def test_masks_come_with_their_queries(evidence):
    rows = np.array([[40, 40, 120, 130, 0.9, 1]])
    outputs = encode(rows, 320, 320, np.random.default_rng(0), softmax=False, names=("labels", "dets"))
    outputs["masks"] = np.full((1, QUERIES, 20, 20), -5, np.float32)
    outputs["masks"][0, 0, 3:8, 3:8] = 5
    choice = decoder_choice.choose(evidence({}, (320, 320), outputs), decoders.BUILTIN)
    assert choice.match.conventions["task"] == "segment"
    known = evidence({"card": {"outputs": choice.match.conventions["outputs"]}}, (320, 320), outputs)
    found = choice.decode(outputs, Frame(320, 320, 0.5, known.card))
    assert found.masks.shape == (1, 20, 20)
    assert (found.masks[0] > 0.5).sum() == 25


def test_far_corners_are_no_sides(evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), softmax=True)
    corners = np.random.default_rng(1).uniform(0, 0.4, (1, QUERIES, 2))
    outputs["pred_boxes"] = np.concatenate((corners, corners + 0.3), axis=2).astype(np.float32)
    assert decoder_of("detr-softmax").matches(evidence({}, (320, 320), outputs)).sure is Sure.NO


@pytest.mark.parametrize("shares", [False, True])
def test_a_background_that_comes_first_is_no_class(shares, evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), softmax=True, shares=shares)
    outputs["logits"] = np.roll(outputs["logits"], 1, axis=2)
    known = evidence({}, (320, 320), outputs)
    for name in ("detr-softmax", "detr-sigmoid"):
        match = decoder_of(name).matches(known)
        assert match.sure is Sure.NO
        assert "class 0" in match.why


def test_a_decoder_that_is_named_is_believed_where_values_tell_nothing(evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), softmax=False)
    outputs["logits"] = np.random.default_rng(1).normal(0, 1, outputs["logits"].shape).astype(np.float32)
    for name in ("detr-softmax", "detr-sigmoid"):
        known = evidence({}, (320, 320), outputs, decoder=name, mean=0.0)
        assert decoder_choice.choose(known, decoders.BUILTIN).decoder.name == name
