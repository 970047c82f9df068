"""Which of several candidates is the fastest, on a machine where other programs run too.

All that are left are measured once a round, in a new order each round, so that noise hits all alike, and only times of
one round are compared with each other. A candidate that is significantly slower drops out, by the sign test: confidence
bounds of the median that hold whatever the noise looks like, as long as it hits both sides alike (W. J. Conover,
Practical Nonparametric Statistics, 3rd ed. 1999, chapter 3.2).
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from edgerun.errors import EdgerunError

__all__ = ["Outcome", "bounds", "ratios", "run", "silent"]

Entrant = TypeVar("Entrant", bound=Hashable)

ALPHA = 0.002
"""One-sided significance level of each interim look."""

NEAR = math.log(1.05)
"""Candidates within 5 % of the fastest, and not significantly slower, are ties; the simplest tie wins."""

NEGLIGIBLE = math.log(1.02)
"""Where all candidates that are left are known to be within 2 % of each other, the race is over."""

MAX_ROUNDS = 300

LOOKS = (3, 5, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 200, 250, MAX_ROUNDS)
"""After these rounds a candidate may drop out. Fewer looks, fewer mistakes."""

EARLY = {3: math.log(1.5), 5: math.log(1.2)}
"""Rounds that are too few for bounds -> log ratio: what was slower by so much each time drops out."""

ROUNDS_TO_END = 5
"""Fewer rounds do not show that all are alike."""

ROUNDS_KEPT = 10
"""For which a candidate stays that others are to be compared with."""

ROUNDS_CLEAR = 3
"""Fewer rounds do not make the fastest clear."""


@dataclass(frozen=True)
class Outcome(Generic[Entrant]):
    """How a race ended.

    Attributes:
        chosen: the fastest, or a simpler one where the noise does not tell them apart; None where nothing was measured.
        level: all that the noise does not tell apart from the fastest, the chosen one among them.
        clear: whether the fastest is so beyond doubt.
        seconds: of each entrant, a time for each round that it took part in, from the first on.
        dropped: entrant that dropped out -> after which round.
        failed: entrant that could no longer be measured -> why.
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
    """Confidence bounds of the median of the distribution that these values are drawn from.

    Either bound is wrong with a probability of at most `ALPHA`; infinite where there are too few values for that.
    """
    count = len(values)
    tail, outside = 0, 0.0
    while outside + math.comb(count, tail) / 2**count <= ALPHA:
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
    """Report no progress."""


def _never(_: Any) -> bool:
    return False


def run(
    entrants: Iterable[Entrant],
    measure: Callable[[Entrant], float],
    *,
    simplicity: Callable[[Entrant], tuple[float, ...]],
    left: Callable[[], float],
    keep: Callable[[Entrant], bool] = _never,
    drop: Callable[[Entrant], None] = silent,
    progress: Callable[[int, int], None] = silent,
    least: int = 0,
    seed: int = 0,
) -> Outcome[Entrant]:
    """Measure until one is the fastest beyond doubt, all that are left are alike, or the time is up.

    Args:
        entrants: at least one.
        measure: seconds of one, now; an EdgerunError means that it is out.
        simplicity: the smaller, the simpler; no two alike.
        left: seconds that are left; another round begins where they are above 0.
        keep: whether one stays for ten rounds, so that others can be compared with it.
        drop: called with each entrant that drops out, once.
        progress: called after each round with the number of rounds and of entrants that are left.
        least: rounds that are run even when no time is left.
        seed: of the order.
    """
    race = _Race(list(entrants), measure, drop, random.Random(seed))  # noqa: S311 - not a secret
    interrupted = False
    try:
        while race.goes_on and (race.rounds < least or left() > 0):
            race.run_round()
            if race.rounds in LOOKS:
                race.drop_slower(keep)
            progress(race.rounds, len(race.alive))
    except KeyboardInterrupt:
        interrupted = True
    return race.outcome(simplicity, interrupted)


