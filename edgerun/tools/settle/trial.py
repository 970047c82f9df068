"""Hypotheses on photos: all of them on a few, then those that are not far behind on the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edgerun.detections import Detections
from edgerun.errors import InputError
from edgerun.media import images
from edgerun.media.images import Image
from edgerun.tools.settle.consistency import MIN_CONF, Measure, View, measured
from edgerun.tools.settle.hypotheses import Plausible
from edgerun.tools.settle.memo_session import MemoSession
from edgerun.tools.settle.observations import Observation, Observations

__all__ = ["Progress", "Trial"]

STAGES = {2: (0.25, 100), 6: (0.5, 12)}
"""After so many photos with something in them: hypotheses below this fraction of the best score are given up, and all
but the best so many."""

MIN_CONF_FOR_LABELS = 0.01
"""An average precision needs the rows of low scores."""

GREY = np.full((480, 640, 3), 114, np.uint8)
"""An image of nothing: fed beyond its range, a network finds things everywhere."""

Progress = Callable[[int, int, str], None]
"""Called with how much is done, of how much, and what is tried."""


def _no_photos() -> InputError:
    return InputError("There are no photos.", hint="name a folder of photos with --images")


@dataclass
class Trial:
    """Hypotheses on photos, in the making.

    Attributes:
        plausible: the hypotheses, and what is open.
        memory: the session that all of them use.
        observations: what they found so far.
        progress: called before each photo.
        alive: places of the hypotheses that go on.
        notes: what else there is to know.
        interrupted: whether Ctrl-C ended it.
    """

    plausible: Plausible
    memory: MemoSession
    observations: Observations
    progress: Progress | None
    alive: list[int] = field(init=False)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False
    _stage: int = 0
    _problem: InputError = field(default_factory=_no_photos)

    def __post_init__(self) -> None:
        self.alive = list(range(len(self.plausible.hypotheses)))

    @property
    def _has_labels(self) -> bool:
        return self.observations.truth is not None

    def run(self, photos: Sequence[Path]) -> None:
        """Try the hypotheses on these photos; Ctrl-C ends it early where at least one was tried with all.

        Raises:
            InputError: none of them can be read.
        """
        try:
            self.observations = replace(self.observations, grey={place: self._in_grey(place) for place in self.alive})
            self.memory.forget()
            for number, photo in enumerate(photos):
                if self.progress is not None:
                    self.progress(number, len(photos), f"{photo.name}: {len(self.alive)} readings")
                self._give_up()
                self._try_photo(photo)
        except KeyboardInterrupt:
            if not self.observations.observed:
                raise
            self.interrupted = True
        finally:
            self.memory.forget()
        if not self.observations.observed:
            raise self._problem

    def _in_grey(self, place: int) -> float:
        """What a hypothesis finds in a grey image, as `Measure.matched` counts it; 0 for classifiers and by labels."""
        detector = self.plausible.hypotheses[place].detector
        if self._has_labels or detector.card.task == "classify":
            return 0.0
        return float((detector(GREY, conf=MIN_CONF).score ** 2).sum())

    def _try_photo(self, photo: Path) -> None:
        """One photo through all hypotheses; nothing is kept of it where that is interrupted."""
        try:
            image = images.read(photo)
        except InputError as cause:
            self.notes.append(cause.message)
            self._problem = cause
            return
        found = self._found(image, MIN_CONF_FOR_LABELS if self._has_labels else MIN_CONF)
        measures = self._measures(image, found)
        without_masks = {place: replace(rows, masks=None) for place, rows in found.items()}
        observation = Observation(photo, without_masks, measures)
        self.observations = replace(self.observations, observed=(*self.observations.observed, observation))

    def _found(self, image: Image, conf: float) -> dict[int, Detections]:
        found = {place: self.plausible.hypotheses[place].detector(image, conf=conf) for place in self.alive}
        self.memory.forget()
        return found

    def _measures(self, image: Image, found: Mapping[int, Detections]) -> dict[int, Measure]:
        """How much of what was found is found again in another view; by labels that is not asked."""
        if self._has_labels:
            return dict.fromkeys(found, Measure())
        view = View.of(image, left_top=len(self.observations.observed) % 2 == 0)
        again = self._found(view.image, MIN_CONF)
        measures = {}
        for place, rows in found.items():
            classify = self.plausible.hypotheses[place].detector.card.task == "classify"
            measures[place] = measured(rows, view, again[place], classify=classify)
        return measures

    def _give_up(self) -> None:
        """Give up hypotheses that are far behind, at each stage once."""
        telling = self.observations.telling(self.alive)
        stage = max((stage for stage in STAGES if stage <= telling), default=0)
        if len(self.alive) <= 1 or stage == self._stage:
            return
        self._stage = stage
        self.alive = self._hopeful(*STAGES[stage])

    def _hopeful(self, fraction: float, most: int) -> list[int]:
        """All combinations of the values that are not far behind, and the usual."""
        scores = self.observations.scores(self.alive)
        means = dict(zip(self.alive, scores.mean(axis=1), strict=True))
        least = fraction * max(means.values())
        allowed = self._values(place for place in self.alive if means[place] >= least)
        combined = [place for place in self.alive if self._is_within(place, allowed)]
        best = sorted(combined, key=lambda place: -means[place])[:most]
        return sorted({*best, *filter(self._is_usual, self.alive)})

    def _values(self, places: Iterable[int]) -> dict[str, set[str | None]]:
        """Open field -> its values in these hypotheses."""
        values: dict[str, set[str | None]] = {each.name: set() for each in self.plausible.open}
        for place in places:
            words = self.plausible.hypotheses[place].words
            for name, known in values.items():
                known.add(words.get(name))
        return values

    def _is_within(self, place: int, allowed: Mapping[str, set[str | None]]) -> bool:
        words = self.plausible.hypotheses[place].words
        return all(words.get(name) in values for name, values in allowed.items())

    def _is_usual(self, place: int) -> bool:
        return self.plausible.hypotheses[place].usual == {each.name for each in self.plausible.open}
