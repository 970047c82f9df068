from __future__ import annotations

import pytest

from edgerun.card import labels
from edgerun.card.labels import COCO, COCO91, without_background
from edgerun.dialects.readers import label_files


@pytest.mark.parametrize("first", ["background", "__background__", "???", "Background"])
def test_a_background_is_told_by_its_name(first):
    assert label_files.parse(f"{first}\nperson\n") == (first, "person")
    assert without_background((first, "person")) == ("person",)
    assert without_background(("person", first)) == ()


def test_coco_has_its_names_in_order_and_by_id():
    assert (len(COCO), COCO[0], COCO[79]) == (80, "person", "toothbrush")
    assert (len(COCO91), COCO91[11], COCO91[89]) == (90, "???", "toothbrush")
    assert [name for name in COCO91 if name != "???"] == list(COCO)


def test_a_background_counts_only_where_it_comes_first():
    assert without_background(["__background__", "a", "b"]) == ("a", "b")
    assert without_background(["???", "a"]) == ("a",)
    assert without_background(["a", "background"]) == ()
    assert without_background(["background"]) == ()


def test_category_ids_are_cocos_where_names_count_as_coco_does():
    """COCO 2017: person is 1, toothbrush 90; names with a background in front are numbered by their place."""
    assert labels.category_ids(labels.COCO, 79)[-1] == 90
    assert list(labels.category_ids(("__background__", "person", "bicycle"), 2)) == [0, 1, 2]
    assert list(labels.category_ids(("N/A", *labels.COCO91), 90))[1::89] == [1, 90]
    assert list(labels.category_ids(("a", "b"), 1)) == [1, 2]
    assert list(labels.category_ids((), 3)) == [1, 2, 3, 4]
