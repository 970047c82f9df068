from __future__ import annotations

import pytest

from edgerun.dialects.readers.fields import as_is, as_text, find, sides, some, translate

TABLE = {"threshold": ("conf", float), "name": ("task", as_is)}


def test_keys_become_fields_and_their_values_are_converted():
    assert translate({"threshold": "0.5", "name": "detect", "other": 1}, TABLE) == {"conf": 0.5, "task": "detect"}


def test_null_says_nothing():
    assert translate({"threshold": None}, TABLE) == {}


def test_a_value_that_cannot_be_converted_raises():
    with pytest.raises(ValueError, match="high"):
        translate({"threshold": "high"}, TABLE)


def test_only_what_holds_something_is_a_field():
    assert some(labels=(), task=None, keypoints=17) == {"keypoints": 17}


def test_entries_of_metadata_are_texts():
    assert as_text("é") == as_text("é".encode()) == "é"
    with pytest.raises(ValueError, match="utf-8"):
        as_text(b"\xff")


def test_sides_are_given_by_both_keys_or_by_neither():
    assert sides({"h": "4", "w": "6"}, "h", "w", int) == {"height": 4, "width": 6}
    assert sides({"edge": 4}, "edge", "edge") == {"height": 4, "width": 4}
    assert sides({"h": 4}, "h", "w") == {}


def test_the_first_key_that_fits_counts():
    assert find({"seg": "segment", "detect": "detect"}, "detection with segments".__contains__) == "segment"
    assert find({"seg": "segment"}, "pose".__contains__) is None
