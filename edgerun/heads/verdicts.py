"""Recognition as a list of requirements: the first that does not hold is why a family does not read these outputs.

@refutable
def _matches(evidence: Evidence) -> Match:
    require(len(evidence.outputs) == 1, "it needs one output")
    ...
    return Match.bringing(Sure.LIKELY, "one output of …", CONVENTIONS)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from edgerun.contract import Match, Sure

__all__ = ["Refuted", "refutable", "refute", "require"]

P = ParamSpec("P")
First = TypeVar("First")


class Refuted(Exception):
    """What speaks against a family, in half a sentence; `refutable` makes a verdict of it."""


def require(holds: object, otherwise: str) -> None:
    """Raise `Refuted` with this reason unless it holds."""
    if not holds:
        raise Refuted(otherwise)


def refute(reason: str) -> None:
    """Raise `Refuted` with this reason unless it is empty."""
    if reason:
        raise Refuted(reason)


def refutable(matches: Callable[Concatenate[First, P], Match]) -> Callable[Concatenate[First, P], Match]:
    """A function that recognises a family, with `Refuted` turned into `Sure.NO`."""

    @wraps(matches)
    def verdict(first: First, /, *args: P.args, **options: P.kwargs) -> Match:
        try:
            return matches(first, *args, **options)
        except Refuted as reason:
            return Match(Sure.NO, str(reason))

    return verdict
