from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Convention, Evidence, Frame, Quantization, Sure, TensorSpec
from edgerun.heads.finished_table import finished_table

FED = Convention("it is fed so", color="bgr")
PLAIN = finished_table("plain", "score xyxy class", (FED,))
COUNTED = finished_table("counted", "xyxy score", (FED,), beside=("count", "classes"), leading=())
ROWS = np.array([[0.9, 10, 20, 60, 90, 3], [0.4, 100, 40, 150, 80, 0], [0, 0, 0, 0, 0, 0]], np.float32)


def known(outputs, **fields):
    image = TensorSpec("images", (1, 3, 320, 320))
    specs = [TensorSpec(name, array.shape, str(array.dtype)) for name, array in outputs.items()]
    card = replace(ModelCard(height=320, width=320), **fields)
    return Evidence([image], specs, image, card, {}, lambda kind: outputs)


def test_a_family_is_known_by_its_columns_and_read_by_them():
    match = PLAIN.matches(known({"rows": ROWS[None]}))
    assert match.sure is Sure.CERTAIN
    assert match.why == "rows of score, x1 y1 x2 y2, class"
    assert (match.conventions["color"], match.basis["color"]) == ("bgr", "convention: it is fed so")
    found = match.decode({"rows": ROWS[None]}, Frame(320, 320, 0.5, ModelCard()))
    np.testing.assert_array_equal(found.boxes, ROWS[:1, 1:5])
    np.testing.assert_array_equal(found.classes, [3])


def test_readers_of_the_same_outputs_are_equal():
    other = finished_table("other", "score xyxy class", ())
    outputs = {"rows": ROWS[None]}
    assert PLAIN.matches(known(outputs)).decode == other.matches(known(outputs)).decode
    assert PLAIN.matches(known(outputs)).decode != PLAIN.matches(known({"others": ROWS[None]})).decode


def test_what_speaks_against_columns_is_said():
    assert "far corners" in PLAIN.matches(known({"rows": ROWS[None, :, [0, 3, 4, 1, 2, 5]]})).why
    assert PLAIN.matches(known({"rows": ROWS})).why == "it needs an output [1, N, 6]"
    labelled = known({"rows": ROWS[None]}, labels=("a", "b"))
    assert PLAIN.matches(labelled).why == "a probe run gives class 3 of 2 labels"
    small = ROWS * np.float32([1, 0.003, 0.003, 0.003, 0.003, 1])
    assert "in 0..1" in PLAIN.matches(known({"rows": small[None]})).why


def test_classes_and_a_count_may_come_beside_the_table():
    outputs = {"n": np.array([2]), "labels": np.array([[4, 1, 0]]), "dets": ROWS[:, [1, 2, 3, 4, 0]]}
    match = COUNTED.matches(known(outputs))
    assert match.why == "rows of x1 y1 x2 y2, score and their number [1] and classes [1, N]"
    assert match.decode(outputs, Frame(320, 320, 0.3, ModelCard())).classes.tolist() == [4, 1]
    shorter = {**outputs, "labels": np.array([[4, 1]])}
    assert "not of the same number" in COUNTED.matches(known(shorter)).why
    assert COUNTED.matches(known({"dets": outputs["dets"]})).sure is Sure.NO


def test_rows_of_every_anchor_in_no_order_are_not_finished():
    random = np.random.default_rng(0)
    corners = random.uniform(0, 200, (2100, 2))
    scores = random.uniform(0, 1, (2100, 1))
    rows = np.concatenate((scores, corners, corners + 50, np.zeros((2100, 1))), axis=1).astype(np.float32)
    assert "not finished" in PLAIN.matches(known({"rows": rows[None]})).why
    best_first = rows[np.argsort(-rows[:, 0])]
    assert PLAIN.matches(known({"rows": best_first[None]})).sure is Sure.POSSIBLE


@pytest.mark.parametrize(("first", "sure"), [(0.9961, Sure.CERTAIN), (0.25, Sure.NO)])
def test_a_class_from_1_that_is_stored_as_a_little_less_is_the_first(first, sure):
    """In steps of .0156 a 1 may be .9961, which is class 0 and not -1; .25 would be no class at all."""
    family = finished_table("labelled", "score xyxy label", (FED,))
    rows = ROWS.copy()
    rows[:2, 5] = 2, first
    outputs = {"rows": rows[None]}
    stored = TensorSpec("rows", (1, 3, 6), "int16", quantization=Quantization((0.0156,), (0,)))
    match = family.matches(replace(known(outputs), outputs=[stored]))
    assert match.sure is sure, match.why
    if sure is Sure.CERTAIN:
        assert match.decode(outputs, Frame(320, 320, 0.3, ModelCard())).classes.tolist() == [1, 0]
