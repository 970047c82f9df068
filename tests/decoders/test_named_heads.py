from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Frame, Sure
from edgerun.errors import DecoderUnknown
from edgerun.interpretation import decoder_choice

(DECODER,) = (entry for entry in decoders.BUILTIN if entry.name == "named-heads")


def encode(rows, height, width, random, *, count=3000, layout="x1y1x2y2", points=0, logits=False, unit=False):
    """A network of two tasks: boxes, scores and keypoints in outputs of their own, and a map of the road beside."""
    corners = random.uniform(0, 200, (count, 2))
    boxes = np.concatenate((corners, corners + random.uniform(5, 50, (count, 2))), axis=1)
    scores = random.uniform(0.001, 0.05, (count, 4))
    for index, (x1, y1, x2, y2, score, number) in enumerate(rows):
        boxes[index], scores[index, int(number)] = (x1, y1, x2, y2), score
    x1, y1, x2, y2 = boxes.T
    outputs = {"road": random.normal(0, 1, (1, 2, height // 4, width // 4))}
    places = [(x1, y1), (x2, y1), ((x1 + x2) / 2, (y1 + y2) / 2), (x1, y2), (x2, y2)]
    if points:
        outputs["joints"] = np.stack([np.stack(place, axis=1) for place in places], axis=1).reshape(1, count, 10)
    columns = {
        "x1y1x2y2": (x1, y1, x2, y2), "cxcywh": ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1),
        "x1y1wh": (x1, y1, x2 - x1, y2 - y1), "y1x1y2x2": (y1, x1, y2, x2),
    }[layout]  # fmt: skip
    table = np.stack(columns, axis=1)
    outputs["where"] = (table / [width, height, width, height] if unit else table)[None]
    outputs["what"] = (np.log(scores / (1 - scores)) if logits else scores)[None]
    return {name: array.astype(np.float32) for name, array in outputs.items()}


def head(roles, **habits):
    said = {"decoder": "named-heads", "mean": 0.0, "outputs": roles}
    if habits.get("points"):
        said |= {"keypoints": 5}
    return {
        "encode": partial(encode, **habits),
        "large": None,
        "card": said,
        "keypoints": habits.get("points", 0),
    }


HEADS = {
    "named-heads": head({"where": "boxes x1y1x2y2", "what": "scores"}),
    "named-heads/boxes and keypoints": head(
        {"where": "boxes cxcywh", "what": "logits", "joints": "keypoints"}, layout="cxcywh", points=5, logits=True
    ),
    "named-heads/near corner and size": head({"where": "boxes x1y1wh", "what": "scores"}, layout="x1y1wh"),
    "named-heads/in shares": head({"where": "boxes x1y1x2y2", "what": "scores"}, unit=True),
}


def test_it_is_never_guessed(evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    roles = {"where": "boxes x1y1x2y2", "what": "scores"}
    assert DECODER.matches(evidence({}, (320, 320), outputs, outputs=roles)).sure is Sure.NO


@pytest.mark.parametrize(
    ("roles", "why"),
    [
        ({"where": "boxes x1y1x2y2"}, "each of the roles"),
        ({"where": "boxes x1y1x2y2", "what": "scores", "nobody": "classes"}, "each of the roles"),
        ({"where": "boxes", "what": "scores"}, "each of the roles"),
        ({"where": "boxes x1y1x2y2", "what": "scores", "road": "keypoints"}, "rows"),
    ],
)
def test_roles_that_do_not_fit_are_refused_with_what_does(roles, why, evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    known = evidence({}, (320, 320), outputs, outputs=roles, decoder="named-heads", mean=0.0)
    with pytest.raises(DecoderUnknown, match=why):
        decoder_choice.choose(known, decoders.BUILTIN)


def test_logits_are_not_taken_for_scores(evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), logits=True)
    roles = {"where": "boxes x1y1x2y2", "what": "scores"}
    known = evidence({}, (320, 320), outputs, outputs=roles, decoder="named-heads", mean=0.0)
    assert "name it logits" in DECODER.matches(known).why


def test_what_pads_a_table_is_neither_a_score_nor_a_logit(evidence):
    """super-gradients 3.7.1 pads boxes, scores and classes with -1."""
    boxes = np.array([[[10, 20, 60, 90], [-1, -1, -1, -1]]], np.float32)
    outputs = {"b": boxes, "s": np.array([[0.9, -1]], np.float32), "c": np.array([[2, -1]], np.float32)}
    roles = {"b": "boxes x1y1x2y2", "s": "scores", "c": "classes"}
    known = evidence({}, (320, 320), outputs, outputs=roles, decoder="named-heads", mean=0.0)
    found = DECODER.matches(known).decode(outputs, Frame(320, 320, 0.1, known.card))
    assert (found.classes.tolist(), found.boxes.tolist()) == ([2], [[10, 20, 60, 90]])


def test_a_refusal_names_the_roles_that_would_read_the_outputs(evidence):
    outputs = {"b": np.array([[[10, 20, 60, 90]] * 7], np.float32), "s": np.full((1, 7, 3), 0.2, np.float32)}
    with pytest.raises(DecoderUnknown) as refusal:
        decoder_choice.choose(evidence({}, (320, 320), outputs), decoders.BUILTIN)
    assert """decoder="named-heads", outputs={'b': 'boxes x1y1x2y2', 's': 'scores'}""" in refusal.value.hint


@pytest.mark.parametrize(("labels", "read"), [("abc", False), ("abcd", True), ("abcde", False)])
def test_labels_are_as_many_as_columns_of_scores(evidence, labels, read):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    roles = {"where": "boxes x1y1x2y2", "what": "scores"}
    said = {"outputs": roles, "decoder": "named-heads", "mean": 0.0}
    match = DECODER.matches(evidence({}, (320, 320), outputs, labels=list(labels), **said))
    assert (match.sure is not Sure.NO) is read
    assert read or match.why == f"4 columns of scores are not {len(labels)} labels"
