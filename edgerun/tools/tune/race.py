"""Which of several ways is the fastest, on a machine where other programs run too.

All that are left are measured once a round, in a new order each round, so that noise hits all alike, and only times of
one round are compared with each other. Who is slower beyond doubt drops out. The doubt is that of the sign test: bounds
of the median that hold whatever the noise looks like, as long as it hits both sides alike (W. J. Conover, Practical
Nonparametric Statistics, 3rd ed. 1999, chapter 3.2).
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from edgerun.errors import EdgerunError

__all__ = ["Outcome", "bounds", "ratios", "run", "silent"]

Entrant = TypeVar("Entrant", bound=Hashable)

DOUBT = 0.002
"""Chance at which a bound of a median may be missed, on each side and at each look."""

NEAR = math.log(1.05)
"""Who is at most so much slower than the fastest, and not beyond doubt, may be preferred for being simpler."""

SAME = math.log(1.02)
"""A difference that nobody cares about: where all that are left are closer, the race is over."""

MOST_ROUNDS = 300

LOOKS = (3, 5, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 200, 250, MOST_ROUNDS)
"""After these rounds somebody may drop out. Fewer looks, fewer mistakes."""

EARLY = {3: math.log(1.5), 5: math.log(1.2)}
"""Rounds that are too few for bounds: there who was slower by so much each time drops out."""


@dataclass(frozen=True)
class Outcome(Generic[Entrant]):
    """How a race ended.

    Attributes:
        chosen: the fastest, or a simpler one where the noise does not tell them apart; None where nothing was measured.
        level: all that the noise does not tell apart from the fastest, the chosen one among them.
        clear: whether the fastest is so beyond doubt.
        seconds: of each entrant, a time for each round that it took part in, from the first on.
        dropped: who dropped out -> after which round.
        failed: who could no longer be measured -> why.
        rounds: whole ones.
        interrupted: whether Ctrl-C ended it.
    """

    chosen: Entrant | None
    level: tuple[Entrant, ...]
    clear: bool
    seconds: Mapping[Entrant, Sequence[float]]
    dropped: Mapping[Entrant, int]
    failed: Mapping[Entrant, str]
    rounds: int
    interrupted: bool


def bounds(values: Sequence[float]) -> tuple[float, float]:
    """Between which the median of what these are a sample of lies, but for `DOUBT` on each side."""
    count = len(values)
    tail, outside = 0, 0.0
    while outside + math.comb(count, tail) / 2**count <= DOUBT:
        outside += math.comb(count, tail) / 2**count
        tail += 1
    if not tail:
        return -math.inf, math.inf
    ordered = sorted(values)
    return ordered[tail - 1], ordered[count - tail]


def ratios(slow: Sequence[float], fast: Sequence[float]) -> list[float]:
    """Logarithms of the ratios of two entrants' times, round by round."""
    return [math.log(one / two) for one, two in zip(slow, fast, strict=False)]


def silent(*_: Any) -> None:
    """Tell nobody."""


def _nobody(_: Any) -> bool:
    return False


def run(
    entrants: Iterable[Entrant],
    measure: Callable[[Entrant], float],
    *,
    simplicity: Callable[[Entrant], tuple[float, ...]],
    left: Callable[[], float],
    keep: Callable[[Entrant], bool] = _nobody,
    drop: Callable[[Entrant], None] = silent,
    told: Callable[[int, int], None] = silent,
    least: int = 0,
    seed: int = 0,
) -> Outcome[Entrant]:
    """Measure until one is the fastest beyond doubt, all that are left are alike, or the time is up.

    Args:
        entrants: at least one.
        measure: seconds of one, now; an EdgerunError means that it is out.
        simplicity: the smaller, the simpler; no two alike.
        left: seconds that are left; another round begins where they are above 0.
        keep: who stays for ten rounds, so that others can be compared with it.
        drop: is told who dropped out, once.
        told: is told after each round how many there were and how many entrants are left.
        least: rounds that are run even when no time is left.
        seed: of the order.
    """
    alive = list(entrants)
    seconds: dict[Entrant, list[float]] = {entrant: [] for entrant in alive}
    dropped: dict[Entrant, int] = {}
    failed: dict[Entrant, str] = {}
    shuffle = random.Random(seed).shuffle  # noqa: S311 - no secret
    rounds, interrupted = 0, False
    try:
        while alive and rounds < MOST_ROUNDS and (rounds < least or left() > 0):
            if rounds >= 5 and _over(alive, seconds):
                break
            times: dict[Entrant, float] = {}
            shuffle(alive)
            for entrant in list(alive):
                try:
                    times[entrant] = measure(entrant)
                except EdgerunError as cause:
                    failed[entrant] = cause.message
                    alive.remove(entrant)
                    drop(entrant)
            for entrant, time in times.items():  # whole rounds alone count
                seconds[entrant].append(time)
            rounds += 1
            for entrant in _slower(alive, seconds, rounds) if rounds in LOOKS else ():
                if rounds < 10 and keep(entrant):
                    continue
                dropped[entrant] = rounds
                alive.remove(entrant)
                drop(entrant)
            told(rounds, len(alive))
    except KeyboardInterrupt:
        interrupted = True
    timed = [entrant for entrant in alive if seconds[entrant]]
    if not timed:
        return Outcome(None, (), False, seconds, dropped, failed, rounds, interrupted)
    fastest = _fastest(timed, seconds)
    level = [
        entrant
        for entrant in timed
        if entrant == fastest
        or (
            (apart := ratios(seconds[entrant], seconds[fastest]))
            and statistics.median(apart) < NEAR
            and _doubted(apart)
        )
    ]
    chosen = min(level, key=simplicity)
    clear = all(
        not _doubted(ratios(seconds[entrant], seconds[fastest])) for entrant in timed if entrant != fastest
    ) and bool(rounds >= 3 or len(seconds) == 1)
    return Outcome(chosen, tuple(sorted(level, key=simplicity)), clear, seconds, dropped, failed, rounds, interrupted)


def _fastest(alive: Sequence[Entrant], seconds: Mapping[Entrant, Sequence[float]]) -> Entrant:
    """All that are left took part in the same rounds, so their medians compare."""
    return min(alive, key=lambda entrant: statistics.median(seconds[entrant]))


def _doubted(apart: Sequence[float]) -> bool:
    return bounds(apart)[0] <= 0


def _slower(alive: Sequence[Entrant], seconds: Mapping[Entrant, Sequence[float]], rounds: int) -> list[Entrant]:
    """Who drops out now."""
    fastest = _fastest(alive, seconds)
    out = []
    for entrant in alive:
        apart = ratios(seconds[entrant], seconds[fastest])
        if entrant != fastest and (min(apart) > EARLY[rounds] if rounds in EARLY else not _doubted(apart)):
            out.append(entrant)
    return out


def _over(alive: Sequence[Entrant], seconds: Mapping[Entrant, Sequence[float]]) -> bool:
    """Whether more rounds would tell nothing that matters."""
    fastest = _fastest(alive, seconds)
    for entrant in alive:
        low, high = bounds(ratios(seconds[entrant], seconds[fastest])) if entrant != fastest else (0.0, 0.0)
        if low < -SAME or high > SAME:
            return False
    return True
