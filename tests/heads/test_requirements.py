from __future__ import annotations

import pytest

from edgerun.contract import Match, Sure
from edgerun.heads.requirements import Unmet, or_reason, reject, require, verdict


def test_the_first_requirement_that_fails_is_the_verdict():
    @verdict
    def matches(count, objection):
        require(count == 1, f"it needs one output, not {count}")
        reject(objection)
        return Match(Sure.LIKELY, "one output")

    assert matches(1, "").sure is Sure.LIKELY
    assert matches(2, "stored too coarsely") == Match(Sure.NO, "it needs one output, not 2")
    assert matches(1, "stored too coarsely") == Match(Sure.NO, "stored too coarsely")


def test_what_is_looked_for_is_found_or_the_reason_is_told():
    @or_reason
    def halves(number):
        require(number % 2 == 0, f"{number} is odd")
        return number // 2

    assert halves(6) == 3
    assert halves(7) == "7 is odd"


def test_outside_a_verdict_it_is_an_error():
    with pytest.raises(Unmet, match="so it is"):
        require([], "so it is")
