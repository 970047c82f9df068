"""Thresholds of classes."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.card.thresholds import ClassThresholds
from edgerun.errors import InputError

LABELS = ("cat", "dog", "cow")


def test_a_table_names_classes_and_the_rest_is_as_usual():
    limits = ClassThresholds.read("conf", {"dog": 0.5, 2: 0.1}, 0.25, LABELS, "m")
    assert limits.of(np.array([0, 1, 2, 1])).tolist() == [0.25, 0.5, np.float32(0.1), 0.5]
    assert limits.least == 0.1
    assert ClassThresholds.read("conf", {}, 0.25, LABELS, "m").least == 0.25


def test_one_number_is_for_all():
    limits = ClassThresholds.read("conf", 0.75, 0.25, LABELS, "m")
    assert (limits.least, limits.of(np.array([2])).tolist()) == (0.75, [0.75])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"dgo": 0.5}, "m has no class 'dgo'"),
        ({"dog": 5}, "conf must be a number from 0 to 1, not 5"),
        ({"dog": 0.5, 1: 0.25}, "conf gives a class twice"),
        ("much", "conf must be a number from 0 to 1, not 'much'"),
    ],
)
def test_the_impossible_is_refused(given, words):
    with pytest.raises(InputError, match=words) as refusal:
        ClassThresholds.read("conf", given, 0.25, LABELS, "m")
    assert refusal.value.hint
