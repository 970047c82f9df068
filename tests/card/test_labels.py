from __future__ import annotations

from edgerun.card.labels import without_background


def test_a_background_counts_only_where_it_comes_first():
    assert without_background(["__background__", "a", "b"]) == ("a", "b")
    assert without_background(["???", "a"]) == ("a",)
    assert without_background(["a", "background"]) == ()
    assert without_background(["background"]) == ()
