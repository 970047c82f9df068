from __future__ import annotations

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.errors import DecoderUnknown
from edgerun.heads import finished_rows
from edgerun.interpretation import card_fields

BOXES = np.array([[10, 20, 60, 90], [100, 40, 150, 80]], np.float32)
SCORES, CLASSES = np.array([0.9, 0.4]), np.array([3.0, 0.0])


def card(**fields):
    made = ModelCard()
    for name, (value, source) in fields.items():
        made = card_fields.with_field(made, name, value, source)
    return made


PIXELS = card(box_units=("pixels", "convention: so"))


def test_rows_as_they_should_be_pass():
    finished_rows.demand(BOXES, SCORES, CLASSES, PIXELS)
    finished_rows.demand(np.empty((0, 4)), np.empty(0), np.empty(0), PIXELS)


@pytest.mark.parametrize(
    ("boxes", "scores", "classes", "why"),
    [
        (BOXES, CLASSES, SCORES, "scores leaves 0..1"),
        (BOXES, SCORES, SCORES, "not whole numbers"),
        (BOXES[:, [2, 3, 0, 1]], SCORES, CLASSES, "lies before"),
        (BOXES / 320, SCORES, CLASSES, "not pixels"),
    ],
    ids=("scores", "classes", "corners", "units"),
)
def test_rows_that_cannot_be_so_are_refused_in_the_very_picture(boxes, scores, classes, why):
    with pytest.raises(DecoderUnknown, match=why):
        finished_rows.demand(boxes, scores, classes, PIXELS)


def test_percents_are_no_scores_however_few_rows_are_sure():
    scores = np.full(300, 0.1)
    scores[0] = 88.0
    assert "reaches 88" in finished_rows.misfit(np.tile(BOXES[:1], (300, 1)), scores, np.zeros(300))


def test_units_that_were_seen_are_not_doubted_again():
    finished_rows.demand(BOXES / 320, SCORES, CLASSES, card(box_units=("pixels", "inferred: boxes reach 300")))


def test_a_class_beyond_the_labels_is_refused():
    with pytest.raises(DecoderUnknown, match="class 3 is not one of the 3 labels"):
        finished_rows.demand(BOXES, SCORES, CLASSES, card(labels=(["a", "b", "c"], "sidecar")))


def test_what_pads_a_table_is_left_out():
    rows = np.array([[1, 2, 3, 4, 0.5, 0], [0] * 6, [-1] * 6, [1, 2, np.nan, 4, 0.5, 0]])
    np.testing.assert_array_equal(finished_rows.filled(rows), rows[:1])
