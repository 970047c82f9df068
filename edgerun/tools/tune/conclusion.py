"""What a search measured, put together into its result."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from edgerun.runtime.tuned_choice import Choice
from edgerun.tools.tune.race import Outcome, ratios
from edgerun.tools.tune.result import Finding, Tuning
from edgerun.tools.tune.runner import Candidate

__all__ = ["Measurements", "conclude"]


@dataclass(frozen=True)
class Measurements:
    """All that a search measured.

    Attributes:
        found: the candidates, in the order in which they were tried.
        findings: of those that were tried.
        first_looks: seconds per image before the race.
        reference: by what results were checked and ratios are taken.
        race: of the candidates.
        batches: the race of numbers of images a run; None where there was none.
        size: height and width of the model's input; (0, 0) where nothing was chosen.
    """

    found: Sequence[Candidate]
    findings: Mapping[Candidate, Finding]
    first_looks: Mapping[Candidate, Sequence[float]]
    reference: Candidate
    race: Outcome[Candidate]
    batches: Outcome[int] | None
    size: tuple[int, int]

    def ratio(self, candidate: Candidate) -> float | None:
        """The reference's time divided by a candidate's: medians over common rounds, by way of the chosen one.

        The chosen one took part in the most rounds, the reference in ten perhaps; without a round, by the first looks.
        """
        seconds, chosen = self.race.seconds, self.race.chosen
        if chosen is not None and seconds.get(candidate) and seconds.get(self.reference):
            reference_behind = statistics.median(ratios(seconds[self.reference], seconds[chosen]))
            candidate_behind = statistics.median(ratios(seconds[candidate], seconds[chosen]))
            return math.exp(reference_behind - candidate_behind)
        if candidate not in self.first_looks or self.reference not in self.first_looks:
            return None
        return statistics.median(self.first_looks[self.reference]) / statistics.median(self.first_looks[candidate])

    def finding(self, candidate: Candidate) -> Finding:
        """What was found of a candidate, its times included."""
        finding = self.findings.get(candidate, Finding(candidate, "untried", "interrupted before its turn"))
        seconds = self.race.seconds.get(candidate) or self.first_looks.get(candidate) or ()
        return replace(self._raced(finding), seconds=tuple(seconds), ratio=self.ratio(candidate))

    def _raced(self, finding: Finding) -> Finding:
        """A finding with what came of the race."""
        candidate, race = finding.candidate, self.race
        if candidate in race.failed:
            return replace(finding, verdict="failed", detail=race.failed[candidate].rstrip("."))
        if race.chosen is None and candidate in race.seconds:
            return replace(finding, verdict="untried", detail="interrupted before it was measured")
        if candidate == race.chosen:
            return replace(finding, verdict="fastest")
        if candidate in race.level:
            return replace(finding, verdict="level", detail="the noise does not tell it from the chosen one")
        return finding

    def choice(self, today: str) -> Choice | None:
        """The entry for `delegate="auto"`; None where nothing was chosen."""
        chosen = self.race.chosen
        if chosen is None:
            return None
        batch = None if self.batches is None else self.batches.chosen
        return Choice(
            **asdict(chosen),
            batch=batch or 1,
            ratio=self.ratio(chosen) or 1.0,
            reference=str(self.reference),
            date=today,
            clear=self.race.clear,
            size=self.size,
        )


def conclude(measured: Measurements, spent: float, interrupted: bool, today: str) -> Tuning:
    """What was found.

    Args:
        measured: all that was measured.
        spent: seconds.
        interrupted: whether Ctrl-C ended the search.
        today: the date for the entry.
    """
    findings = sorted(map(measured.finding, measured.found), key=lambda finding: finding.rank)
    batch_seconds = {} if measured.batches is None else measured.batches.seconds
    return Tuning(
        reference=measured.reference,
        findings=tuple(findings),
        batches={batch: tuple(seconds) for batch, seconds in batch_seconds.items()},
        choice=measured.choice(today),
        clear=measured.race.clear,
        rounds=measured.race.rounds,
        spent=spent,
        interrupted=interrupted,
    )
