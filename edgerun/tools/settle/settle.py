"""Which of several hypotheses on a model photos speak for: by confidence and repeatability, or by labels.

A hypothesis that is right finds more, is surer of it, and finds the same things again where an image is mirrored or
cut. Of each photo:

- `matched`: summed confidence of boxes found again in the transformed view, minus that of a grey image.
- `repeatability`: matched / expected.
- Score: sqrt(matched · repeatability), relative to the best hypothesis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgerun.detector import open_model
from edgerun.errors import InputError, ModelError
from edgerun.tools.ground_truth import GroundTruth
from edgerun.tools.plugins_in_use import OPENING_OPTIONS, taken
from edgerun.tools.settle.hypotheses import Plausible, plausible
from edgerun.tools.settle.memo_session import MemoSession
from edgerun.tools.settle.observations import Observations
from edgerun.tools.settle.result import FieldVerdict, Ranked, Settlement, Shown
from edgerun.tools.settle.trial import Progress, Trial
from edgerun.tools.settle.verdicts import Scores, checked_for_repeatability, settled_card, verdict

__all__ = ["MAX_PHOTOS", "settle"]

MAX_PHOTOS = 32


def settle(
    model: str | Path,
    photos: Sequence[Path],
    *,
    truth: GroundTruth | None = None,
    limit: int = MAX_PHOTOS,
    show: int = 4,
    progress: Progress | None = None,
    **options: Any,
) -> Settlement:
    """Run the plausible hypotheses on a model over photos and rank them.

    Ctrl-C ends it early with what is there, once a photo has been tried with all hypotheses.

    Args:
        model: as `Detector.load` takes it.
        photos: files; some of them, evenly, where there are more than the limit.
        truth: what is in the photos; hypotheses are then ranked by their average precision on those that it knows.
        limit: of the photos.
        show: so many photos are kept to be looked at.
        progress: called before each photo.
        options: of `Detector.load`; what they say is kept.

    Raises:
        InputError: no photo can be used.
        EdgerunError: the model cannot be opened, or no decoder reads its outputs.
    """
    opened = open_model(model, **taken(options, *OPENING_OPTIONS, "registry"))
    memory = MemoSession(opened.session)
    try:
        found = plausible(replace(opened, session=memory), **options)
        _demand_hypotheses(found, opened.path)
        if truth is not None:
            _demand_boxes(found)
            photos = [photo for photo in photos if photo in truth.photos]
        memory.forget()
        trial = Trial(found, memory, Observations(truth, grey={}), progress)
        trial.run(_evenly(photos, limit))
        return _settlement(str(opened.path), trial, show)
    finally:
        opened.close()


def _demand_hypotheses(found: Plausible, path: Path) -> None:
    if not found.hypotheses:
        words, why = found.refused[0]
        raise ModelError(f"No reading of {path} works; {words}: {why}", hint="see: edgerun inspect MODEL")


def _demand_boxes(found: Plausible) -> None:
    if found.hypotheses[0].detector.card.task == "classify":
        raise InputError("Labels of boxes do not rank classifiers.", hint="leave the labels out")


def _evenly(photos: Sequence[Path], limit: int) -> list[Path]:
    """So many of them, evenly."""
    if len(photos) <= limit:
        return list(photos)
    step = (len(photos) - 1) / max(1, limit - 1)
    return [photos[round(index * step)] for index in range(limit)]


# ------------------------------------------------------------------------------------------- what came of it


def _settlement(model: str, trial: Trial, show: int) -> Settlement:
    plausible, observations, truth = trial.plausible, trial.observations, trial.observations.truth
    telling = observations.telling(trial.alive)
    scores = Scores(
        hypotheses=[plausible.hypotheses[place] for place in trial.alive],
        values=observations.scores(trial.alive),
        telling=telling,
        photos=len(observations.observed),
    )
    by_place = _ranked(trial, scores)
    order = sorted(by_place, key=lambda place: (-by_place[place].photos, -by_place[place].score))
    ranked = [by_place[place] for place in order]
    verdicts = [verdict(field, scores) for field in plausible.open if field.name in ranked[0].hypothesis.words]
    chosen = _chosen(ranked, verdicts)
    verdicts = list(checked_for_repeatability(verdicts, chosen))
    return Settlement(
        model=model,
        by="confidence and steadiness" if truth is None else "average precision",
        ranked=tuple(ranked),
        refused=plausible.refused,
        verdicts=tuple(verdicts),
        chosen=chosen,
        card=None if chosen is None else settled_card(chosen.hypothesis, verdicts, len(observations.observed)),
        photos=len(observations.observed),
        telling=telling,
        shown=_shown(observations, order, show),
        notes=(*trial.notes, *([] if truth is None else truth.notes)),
        interrupted=trial.interrupted,
    )


def _ranked(trial: Trial, scores: Scores) -> dict[int, Ranked]:
    """Place -> what came of a hypothesis; those that were given up have their scores on the photos that all saw."""
    values = dict(zip(trial.alive, scores.means, strict=True))
    first = trial.observations.tried_first()
    if len(first) > len(trial.alive):
        shared = trial.observations.shared(first)
        early = Scores([trial.plausible.hypotheses[place] for place in first], shared.scores(first), 0, 0)
        values = dict(zip(first, early.means, strict=True)) | values
    ranked = trial.observations.ranked
    return {place: ranked(place, trial.plausible.hypotheses[place], float(score)) for place, score in values.items()}


def _chosen(ranked: Sequence[Ranked], verdicts: Sequence[FieldVerdict]) -> Ranked | None:
    """The best hypothesis that has the values of all verdicts."""
    taken = {verdict.open.name: verdict.value for verdict in verdicts}
    fitting = [entry for entry in ranked if entry.hypothesis.words.items() <= taken.items()]
    return fitting[0] if fitting else None


def _shown(observations: Observations, order: Sequence[int], show: int) -> tuple[Shown, ...]:
    """The first photos, with what each hypothesis found, in the order of their rank."""
    shown = []
    for observation in observations.observed[:show]:
        found = tuple(observation.found.get(place) for place in order)
        shown.append(Shown(observation.photo, found))
    return tuple(shown)
