"""What tuning finds, as values."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from edgerun.runtime.tuned_choice import Choice
from edgerun.tools.tune.runner import Candidate

__all__ = ["LATE", "Finding", "Standing", "Tuning"]

LATE = "the time was up; give a larger --budget"
"""Why a candidate was not tried."""

Standing = Literal["fastest", "level", "slower", "wrong", "failed", "untried"]
"""What came of a candidate, the best first; "level" where the noise does not tell it from the fastest."""

ORDER: tuple[Standing, ...] = get_args(Standing)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a candidate.

    Attributes:
        candidate: the way of running the model.
        verdict: "fastest" for the one that is chosen; "level" where the noise does not tell it from that.
        detail: why, in half a sentence.
        seconds: per image, a time for each round.
        ratio: the reference's time divided by this one's; None where there is nothing to compare.
        pixels, score: the largest differences from the reference of what both found; None where not checked.
        opening: seconds until it was open.
    """

    candidate: Candidate
    verdict: Standing
    detail: str = ""
    seconds: tuple[float, ...] = ()
    ratio: float | None = None
    pixels: float | None = None
    score: float | None = None
    opening: float = 0.0

    @property
    def quartiles(self) -> tuple[float, float, float] | None:
        """Milliseconds per image: a quarter of the rounds took less, half of them, three quarters."""
        return _quartiles(self.seconds)

    @property
    def rank(self) -> tuple[float, ...]:
        """To sort by: the fastest first."""
        return ORDER.index(self.verdict), -(self.ratio or 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            **asdict(self.candidate),
            "verdict": self.verdict,
            "detail": self.detail,
            "milliseconds": None if self.quartiles is None else [round(value, 4) for value in self.quartiles],
            "rounds": len(self.seconds),
            "ratio": None if self.ratio is None else round(self.ratio, 4),
            "pixels": self.pixels,
            "score": self.score,
            "opening_seconds": round(self.opening, 3),
        }


def _quartiles(seconds: Sequence[float]) -> tuple[float, float, float] | None:
    """Milliseconds; None where nothing was measured."""
    if not seconds:
        return None
    if len(seconds) == 1:
        return (seconds[0] * 1000,) * 3
    low, middle, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return low * 1000, middle * 1000, high * 1000


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was found for a model on this machine.

    Attributes:
        model: path of the file.
        reference: by what results were checked and ratios are taken.
        findings: of each candidate, the fastest first.
        batches: images a run -> seconds per image, a time for each round, where the model takes any number.
        choice: the fastest right way; None where nothing was measured.
        clear: whether it is the fastest beyond doubt.
        rounds: of measurements.
        spent: seconds.
        interrupted: whether Ctrl-C ended it.
        load: programs that wanted a core before it began, on average over a minute; 0 where the system does not tell.
        written: path of the entry that `delegate="auto"` reads; "" where none was written.
    """

    reference: Candidate
    findings: tuple[Finding, ...]
    batches: Mapping[int, tuple[float, ...]]
    choice: Choice | None
    clear: bool
    rounds: int
    spent: float
    interrupted: bool
    model: str = ""
    load: float = 0.0
    written: str = ""

    @property
    def alone(self) -> bool:
        """Whether the time was up before anything but the chosen one was measured: being chosen says nothing then."""
        others = [finding for finding in self.findings if finding.verdict != "fastest"]
        if any(finding.seconds for finding in others):
            return False
        return any(self._was_cut_off(finding) for finding in others)

    def _was_cut_off(self, finding: Finding) -> bool:
        return finding.detail == LATE or (self.interrupted and finding.verdict == "untried")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "model": self.model,
            "reference": asdict(self.reference),
            "choice": None if self.choice is None else asdict(self.choice),
            "clear": self.clear,
            "rounds": self.rounds,
            "seconds": round(self.spent, 1),
            "interrupted": self.interrupted,
            "load_before": round(self.load, 2),
            "written": self.written,
            "candidates": [finding.to_dict() for finding in self.findings],
            "batches": {str(batch): _quartiles(seconds) for batch, seconds in self.batches.items()},
        }
