"""Which of two is slower, and by how much: a confidence interval of the median ratio, over rounds that both ran in."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgerun.tools.tune.race import NEGLIGIBLE, ratios

__all__ = ["Comparison", "compare", "places", "spread"]

CONFIDENCE = 0.99
"""Of an interval: more than the usual 0.95, as several models are compared with each other."""

RESAMPLES = 1000

LEAST_ROUNDS = 10
"""Fewer rounds do not carry a bootstrap interval of a median, and nothing is ranked by them."""

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One model's time divided by another's.

    Attributes:
        ratio: median over the rounds.
        low, high: its confidence interval.
        verdict: "slower" or "faster" where the whole interval lies beyond 2 %, which `edgerun tune`
            takes for no difference either; else "equal within noise".
    """

    ratio: float
    low: float
    high: float
    verdict: Literal["slower", "faster", "equal within noise"]


def compare(seconds: Sequence[float], others: Sequence[float], *, seed: int = 0) -> Comparison:
    """One model's times against another's, of the same rounds.

    The interval is the percentile bootstrap of the median of the log ratios, round by round (B. Efron and R. J.
    Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.3): what slows a round down slows both and drops out.

    Args:
        seconds: of the one, at least one.
        others: of the other.
        seed: of the resampling.
    """
    logs = np.array(ratios(seconds, others))
    drawn = np.random.default_rng(seed).integers(0, len(logs), (RESAMPLES, len(logs)))
    medians = np.median(logs[drawn], axis=1)
    low, high = np.quantile(medians, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    verdict = _verdict(low, high) if len(logs) >= LEAST_ROUNDS else "equal within noise"
    ratio, low, high = np.exp([np.median(logs), low, high])
    return Comparison(float(ratio), float(low), float(high), verdict)


def _verdict(low: float, high: float) -> Literal["slower", "faster", "equal within noise"]:
    if low > NEGLIGIBLE:
        return "slower"
    return "faster" if high < -NEGLIGIBLE else "equal within noise"


def places(times: Sequence[Sequence[float]]) -> list[int]:
    """Each model's place: 1 and how many are faster beyond the noise; those that it does not tell apart share one."""
    found = [1] * len(times)
    for one, other in itertools.combinations(range(len(times)), 2):
        verdict = compare(times[one], times[other]).verdict
        found[one] += verdict == "slower"
        found[other] += verdict == "faster"
    return found


def spread(seconds: Sequence[float]) -> Mapping[str, float]:
    """Median, percentiles 50, 95 and 99 (linear interpolation) and the distance of the quartiles, in seconds."""
    low, high, *percentiles = np.percentile(seconds, [25, 75, *PERCENTILES]).tolist()
    named = {f"p{rank}": value for rank, value in zip(PERCENTILES, percentiles, strict=True)}
    return {"median": statistics.median(seconds), **named, "iqr": high - low}
