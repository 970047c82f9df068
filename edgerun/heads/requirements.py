"""What a family requires of outputs: written as plain statements, of which the first that fails is the verdict.

@verdict
def matches(evidence: Evidence) -> Match:
    require(len(evidence.outputs) == 1, "it needs one output [1, N, 6]")
    reject(value_checks.coarse(evidence.outputs[0]))
    return Match.bringing(Sure.LIKELY, "rows of a box, a score and a class")
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from edgerun.contract import Match, Sure

__all__ = ["STAND_IN", "Unmet", "reject", "require", "verdict"]

STAND_IN = "the size of a stand-in image"
"""In the reason of a verdict: all but the size of the input is the family's."""

P = ParamSpec("P")


class Unmet(Exception):
    """Something that a family requires is not so; the text says what speaks against it, in half a sentence."""


def require(condition: object, why: str) -> None:
    """Raise `Unmet` for this reason unless the condition holds."""
    if not condition:
        raise Unmet(why)


def reject(objection: str) -> None:
    """Raise `Unmet` for what a check found; "" passes."""
    if objection:
        raise Unmet(objection)


def verdict(matches: Callable[P, Match]) -> Callable[P, Match]:
    """The same function, with `Sure.NO` where something that it requires is not so."""

    @wraps(matches)
    def judged(*args: P.args, **kwargs: P.kwargs) -> Match:
        try:
            return matches(*args, **kwargs)
        except Unmet as unmet:
            return Match(Sure.NO, str(unmet))

    return judged
