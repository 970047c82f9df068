from __future__ import annotations

import pytest

from edgerun.dialects.readers.known_keys import refuse_unknown, refuse_unknown_pixels


def test_a_key_of_another_name_is_refused_with_its_value():
    with pytest.raises(ValueError, match=r"the block says do_sharpen = True, which is not known here"):
        refuse_unknown({"mean": 1, "do_sharpen": True}, ("mean",), "the block")


@pytest.mark.parametrize("value", [None, False, "", "0", "false", [], {}])
def test_a_key_that_asks_for_nothing_is_not(value):
    refuse_unknown({"do_sharpen": value}, (), "the block")


@pytest.mark.parametrize(
    "key", ["resize_policy", "letterboxPad", "norm_mean", "Gamma", "channel-swap", "interpolation"]
)
def test_in_a_table_of_much_else_the_name_tells(key):
    refuse_unknown_pixels({"author": "me", "batch": 4, key: "x"}, (key,), "the table")
    with pytest.raises(ValueError, match=key):
        refuse_unknown_pixels({"author": "me", "batch": 4, key: "x"}, (), "the table")
