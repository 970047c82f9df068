"""A verdict is a function of scores: what is ahead by enough is clear, near ties are left to the convention."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.tools.settle.hypotheses import Hypothesis
from edgerun.tools.settle.open_fields import OpenField
from edgerun.tools.settle.result import Ranked
from edgerun.tools.settle.verdicts import Scores, checked_for_repeatability, verdict

COLOR = OpenField("color", "convention: so it is", ("rgb", "bgr"), strict=False)
STRICT = OpenField("color", "", ("rgb", "bgr"), strict=True)


def hypothesis(**words):
    return Hypothesis({}, words, frozenset(), {}, None)


def scored(rgb, bgr, photos=8, spread=0.01):
    """Scores of two hypotheses that differ in their order of colours."""
    noise = np.linspace(-spread, spread, photos)
    hypotheses = [hypothesis(color="rgb"), hypothesis(color="bgr")]
    return Scores(hypotheses, np.array([rgb + noise, bgr - noise]), photos, photos)


@pytest.mark.parametrize(
    ("field", "rgb", "bgr", "value", "kind"),
    [
        (COLOR, 0.9, 0.5, "rgb", "clear"),
        (COLOR, 0.9, 0.895, "rgb", "convention"),
        (COLOR, 0.895, 0.9, "rgb", "convention"),
        (COLOR, 0.5, 0.9, "bgr", "clear"),  # against the convention
        (COLOR, 0.85, 0.9, "bgr", "unclear"),  # a lead, and not enough against a convention
        (STRICT, 0.85, 0.9, "bgr", "clear"),
        (STRICT, 0.9, 0.895, "rgb", "unclear"),
    ],
)
def test_a_lead_settles_where_it_is_large_enough(field, rgb, bgr, value, kind):
    found = verdict(field, scored(rgb, bgr))
    assert (found.value, found.kind) == (value, kind)
    assert found.why


def test_a_lead_that_varies_from_photo_to_photo_settles_nothing():
    assert verdict(STRICT, scored(0.9, 0.8, spread=0.4)).kind == "unclear"


@pytest.mark.parametrize(("field", "kind"), [(COLOR, "convention"), (STRICT, "unclear")])
def test_too_few_photos_settle_nothing(field, kind):
    found = verdict(field, scored(0.9, 0.1, photos=4))
    assert (found.value, found.kind) == ("rgb", kind)
    assert "only 4 of 4 photos" in found.why


def test_one_value_alone_is_but_an_example():
    assert verdict(OpenField("mean", "", ("0.5",), strict=True), scored(0.9, 0.1)).kind == "unclear"


def test_values_are_compared_over_all_settings_of_the_other_fields():
    """RGB is ahead with either resize, by as much."""
    means = {("rgb", "stretch"): 0.80, ("bgr", "stretch"): 0.60, ("rgb", "letterbox"): 0.90, ("bgr", "letterbox"): 0.70}
    hypotheses = [hypothesis(color=color, resize=resize) for color, resize in means]
    values = np.array([[score] * 6 for score in means.values()])
    found = verdict(COLOR, Scores(hypotheses, values, 6, 6))
    assert (found.value, found.kind) == ("rgb", "clear")
    assert found.contrasts[0].lead == pytest.approx(0.2 / 0.9)
    assert found.contrasts[0].error == pytest.approx(0, abs=1e-9)


def test_what_is_not_found_again_is_not_clear():
    clear = verdict(COLOR, scored(0.9, 0.5))
    (shaky,) = checked_for_repeatability([clear], Ranked(hypothesis(color="rgb"), 0.9, 3.0, 0.2, 8))
    assert shaky.kind == "unclear"
    assert "only 20 % of what it finds is found again" in shaky.why
    assert list(checked_for_repeatability([clear], Ranked(hypothesis(color="rgb"), 0.9, 3.0, 0.7, 8))) == [clear]
    assert list(checked_for_repeatability([clear], None)) == [clear]
