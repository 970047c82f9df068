from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Alternative, Convention, Evidence, Frame, Sure, TensorSpec
from edgerun.heads.queries import Feeding, QueryReader, queries

HABITS = (Alternative({"resize": "stretch"}, "some"), Alternative({"resize": "letterbox"}, "others"))
FEEDING = Feeding(Convention("it is fed so", color="rgb"), {"resize": HABITS})
FAMILY = queries("family", "sigmoid", lambda _: FEEDING)


def outputs_of(count=90, classes=4):
    random = np.random.default_rng(0)
    boxes = np.concatenate((random.uniform(0.3, 0.7, (count, 2)), random.uniform(0.05, 0.6, (count, 2))), axis=1)
    logits = random.normal(-5, 0.2, (count, classes))
    logits[3, 2] = 2.0
    return {"x": logits[None].astype(np.float32), "y": boxes[None].astype(np.float32)}


def known(arrays, /, **fields):
    image = TensorSpec("images", (1, 3, 320, 320))
    specs = [TensorSpec(name, array.shape) for name, array in arrays.items()]
    card = replace(ModelCard(height=320, width=320), **fields)
    return Evidence([image], specs, image, card, {}, lambda kind: arrays)


def test_a_family_says_its_activation_and_how_it_is_fed():
    outputs = outputs_of()
    match = FAMILY.matches(known(outputs))
    assert match.sure is Sure.LIKELY
    assert match.decode == QueryReader("y", "x", "", "sigmoid", activated=False)
    assert match.alternatives == {"resize": HABITS}
    assert (match.conventions["color"], match.conventions["box_units"]) == ("rgb", "unit")
    found = match.decode(outputs, Frame(320, 320, 0.5, ModelCard()))
    assert found.classes.tolist() == [2]
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp(-2.0)), atol=1e-6)


def test_the_other_activation_is_refused():
    other = queries("other", "softmax", lambda _: FEEDING)
    assert "hardly any class answers" in other.matches(known(outputs_of())).why


@pytest.mark.parametrize("scores", ["x", "y"])
def test_roles_that_a_card_gives_are_taken(scores):
    outputs = outputs_of()
    boxes = next(name for name in outputs if name != scores)
    outputs = {scores: outputs["x"], boxes: outputs["y"]}
    match = FAMILY.matches(known(outputs, outputs={scores: "logits", boxes: "boxes"}))
    assert (match.decode.classes, match.decode.boxes) == (scores, boxes)


def test_far_fewer_outputs_are_not_its_own():
    assert FAMILY.matches(known({"x": outputs_of()["x"]})).sure is Sure.NO


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ("ab", "4 columns are not 2 labels, nor these and a no-object class"),
        ("abcde", "4 columns are not 5 labels, nor these and a no-object class"),
        ("abcd", ""),
        ("", ""),
    ],
)
def test_labels_are_as_many_as_columns_or_one_fewer(labels, why):
    match = FAMILY.matches(known(outputs_of(), labels=tuple(labels)))
    assert (match.sure is Sure.NO) is bool(why)
    assert why in match.why


@pytest.mark.parametrize("labels", [(), ("one",)])
def test_one_column_is_one_class(labels):
    outputs = outputs_of(classes=4)
    outputs["x"] = outputs["x"][..., 2:3]
    match = FAMILY.matches(known(outputs, labels=labels))
    assert match.sure is Sure.LIKELY
    assert match.decode(outputs, Frame(320, 320, 0.5, ModelCard())).classes.tolist() == [0]
    other = queries("other", "softmax", lambda _: FEEDING)
    assert other.matches(known(outputs, labels=labels)).sure is Sure.NO


def test_one_column_has_no_room_for_a_no_object_class_though_the_decoder_is_named():
    """Here every query says yes, so that trial runs tell nothing of the activation."""
    outputs = outputs_of()
    outputs["x"] = np.full_like(outputs["x"][..., :1], 2.0)
    other = queries("other", "softmax", lambda _: FEEDING)
    assert other.matches(known(outputs, decoder="other")).sure is Sure.NO
    assert FAMILY.matches(known(outputs, decoder="family")).sure > Sure.NO
