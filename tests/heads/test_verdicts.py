from __future__ import annotations

from edgerun.contract import Match, Sure
from edgerun.heads.verdicts import refutable, refute, require


@refutable
def matches(evidence, *, reason=""):
    require(evidence, "there is nothing")
    refute(reason)
    return Match(Sure.CERTAIN, "it holds")


def test_the_first_requirement_that_does_not_hold_is_why():
    assert matches(None, reason="a reason") == Match(Sure.NO, "there is nothing")
    assert matches(1, reason="a reason") == Match(Sure.NO, "a reason")
    assert matches(1) == Match(Sure.CERTAIN, "it holds")
