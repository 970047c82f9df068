"""The search for the fastest right way: open, check, measure, decide."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from edgerun.errors import DelegateUnavailable, EdgerunError
from edgerun.tensors import Arrays
from edgerun.tools import agreement
from edgerun.tools.tune import race
from edgerun.tools.tune.candidates import references, simplicity
from edgerun.tools.tune.conclusion import Measurements, conclude
from edgerun.tools.tune.entrants import EARLY_DROP, Entrants, Opener
from edgerun.tools.tune.result import LATE, Finding, Tuning
from edgerun.tools.tune.runner import Candidate

__all__ = ["BUDGET", "Progress", "search"]

BUDGET = 60.0
"""Seconds, unless the user gives another budget."""

OPENING_FRACTION = 0.6
"""Of the budget, after which no further candidate is opened."""

RACE_FRACTION = 0.8
"""Of the budget, for opening and racing where the number of images a run is to be found afterwards."""

MIN_ROUNDS = 3
"""Even where opening has taken all the time."""

BATCHES = (1, 2, 4, 8)

Progress = Callable[[str, float], None]
"""Called with what is going on, and the seconds of the budget that are spent."""


def search(
    found: Sequence[Candidate],
    opener: Opener,
    *,
    budget: float = BUDGET,
    clock: Callable[[], float] = time.monotonic,
    progress: Progress = race.silent,
    seed: int = 0,
    today: str = "",
) -> Tuning:
    """Open, check, measure, decide.

    Args:
        found: the candidates, the most promising first.
        opener: opens one; an EdgerunError is kept as its finding.
        budget: seconds.
        clock: seconds that only go forward.
        progress: called with what is going on.
        seed: of the order in the rounds.
        today: the date for the entry.

    Raises:
        EdgerunError: no candidate can be opened, or nothing can be checked.
    """
    searching = _Search(found, Entrants(opener), budget, clock, progress)
    try:
        reference, answers = searching.open_reference()
        searching.open_others(reference, answers)
        outcome = searching.race_candidates(reference, seed)
        batches, size = None, (0, 0)
        if outcome.chosen is not None:
            size = searching.entrants.runners[outcome.chosen].facts.size
            batches = searching.race_batches(outcome.chosen, answers)
    finally:
        searching.entrants.close()
    measured = Measurements(
        found=found,
        findings=searching.entrants.findings,
        first_looks=searching.entrants.first_looks,
        reference=reference,
        race=outcome,
        batches=batches,
        size=size,
    )
    return conclude(measured, searching.spent(), searching.interrupted, today)


@dataclass
class _Search:
    """A search that is going on.

    Attributes:
        found, budget, clock, progress: see `search`.
        entrants: the candidates, as far as they got.
        began: time on the clock.
        interrupted: whether Ctrl-C ended it: what was measured by then is kept.
    """

    found: Sequence[Candidate]
    entrants: Entrants
    budget: float
    clock: Callable[[], float]
    progress: Progress
    began: float = field(init=False)
    interrupted: bool = False

    def __post_init__(self) -> None:
        self.began = self.clock()

    def spent(self) -> float:
        """Seconds."""
        return self.clock() - self.began

    def _tell(self, text: str) -> None:
        self.progress(text, self.spent())

    def open_reference(self) -> tuple[Candidate, list[Arrays]]:
        """The reference and its answers.

        Raises:
            EdgerunError: no candidate for it opens.
        """
        for candidate in references(self.found):
            self._tell(f"the reference: {candidate}")
            answers = self.entrants.enter(candidate, None)
            if answers is not None:
                return candidate, answers
        errors = self.entrants.errors
        if len({cause.message for cause in errors}) == 1:
            raise errors[0]
        reasons = "; ".join(f"{candidate}: {finding.detail}" for candidate, finding in self.entrants.findings.items())
        raise DelegateUnavailable(f"No delegate here runs this model: {reasons}.", hint="run: edgerun doctor")

    def open_others(self, reference: Candidate, answers: list[Arrays]) -> None:
        """Open and check those that may be fast, as long as there is time."""
        try:
            for number, candidate in enumerate(self.found, 1):
                if candidate not in self.entrants.findings:
                    self._try(candidate, number, reference, answers)
        except KeyboardInterrupt:
            self.interrupted = True

    def _try(self, candidate: Candidate, number: int, reference: Candidate, answers: list[Arrays]) -> None:
        late = self.spent() > OPENING_FRACTION * self.budget
        untried = LATE if late else self.entrants.hopeless(candidate)
        if untried:
            self.entrants.findings[candidate] = Finding(candidate, "untried", untried)
            return
        self._tell(f"trying {candidate} ({number} of {len(self.found)})")
        self.entrants.enter(candidate, answers)
        self.entrants.drop_slow(reference)

    def race_candidates(self, reference: Candidate, seed: int) -> race.Outcome[Candidate]:
        """Race those that are open."""
        budget = self.budget
        if any(runner.facts.batch > 1 for runner in self.entrants.runners.values()):
            budget *= RACE_FRACTION

        def kept(candidate: Candidate) -> bool:
            return candidate == reference and self.entrants.slowness(candidate) < EARLY_DROP

        outcome = race.run(
            list(self.entrants.runners),
            self.entrants.measure,
            simplicity=partial(simplicity, found=self.found),
            left=lambda: 0.0 if self.interrupted else budget - self.spent(),
            least=0 if self.interrupted else MIN_ROUNDS,
            keep=kept,
            drop=self.entrants.leave,
            progress=lambda rounds, alive: self._tell(f"round {rounds}: {alive} left"),
            seed=seed,
        )
        self.interrupted |= outcome.interrupted
        return outcome

    def race_batches(self, candidate: Candidate, answers: list[Arrays]) -> race.Outcome[int] | None:
        """How many images a run are the fastest, where the model takes several; None where that was not found."""
        if self.interrupted or self.entrants.runners[candidate].facts.batch <= 1:
            return None
        try:
            outcome = race.run(
                self._right_batches(candidate, answers),
                partial(self.entrants.measure, candidate),
                simplicity=lambda batch: (batch,),
                left=lambda: self.budget - self.spent(),
                keep=lambda batch: batch == 1,
                progress=lambda rounds, alive: self._tell(f"images a run, round {rounds}: {alive} left"),
            )
        except KeyboardInterrupt:
            self.interrupted = True
            return None
        self.interrupted = outcome.interrupted
        return outcome

    def _right_batches(self, candidate: Candidate, answers: list[Arrays]) -> list[int]:
        """Numbers of images a run that give the same results."""
        most = self.entrants.runners[candidate].facts.batch
        right = []
        for batch in BATCHES:
            if batch > most or self.spent() > self.budget:
                break
            self._tell(f"{batch} images a run")
            if self._is_right(candidate, batch, answers):
                right.append(batch)
        return right

    def _is_right(self, candidate: Candidate, batch: int, answers: list[Arrays]) -> bool:
        runner = self.entrants.runners[candidate]
        try:
            checked = agreement.compare(answers, runner.answers(batch), quantised=runner.facts.differs_by_steps)
        except EdgerunError:
            return False
        return checked is not None and not checked.fault