@dataclass
class _Race(Generic[Entrant]):
    """A race that is going on.

    Attributes:
        alive: entrants that are left.
        measure, drop: see `run`.
        random: of the order.
        seconds, dropped, failed, rounds: see `Outcome`.
    """

    alive: list[Entrant]
    measure: Callable[[Entrant], float]
    drop: Callable[[Entrant], None]
    random: random.Random
    seconds: dict[Entrant, list[float]] = field(init=False)
    dropped: dict[Entrant, int] = field(default_factory=dict)
    failed: dict[Entrant, str] = field(default_factory=dict)
    rounds: int = 0

    def __post_init__(self) -> None:
        self.seconds = {entrant: [] for entrant in self.alive}

    @property
    def goes_on(self) -> bool:
        """Whether more rounds would tell something that matters."""
        if not self.alive or self.rounds >= MAX_ROUNDS:
            return False
        return self.rounds < ROUNDS_TO_END or not self._all_alike()

    def run_round(self) -> None:
        """Measure each once; only whole rounds count."""
        times: dict[Entrant, float] = {}
        self.random.shuffle(self.alive)
        for entrant in list(self.alive):
            try:
                times[entrant] = self.measure(entrant)
            except EdgerunError as cause:
                self.failed[entrant] = cause.message
                self._remove(entrant)
        for entrant, time in times.items():
            self.seconds[entrant].append(time)
        self.rounds += 1

    def drop_slower(self, keep: Callable[[Entrant], bool]) -> None:
        """Drop what is significantly slower than the fastest."""
        for entrant, behind in self._behind().items():
            if not self._is_out(behind) or (self.rounds < ROUNDS_KEPT and keep(entrant)):
                continue
            self.dropped[entrant] = self.rounds
            self._remove(entrant)

    def _remove(self, entrant: Entrant) -> None:
        self.alive.remove(entrant)
        self.drop(entrant)

    def _fastest(self) -> Entrant | None:
        """All that are left took part in the same rounds, so their medians compare."""
        timed = [entrant for entrant in self.alive if self.seconds[entrant]]
        return min(timed, key=lambda entrant: statistics.median(self.seconds[entrant]), default=None)

    def _behind(self) -> dict[Entrant, list[float]]:
        """Of all that are left but the fastest: log ratio to the fastest, round by round."""
        fastest = self._fastest()
        if fastest is None:
            return {}
        times = self.seconds
        others = [entrant for entrant in self.alive if times[entrant] and entrant != fastest]
        return {entrant: ratios(times[entrant], times[fastest]) for entrant in others}

    def _is_out(self, behind: Sequence[float]) -> bool:
        if self.rounds in EARLY:
            return min(behind) > EARLY[self.rounds]
        return _is_slower(behind)

    def _all_alike(self) -> bool:
        return all(_is_negligible(behind) for behind in self._behind().values())

    def outcome(self, simplicity: Callable[[Entrant], tuple[float, ...]], interrupted: bool) -> Outcome[Entrant]:
        """How it ended."""
        level: list[Entrant] = []
        clear = False
        fastest = self._fastest()
        if fastest is not None:
            behind = self._behind()
            ties = [entrant for entrant, apart in behind.items() if _is_tie(apart)]
            level = sorted([fastest, *ties], key=simplicity)
            enough = self.rounds >= ROUNDS_CLEAR or len(self.seconds) == 1
            clear = enough and all(map(_is_slower, behind.values()))
        return Outcome(
            chosen=next(iter(level), None),
            level=tuple(level),
            clear=clear,
            seconds=self.seconds,
            dropped=self.dropped,
            failed=self.failed,
            rounds=self.rounds,
            interrupted=interrupted,
        )


def _is_slower(behind: Sequence[float]) -> bool:
    """Whether an entrant is significantly slower than the fastest."""
    return bounds(behind)[0] > 0


def _is_tie(behind: Sequence[float]) -> bool:
    return statistics.median(behind) < NEAR and not _is_slower(behind)


def _is_negligible(behind: Sequence[float]) -> bool:
    low, high = bounds(behind)
    return -NEGLIGIBLE <= low <= high <= NEGLIGIBLE
