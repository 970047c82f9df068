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
from typing import ParamSpec, TypeVar

from edgerun.contract import Match, Sure

__all__ = ["STAND_IN", "Unmet", "or_reason", "reject", "require", "verdict"]

STAND_IN = "the size of a stand-in image"
"""In the reason of a verdict: all but the size of the input is the family's."""

P = ParamSpec("P")
T = TypeVar("T")


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


def or_reason(finds: Callable[P, T]) -> Callable[P, T | str]:
    """The same function, with the reason as its result where something that it requires is not so."""

    @wraps(finds)
    def told(*args: P.args, **kwargs: P.kwargs) -> T | str:
        try:
            return finds(*args, **kwargs)
        except Unmet as unmet:
            return str(unmet)

    return told
