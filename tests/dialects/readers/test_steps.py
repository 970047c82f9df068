from __future__ import annotations

import pytest

from edgerun.dialects.readers.steps import Preprocessing, follow, nothing, rounded_up, zero_border


def letterbox(step, state):
    state.fields["resize"] = "letterbox"
    state.sized(step["height"], step["width"])
    state.padded(step["fill"])


READERS = {"letterbox": letterbox, "load": nothing}


def test_steps_are_followed_in_their_order():
    steps = [("load", {}), ("letterbox", {"height": 4, "width": 6, "fill": 7})]
    fields = follow(steps, READERS, Preprocessing({"color": "rgb"}), "a file")
    assert fields == {"color": "rgb", "resize": "letterbox", "height": 4, "width": 6, "fill": 7}


def test_the_first_padding_shows_and_open_sizes_are_left_open():
    steps = [("letterbox", {"height": 4, "width": 6, "fill": 7}), ("letterbox", {"height": -1, "width": 9, "fill": 8})]
    fields = follow(steps, READERS, Preprocessing(), "a file")
    assert (fields["height"], fields["width"], fields["fill"]) == (4, 6, 7)


def test_without_a_letterbox_there_is_no_border():
    assert follow([], READERS, Preprocessing({"resize": "stretch"}, border=3), "a file") == {"resize": "stretch"}


def test_an_unknown_step_is_refused_by_name():
    with pytest.raises(ValueError, match="a file has the step blur, which is not known here"):
        follow([("blur", {})], READERS, Preprocessing(), "a file")


def test_a_border_of_zero_has_the_colour_of_the_mean():
    assert zero_border({"scale": 1 / 255, "mean": [0.5, 0.25, 0.0]}) == [128, 64, 0]
    assert zero_border({"scale": 1.0, "mean": 114.0}) == [114]


def test_sides_are_padded_to_multiples():
    assert rounded_up({"height": 33, "width": 64}, 32) == {"height": 64, "width": 64}
    assert rounded_up({}, 32) == {}
