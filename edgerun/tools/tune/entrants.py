"""The candidates that take part, as far as they got: opened, checked, looked at, dropped."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace

from edgerun.errors import (
    CardInvalid,
    DecoderAmbiguous,
    DecoderUnknown,
    EdgerunError,
    InputError,
    ModelUnsafe,
)
from edgerun.tensors import Arrays
from edgerun.tools import agreement
from edgerun.tools.tune.result import Finding, Standing
from edgerun.tools.tune.runner import Candidate, Runner

__all__ = ["EARLY_DROP", "Entrants", "Opener"]

EARLY_DROP = 3.0
"""Drop a candidate whose best run exceeds 3 × the leader's median, on two looks."""

SLOW_RUN_SECONDS = 0.5
"""Of runs that take longer, one is enough for a first look."""

MAX_OPEN = 8
"""Candidates that are kept open at the same time: each holds the model in memory."""

BLOCK_SECONDS = 0.05
"""Of runs that make one measurement: their median."""

MAX_BLOCK_RUNS = 50

USER_ERRORS = (InputError, CardInvalid, DecoderAmbiguous, DecoderUnknown, ModelUnsafe)
"""Errors of what the user gave, which no other way of running the model would mend."""

Opener = Callable[[Candidate], Runner]


class Entrants:
    """The candidates that take part.

    Args:
        opener: opens one.

    Attributes:
        runners: of those that are open.
        findings: of all that were tried.
        first_looks: seconds per image of those that were measured before the race.
        errors: of those that failed.
    """

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self.runners: dict[Candidate, Runner] = {}
        self.findings: dict[Candidate, Finding] = {}
        self.first_looks: dict[Candidate, list[float]] = {}
        self.errors: list[EdgerunError] = []

    def enter(self, candidate: Candidate, reference: list[Arrays] | None) -> list[Arrays] | None:
        """Open one, check it, and take a first look at its speed; its answers, or None where it is out.

        Raises:
            EdgerunError: one of `USER_ERRORS`.
        """
        try:
            return self._enter(candidate, reference)
        except USER_ERRORS:
            raise
        except EdgerunError as cause:
            self.findings[candidate] = Finding(candidate, "failed", cause.message.rstrip("."))
            self.errors.append(cause)
            return None

    def _enter(self, candidate: Candidate, reference: list[Arrays] | None) -> list[Arrays] | None:
        runner = self._opener(candidate)
        try:
            answers = runner.answers()
            finding = _checked(candidate, runner, answers if reference is None else reference, answers)
            self.findings[candidate] = finding
            if finding.verdict == "wrong":
                return None
            self.first_looks[candidate] = _first_look(runner)
            self.runners[candidate] = runner
            return answers
        finally:
            if candidate not in self.runners:
                runner.close()

    def leave(self, candidate: Candidate, verdict: Standing = "slower", detail: str = "") -> None:
        """Close one, where it is open."""
        if candidate in self.runners:
            self.findings[candidate] = replace(self.findings[candidate], verdict=verdict, detail=detail)
            self.runners.pop(candidate).close()

    def drop_slow(self, reference: Candidate) -> None:
        """Close those that are slower at first sight, and the slowest of too many."""
        for candidate in sorted(self.runners, key=self.slowness, reverse=True):
            if candidate != reference and len(self.runners) > 1 and self._is_droppable(candidate):
                times = self.slowness(candidate)
                self.leave(candidate, detail=f"{times:.1f} times as slow as the fastest at first sight")

    def _is_droppable(self, candidate: Candidate) -> bool:
        if len(self.runners) > MAX_OPEN:
            return True
        return self.slowness(candidate) > EARLY_DROP and self._is_slow_again(candidate)

    def _is_slow_again(self, candidate: Candidate) -> bool:
        """Whether one is as slow beside the fastest one, now: another program may have had the cores before."""
        fastest = min(self.runners, key=self._usual)
        mine = self.runners[candidate].measure(1 if self._best(candidate) > SLOW_RUN_SECONDS else 3)
        others = self.runners[fastest].measure(3)
        self.first_looks[candidate] += mine
        self.first_looks[fastest] += others
        return min(mine) > EARLY_DROP * statistics.median(others)

    def _usual(self, candidate: Candidate) -> float:
        return statistics.median(self.first_looks[candidate])

    def _best(self, candidate: Candidate) -> float:
        return min(self.first_looks[candidate])

    def slowness(self, candidate: Candidate) -> float:
        """The best run of this one, divided by a usual run of the fastest one, at first sight."""
        return self._best(candidate) / min(map(self._usual, self.runners))

    def hopeless(self, candidate: Candidate) -> str:
        """Why one need not be tried: what its delegate did with more threads; "" where it may be fast."""
        for other, finding in self.findings.items():
            if (other.backend, other.delegate) != (candidate.backend, candidate.delegate):
                continue
            if finding.verdict in ("wrong", "failed"):
                return f"it is {finding.verdict} with {other.threads} threads"
            if other in self.first_looks and self.slowness(other) > EARLY_DROP:
                return f"{other} takes {self.slowness(other):.1f} times as long as the fastest at first sight"
        return ""

    def measure(self, candidate: Candidate, batch: int = 1) -> float:
        """Seconds per image, now: a run that is not counted, then the median of some that are."""
        run_seconds = self._best(candidate) * batch
        runner = self.runners[candidate]
        if run_seconds < 2 * BLOCK_SECONDS:
            runs = max(1, min(MAX_BLOCK_RUNS, round(BLOCK_SECONDS / max(run_seconds, 1e-6))))
            times = runner.measure(runs + 1, batch)[1:]
        else:
            times = runner.measure(1, batch)
        return max(statistics.median(times), 1e-9)

    def close(self) -> None:
        """Close all that are left."""
        while self.runners:
            self.runners.popitem()[1].close()


def _checked(candidate: Candidate, runner: Runner, reference: list[Arrays], answers: list[Arrays]) -> Finding:
    """Whether its answers are those of the reference.

    Raises:
        InputError: the reference finds too little for that.
    """
    agreed = agreement.compare(reference, answers, quantised=runner.facts.differs_by_steps)
    if agreed is None:
        raise InputError(
            f"{candidate} finds next to nothing in these images, so that no other result could be checked.",
            hint="give images of what the model finds: --images FOLDER",
        )
    return Finding(
        candidate,
        verdict="wrong" if agreed.fault else "slower",
        detail=agreed.fault,
        pixels=agreed.pixels,
        score=agreed.score,
        opening=runner.facts.seconds,
    )


def _first_look(runner: Runner) -> list[float]:
    first = runner.measure(1)
    if first[0] > SLOW_RUN_SECONDS:
        return first
    return first + runner.measure(2)
