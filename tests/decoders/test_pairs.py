from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun.contract import Graph, Node
from edgerun.heads import boxes_and_scores


def outputs(boxes, scores):
    return {"a": boxes.astype(np.float32), "b": scores.astype(np.float32)}


RANDOM = np.random.default_rng(0)
BOXES = RANDOM.normal(0, 50, (1, 30, 4))
EVERYTHING = (boxes_and_scores.SCORES, boxes_and_scores.LOGITS, boxes_and_scores.TURNED)


@pytest.mark.parametrize(
    ("scores", "role"),
    [
        (RANDOM.uniform(0, 1, (1, 30, 7)), boxes_and_scores.SCORES),
        (RANDOM.uniform(0, 1, (1, 7, 30)), boxes_and_scores.TURNED),
        (RANDOM.normal(-4, 2, (1, 30, 7)), boxes_and_scores.LOGITS),
        (RANDOM.uniform(0, 1, (1, 30, 4)), boxes_and_scores.SCORES),
    ],
    ids=("scores", "classes first", "logits", "four classes"),
)
def test_scores_are_known_by_shape_and_values(evidence, scores, role):
    bound, _ = boxes_and_scores.bound(evidence({}, (320, 320), outputs(BOXES, scores)), *EVERYTHING)
    assert bound == {"a": boxes_and_scores.BOXES, "b": role}


def test_a_graph_that_ends_in_a_convolution_gives_logits_whatever_their_values(evidence):
    known = evidence({}, (320, 320), outputs(BOXES, RANDOM.uniform(0, 1, (1, 30, 7))))
    raw = Graph([Node("Conv", inputs=("x", "w"), outputs=("b",))], ("images",), ("b",))
    steps = [Node("Conv", inputs=("x", "w"), outputs=("v",)), Node("Sigmoid", inputs=("v",), outputs=("b",))]
    done = Graph(steps, ("images",), ("b",))
    assert boxes_and_scores.bound(known, *EVERYTHING)[0] == {"a": boxes_and_scores.BOXES, "b": boxes_and_scores.SCORES}
    assert boxes_and_scores.bound(replace(known, graph=lambda: raw), *EVERYTHING)[0] == {
        "a": boxes_and_scores.BOXES,
        "b": boxes_and_scores.LOGITS,
    }
    assert boxes_and_scores.bound(replace(known, graph=lambda: done), *EVERYTHING)[0] == {
        "a": boxes_and_scores.BOXES,
        "b": boxes_and_scores.SCORES,
    }


def test_a_role_that_the_family_cannot_read_is_no_match(evidence):
    known = evidence({}, (320, 320), outputs(BOXES, RANDOM.normal(-4, 2, (1, 30, 7))))
    assert boxes_and_scores.bound(known, boxes_and_scores.SCORES) == ({}, "the scores of a probe run leave 0..1")


def test_what_a_user_says_goes_first_but_must_not_contradict_the_values(evidence):
    both = outputs(RANDOM.normal(0, 50, (1, 30, 4)), RANDOM.normal(-4, 2, (1, 30, 4)))
    assert boxes_and_scores.bound(evidence({}, (320, 320), both), *EVERYTHING)[0] == {}
    known = evidence({}, (320, 320), both, outputs={"a": "boxes", "b": "logits"})
    assert boxes_and_scores.bound(known, *EVERYTHING)[0] == {"a": "boxes", "b": "logits"}
    known = evidence({}, (320, 320), both, outputs={"a": "boxes", "b": "scores"})
    bound, why = boxes_and_scores.bound(known, *EVERYTHING)
    assert bound == {}
    assert "call b scores" in why
