"""What hypotheses found in photos, and how well each did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgerun.detections import Detections
from edgerun.tensors import AnyArray
from edgerun.tools.ground_truth import GroundTruth
from edgerun.tools.settle.consistency import Measure
from edgerun.tools.settle.hypotheses import Hypothesis
from edgerun.tools.settle.result import Ranked

__all__ = ["Observation", "Observations"]

MIN_COUNTED_SCORE = 0.25
"""Rows from here on are counted for people."""

MIN_TELLING_SCORE = 0.05
"""Of the best hypothesis, below which there is nothing in a photo."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What hypotheses, by their places, found in one photo.

    Attributes:
        photo: its path.
        found: place -> what was found, without masks.
        measures: place -> how much of it was found again in another view.
    """

    photo: Path
    found: Mapping[int, Detections]
    measures: Mapping[int, Measure]


@dataclass(frozen=True)
class Observations:
    """What hypotheses, by their places, found in all photos so far.

    Attributes:
        truth: what is in the photos; None where no labels are given.
        grey: place -> what is found in a grey image.
        observed: each photo.
    """

    truth: GroundTruth | None
    grey: Mapping[int, float]
    observed: tuple[Observation, ...] = ()

    @property
    def photos(self) -> list[Path]:
        """In the order in which they were tried."""
        return [observation.photo for observation in self.observed]

    def scores(self, places: Sequence[int]) -> AnyArray:
        """Of hypotheses that all photos were tried on, float64 [hypotheses, photos in which anything was found].

        Without labels relative to the best hypothesis on each photo; with labels a column is a fold of the photos.
        """
        if not self.observed:
            return np.zeros((len(places), 0))
        if self.truth is not None:
            found = [[observation.found[place] for observation in self.observed] for place in places]
            return self.truth.folds(found, self.photos)
        rows = np.array([self._plain_scores(place) for place in places])
        best = rows.max(axis=0)
        telling = best >= MIN_TELLING_SCORE
        return np.asarray(rows[:, telling] / best[telling])

    def _plain_scores(self, place: int) -> list[float]:
        return [observation.measures[place].score(self.grey[place]) for observation in self.observed]

    def telling(self, places: Sequence[int]) -> int:
        """Photos in which there is anything."""
        if self.truth is None:
            return int(self.scores(places).shape[1])
        return sum(len(self.truth.photos[photo].classes) > 0 for photo in self.photos)

    def tried_first(self) -> list[int]:
        """Hypotheses that were tried on the first photo."""
        return sorted(self.observed[0].found)

    def shared(self, places: Sequence[int]) -> Observations:
        """Those of photos that all these hypotheses were tried on."""
        shared = [observation for observation in self.observed if observation.found.keys() >= set(places)]
        return replace(self, observed=tuple(shared))

    def ranked(self, place: int, hypothesis: Hypothesis, score: float) -> Ranked:
        """What came of a hypothesis."""
        tried = [observation for observation in self.observed if place in observation.found]
        counted = [int((observation.found[place].score >= MIN_COUNTED_SCORE).sum()) for observation in tried]
        total = sum((observation.measures[place] for observation in tried), Measure())
        repeatability = total.repeatability if self.truth is None else None
        return Ranked(hypothesis, score, sum(counted) / len(tried), repeatability, len(tried))
