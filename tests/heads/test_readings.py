from __future__ import annotations

from types import SimpleNamespace

import pytest

from edgerun.card import ModelCard
from edgerun.contract import Candidates, Sure
from edgerun.heads.readings import Bound, OfClasses, Reading, label_mismatch


def beside(labels, height=320, width=320):
    return SimpleNamespace(card=ModelCard(height=height, width=width, labels=labels))


@pytest.mark.parametrize("labels", ["abc", "abcde", "a"])
def test_labels_of_another_number_than_of_classes_are_refused(labels):
    assert label_mismatch(beside(tuple(labels)), 4) == f"4 classes are not {len(labels)} labels"


@pytest.mark.parametrize(("labels", "classes"), [("abcd", 4), ("", 4), ("a", 1), ("ab", 0)])
def test_as_many_labels_as_classes_or_none_are_not(labels, classes):
    assert label_mismatch(beside(tuple(labels)), classes) == ""


def reading(classes):
    bound = Bound((), {"y": "boxes"}, classes, "so many")
    return Reading(lambda evidence: bound, lambda tables, cells, conf: Candidates(None, None, None), ())


@pytest.mark.parametrize(
    ("labels", "sure"), [("abc", Sure.NO), ("abcd", Sure.LIKELY), ("abcde", Sure.NO), ("", Sure.LIKELY)]
)
def test_a_family_reads_as_many_classes_as_there_are_labels(labels, sure):
    assert reading(4).matches(beside(tuple(labels))).sure is sure
    assert reading(1).matches(beside(("one",))).sure is Sure.LIKELY


@pytest.mark.parametrize(("size", "sure"), [((64, 320), Sure.LIKELY), ((63, 320), Sure.NO), ((320, 63), Sure.NO)])
def test_the_size_of_a_stand_in_image_is_told_by_either_side(size, sure):
    assert reading(4).matches(beside((), *size)).sure is sure


def test_a_number_of_classes_that_a_data_set_has_is_likely():
    assert [OfClasses((20, 80))(SimpleNamespace(classes=count)) for count in (20, 21, 79, 80)] == [
        Sure.LIKELY, Sure.POSSIBLE, Sure.POSSIBLE, Sure.LIKELY,
    ]  # fmt: skip
