from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Frame, Sure
from edgerun.interpretation import card_fields

(DECODER,) = (entry for entry in decoders.BUILTIN if entry.name == "mediapipe-landmarks")


def encode(rows, height, width, random, *, hand=False):
    """Landmarks all over the input; the row's score is whether somebody is there."""
    count, values = (21, 3) if hand else (39, 5)
    places = np.random.default_rng(4).uniform(10, 200, (count, values))
    places[:, 3:] = 2.0
    outputs = {
        "ld": places.reshape(1, -1),
        "flag": np.array([[rows[0, 4] if len(rows) else 0.01]]),
        "world": (places / 300).reshape(1, -1)[:, : 63 if hand else 117],
    }
    return {name: array.astype(np.float32) for name, array in outputs.items()}


def whole(height, width, random):
    """One row with the box of all that was shown."""
    return np.array([(0, 0, width, height, random.uniform(0.5, 0.95), 0)])


HEAD = {"image": "hwc", "rows": whole, "large": None}
HEADS = {
    "mediapipe-landmarks": {"encode": encode, "sizes": ((256, 256),), **HEAD},
    "mediapipe-landmarks/hand": {"encode": partial(encode, hand=True), "sizes": ((224, 224),), **HEAD},
}


@pytest.mark.parametrize("hand", [False, True])
def test_landmarks_are_pixels_of_the_input_with_their_visibility(hand, evidence):
    outputs = encode(np.array([(0, 0, 1, 1, 0.9, 0)]), 256, 256, np.random.default_rng(0), hand=hand)
    known = evidence(HEAD, (256, 256), outputs)
    match = DECODER.matches(known)
    card = card_fields.with_conventions(known.card, match)
    found = match.decode(outputs, Frame(256, 256, 0.25, card))
    expected = outputs["ld"].reshape(-1, 3 if hand else 5)[: 21 if hand else 33]
    np.testing.assert_array_equal(found.keypoints[0, :, :2], expected[:, :2])
    np.testing.assert_allclose(found.keypoints[0, :, 2], 1 if hand else 1 / (1 + np.exp(-2)), atol=1e-6)
    assert card.labels == (("hand",) if hand else ("person",))


def test_metres_alone_are_not_taken_for_pixels(evidence):
    outputs = encode(np.empty((0, 6)), 224, 224, np.random.default_rng(0), hand=True)
    del outputs["ld"]
    assert DECODER.matches(evidence(HEAD, (224, 224), outputs)).sure is Sure.NO


def test_of_a_hand_s_two_flags_the_one_that_is_named_counts(evidence):
    outputs = encode(np.array([(0, 0, 1, 1, 0.9, 0)]), 224, 224, np.random.default_rng(0), hand=True)
    outputs["left"] = np.array([[0.4]], np.float32)
    inferred = DECODER.matches(evidence(HEAD, (224, 224), outputs))
    assert inferred.conventions["outputs"] == {"ld": "landmarks", "flag": "presence"}
    named = DECODER.matches(evidence(HEAD, (224, 224), outputs, outputs={"ld": "landmarks", "left": "presence"}))
    for match, score in ((inferred, 0.9), (named, 0.4)):
        found = match.decode(outputs, Frame(224, 224, 0.25, evidence(HEAD, (224, 224), outputs).card))
        np.testing.assert_allclose(found.scores, [score], atol=1e-6)


@pytest.mark.parametrize(("score", "number"), [(0.9, 0), (0.2, 1)])
def test_two_labels_of_a_hand_are_its_handedness(score, number, evidence):
    """mediapipe 1.2.3, modules/hand_landmark/handedness.txt: Left, Right; the score is the first one's."""
    outputs = encode(np.array([(0, 0, 1, 1, 0.9, 0)]), 224, 224, np.random.default_rng(0), hand=True)
    outputs["side"] = np.array([[score]], np.float32)
    known = evidence(HEAD, (224, 224), outputs, labels=["Left", "Right"])
    found = DECODER.matches(known).decode(outputs, Frame(224, 224, 0.25, known.card))
    assert found.classes.tolist() == [number]
