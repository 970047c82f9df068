from __future__ import annotations

import pytest

from edgerun.dialects.readers import numbers


def test_one_number_stands_for_both_sides():
    assert numbers.pair(640) == (640, 640)
    assert numbers.pair([480, "640"]) == (480, 640)


@pytest.mark.parametrize("size", [[1], [1, 2, 3], None, "wide"])
def test_what_is_not_a_pair_raises(size):
    with pytest.raises((ValueError, TypeError)):
        numbers.pair(size)


def test_one_number_is_a_list_of_one():
    assert numbers.listed(0.5) == [0.5]
    assert numbers.listed((1, 2)) == [1.0, 2.0]


@pytest.mark.parametrize("text", ["1 2.5 3", "1,2.5,3", "[1; 2.5; 3]", " 1\t2.5\n3 "])
def test_numbers_are_read_between_all_kinds_of_signs(text):
    assert numbers.from_text(text) == [1.0, 2.5, 3.0]
    assert numbers.from_text(" ") == []


@pytest.mark.parametrize(("value", "truth"), [("True", True), (" yes", True), (1, True), ("0", False), ("", False)])
def test_truth_values_are_read_from_texts_too(value, truth):
    assert numbers.is_true(value) is truth
