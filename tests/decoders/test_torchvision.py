from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Frame, Sure, TensorSpec
from edgerun.errors import DecoderAmbiguous
from edgerun.interpretation import card_fields, decoder_choice

(DECODER,) = (entry for entry in decoders.BUILTIN if entry.name == "torchvision")


def encode(
    rows, height, width, random, *, names=("boxes", "labels", "scores"), masks=False, batched=False, count=60, points=0
):
    corners = random.uniform(0, 200, (count, 2))
    boxes = np.concatenate((corners, corners + random.uniform(5, 50, (count, 2))), axis=1)
    labels, scores = random.integers(1, 5, count), np.sort(random.uniform(0.001, 0.1, count))[::-1].copy()
    for index, (x1, y1, x2, y2, score, number) in enumerate(rows[np.argsort(-rows[:, 4])]):
        boxes[index], labels[index], scores[index] = (x1, y1, x2, y2), number, score
    arrays = [boxes.astype(np.float32), labels, scores.astype(np.float32)]
    outputs = dict(zip(names, arrays, strict=True))
    if masks:
        sides = (28, 28) if masks == "of boxes" else (height, width)
        outputs["masks"] = random.uniform(0, 1, (count, 1, *sides)).astype(np.float32)
    if points:
        x1, y1, x2, y2 = boxes.T
        places = [(x1, y1), (x2, y1), ((x1 + x2) / 2, (y1 + y2) / 2), (x1, y2), (x2, y2)]
        keypoints = np.array([(*places[index % 5], np.ones(count)) for index in range(points)])
        outputs["keypoints"] = keypoints.transpose(2, 0, 1).astype(np.float32)
        outputs["keypoints_scores"] = random.normal(0, 3, (count, points)).astype(np.float32)
    return {name: array[None] for name, array in outputs.items()} if batched else outputs


FED = {"large": None, "card": {"mean": 0.0, "resize": "stretch"}}
NUMBERED = {"large": None, "card": {"mean": 0.0}}
HEADS = {
    "torchvision": {"encode": encode, "large": None},
    "torchvision/masks": {"encode": partial(encode, masks=True), "sizes": ((320, 256),), "large": None},
    "torchvision/masks of boxes": {"encode": partial(encode, masks="of boxes"), "large": None},
    "torchvision/keypoints": {"encode": partial(encode, points=17), "keypoints": 17, "large": None},
    "torchvision/other names": {"encode": partial(encode, names=("6379", "6381", "6383")), **NUMBERED},
    "torchvision/batch of one": {"encode": partial(encode, batched=True), **FED},
    "torchvision/batch of one with masks": {
        "encode": partial(encode, batched=True, masks=True), "sizes": ((320, 256),), **FED,
    },
}  # fmt: skip


def outputs_of(count=60, **habits):
    return encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), count=count, **habits)


def read(known, outputs, conf=0.0):
    match = DECODER.matches(known)
    card = card_fields.with_conventions(known.card, match)
    return match.decode(
        {name: array.astype(np.float32) for name, array in outputs.items()}, Frame(320, 320, conf, card)
    )


@pytest.mark.parametrize("masks", [False, True])
def test_an_empty_answer_of_the_probe_is_understood_by_its_types(evidence, masks):
    empty = outputs_of(0, names=("a", "b", "c"), masks=masks)
    known = evidence({}, (320, 320), empty, mean=0.0)
    match = DECODER.matches(known)
    assert {"a": "boxes", "b": "classes", "c": "scores"}.items() <= match.conventions["outputs"].items()
    assert len(read(known, empty)) == 0
    full = outputs_of(3, names=("a", "b", "c"), masks=masks)
    np.testing.assert_array_equal(read(known, full).classes, full["b"])


def test_shapes_that_the_file_gives_wrongly_are_those_of_the_run(evidence):
    known = evidence({}, (320, 320), outputs_of())
    wrong = [TensorSpec(spec.name, (1, 1, 1), spec.dtype) for spec in known.outputs]
    assert DECODER.matches(replace(known, outputs=wrong)).sure is Sure.LIKELY


def test_what_labels_begin_with_is_never_assumed(evidence):
    outputs = outputs_of()
    with pytest.raises(DecoderAmbiguous) as refusal:
        decoder_choice.choose(evidence({}, (320, 320), outputs, labels=list("abcdef")), decoders.BUILTIN)
    assert "'labels': 'classes'" in refusal.value.hint
    assert "'labels': 'classes from 1'" in refusal.value.hint
    roles = {"boxes": "boxes", "labels": "classes from 1", "scores": "scores"}
    said = evidence({"card": {"outputs": roles}}, (320, 320), outputs, labels=list("abcdef"))
    np.testing.assert_array_equal(read(said, outputs).classes, outputs["labels"] - 1)


def test_a_background_among_the_labels_settles_the_counting(evidence):
    outputs = outputs_of()
    known = evidence({}, (320, 320), outputs, labels=["__background__", "a", "b", "c", "d"])
    assert not DECODER.matches(known).unsettled
    np.testing.assert_array_equal(read(known, outputs).classes, outputs["labels"])


def test_a_label_beyond_the_names_settles_the_counting(evidence):
    outputs = outputs_of()
    outputs["labels"][0] = 4
    known = evidence({}, (320, 320), outputs, labels=list("abcd"))
    np.testing.assert_array_equal(read(known, outputs).classes, outputs["labels"] - 1)
    outputs["labels"][0] = 9
    assert DECODER.matches(evidence({}, (320, 320), outputs, labels=list("abcd"))).sure is Sure.NO


def test_names_that_are_not_torchvisions_leave_the_normalisation_open(evidence):
    with pytest.raises(DecoderAmbiguous) as refusal:
        decoder_choice.choose(evidence({}, (320, 320), outputs_of(names=("6379", "6381", "6383"))), decoders.BUILTIN)
    assert "mean=(102.98, 115.95, 122.77)" in refusal.value.hint


def test_masks_lie_over_the_input(evidence):
    outputs = outputs_of(4, masks=True)
    known = evidence({}, (320, 320), outputs)
    found = read(known, outputs)
    assert found.masks.shape == (4, 320, 320)
    np.testing.assert_array_equal(found.masks, outputs["masks"][:, 0])


def test_boxes_in_shares_of_the_picture_are_not_torchvisions(evidence):
    outputs = outputs_of()
    outputs["boxes"] /= 320
    assert DECODER.matches(evidence({}, (320, 320), outputs)).sure is Sure.NO


def test_with_a_batch_it_may_be_a_detr(evidence):
    outputs = outputs_of(batched=True)
    outputs["boxes"] /= 320
    with pytest.raises(DecoderAmbiguous) as refusal:
        decoder_choice.choose(evidence({}, (320, 320), outputs), decoders.BUILTIN)
    assert 'resize="letterbox-topleft" or resize="stretch"' in refusal.value.hint
    choice = decoder_choice.choose(evidence({}, (320, 320), outputs, mean=0.0, resize="stretch"), decoders.BUILTIN)
    assert choice.match.conventions["box_units"] == "unit"


def test_small_squares_are_masks_of_their_boxes(evidence):
    outputs = outputs_of(4, masks="of boxes")
    found = read(evidence({}, (320, 320), outputs), outputs)
    assert found.masks is None
    np.testing.assert_array_equal(found.box_masks, outputs["masks"][:, 0])
