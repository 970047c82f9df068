"""What the scores of hypotheses say about each field that is open: functions of their arguments.

Values of one field are compared photo by photo, over all settings of the other fields; a lead counts that is large
beside its own standard error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from types import MappingProxyType
from typing import Literal

import numpy as np

from edgerun.card import ModelCard
from edgerun.tensors import AnyArray
from edgerun.tools.settle.hypotheses import Hypothesis
from edgerun.tools.settle.open_fields import OpenField
from edgerun.tools.settle.result import Contrast, FieldVerdict, Ranked

__all__ = ["Scores", "checked_for_repeatability", "settled_card", "verdict"]

CLEAR_GAP, CLEAR_ERRORS = 0.04, 3.0
"""A lead that settles: relative to the best score, and in standard errors."""

OVERTURN_GAP, OVERTURN_ERRORS = 0.1, 4.0
"""A lead that a value needs against the one that a convention speaks for."""

MIN_REPEATABILITY = 0.4
"""Of a hypothesis that wins; what is right reaches 0.7."""

MIN_PHOTOS = 5
"""Photos with something in them, below which nothing is settled."""

COMPARABLE = 0.5
"""Of the best mean score: two hypotheses that are both below it tell nothing about a field."""


@dataclass(frozen=True)
class Scores:
    """How well hypotheses did.

    Attributes:
        hypotheses: all that were tried on all photos.
        values: float64 [hypotheses, photos], of the photos in which anything was found.
        telling: photos in which there is anything.
        photos: that were used.
    """

    hypotheses: Sequence[Hypothesis]
    values: AnyArray
    telling: int
    photos: int

    @property
    def means(self) -> AnyArray:
        """Over the photos, float64 [hypotheses]; 0 where nothing was found in any."""
        return self.values.mean(axis=1) if self.values.size else np.zeros(len(self.hypotheses))


def verdict(field: OpenField, scores: Scores) -> FieldVerdict:
    """What the photos say about one field."""
    first = field.values[0]
    if len(field.values) < 2:
        return FieldVerdict(field, first, "unclear", f"{first} is but an example; say it")
    if scores.telling < MIN_PHOTOS:
        why = f"only {scores.telling} of {scores.photos} photos have anything in them; give at least {MIN_PHOTOS}"
        return FieldVerdict(field, first, _undecided(field), why)
    contrasts = _contrasts_by_value(field, scores)
    value = _best_value(field, scores, contrasts)
    if field.strict or value == first:
        return _of_leader(field, value, contrasts[value])
    return _against_convention(field, value, contrasts)


def _undecided(field: OpenField) -> Literal["convention", "unclear"]:
    return "unclear" if field.strict else "convention"


def _best_value(field: OpenField, scores: Scores, contrasts: Mapping[str, Sequence[Contrast]]) -> str:
    """The best value by its worst lead: a single hypothesis may be ahead by accident."""
    of_best = scores.hypotheses[int(scores.means.argmax())].words.get(field.name, field.values[0])

    def strength(value: str) -> tuple[float, bool]:
        worst = min((contrast.lead for contrast in contrasts[value]), default=0.0)
        return worst, value == of_best

    return max(contrasts, key=strength)


def _rival(contrasts: Sequence[Contrast]) -> Contrast | None:
    """Of the values that are not clearly behind the one that comes closest."""
    near = [contrast for contrast in contrasts if not contrast.exceeds(CLEAR_GAP, CLEAR_ERRORS)]
    return min(near, key=lambda contrast: contrast.lead, default=None)


def _of_leader(field: OpenField, value: str, contrasts: tuple[Contrast, ...]) -> FieldVerdict:
    """Where no convention speaks against the best value."""
    rival = _rival(contrasts)
    if rival is None:
        return FieldVerdict(field, value, "clear", _lead(contrasts), contrasts)
    why = f"{value} and {rival.value} are not told apart ({rival})"
    return FieldVerdict(field, value, _undecided(field), why, contrasts)


def _against_convention(field: OpenField, value: str, by_value: Mapping[str, tuple[Contrast, ...]]) -> FieldVerdict:
    """Where a value is ahead of the one that a convention speaks for."""
    usual, contrasts = field.values[0], by_value[value]
    against = {contrast.value: contrast for contrast in contrasts}.get(usual)  # None: given up early
    if against is not None and not against.exceeds(CLEAR_GAP, CLEAR_ERRORS):
        why = f"{usual} and {value} are not told apart ({against} for the latter)"
        return FieldVerdict(field, usual, "convention", why, by_value.get(usual, ()))
    rival = _rival(contrasts)
    if rival is not None:
        why = f"{value} and {rival.value} are not told apart ({rival}), and the usual {usual} is behind"
        return FieldVerdict(field, value, "unclear", why, contrasts)
    if against is None or against.exceeds(OVERTURN_GAP, OVERTURN_ERRORS):
        return FieldVerdict(field, value, "clear", f"against the convention: {_lead(contrasts)}", contrasts)
    why = f"photos lean to {value}, the convention is {usual} ({against}); say which"
    return FieldVerdict(field, value, "unclear", why, contrasts)


def _lead(contrasts: Sequence[Contrast]) -> str:
    """The narrowest of the leads; those that were given up early have none."""
    if not contrasts:
        return "all others are far behind"
    nearest = min(contrasts, key=lambda contrast: contrast.lead)
    return f"{nearest} ahead of {nearest.value}"


# ------------------------------------------------------------------------------------------- contrasts

Rest = frozenset[tuple[str, str]]
"""Names and values of all fields but one."""


def _contrasts_by_value(field: OpenField, scores: Scores) -> dict[str, tuple[Contrast, ...]]:
    """Value -> its lead over each other, of the values that are left."""
    places = {value: _places(field, value, scores.hypotheses) for value in field.values}
    left = [value for value in field.values if places[value]]
    contrasts: dict[str, tuple[Contrast, ...]] = dict.fromkeys(left, ())
    for value, other in permutations(left, 2):
        contrasts[value] += (_contrast(other, places[value], places[other], scores),)
    return contrasts


def _places(field: OpenField, value: str, hypotheses: Sequence[Hypothesis]) -> dict[Rest, int]:
    """All other fields -> place of the hypothesis that has them, of those with this value."""
    places: dict[Rest, int] = {}
    for place, hypothesis in enumerate(hypotheses):
        if hypothesis.words.get(field.name) == value:
            rest = set(hypothesis.words.items()) - {(field.name, value)}
            places[frozenset(rest)] = place
    return places


def _contrast(value: str, mine: Mapping[Rest, int], theirs: Mapping[Rest, int], scores: Scores) -> Contrast:
    """The lead over a value, photo by photo, over all settings of the other fields that matter."""
    best = max(float(scores.means.max()), 1e-9)
    differences = [scores.values[one] - scores.values[other] for one, other in _pairs(mine, theirs, scores.means, best)]
    lead = np.mean(differences, axis=0) / best
    error = float(lead.std(ddof=1) / np.sqrt(len(lead))) if len(lead) > 1 else float("inf")
    return Contrast(value, float(lead.mean()), error)


def _pairs(mine: Mapping[Rest, int], theirs: Mapping[Rest, int], means: AnyArray, best: float) -> list[tuple[int, int]]:
    """Places of hypotheses that differ in the one field alone."""
    pairs = [(place, theirs[rest]) for rest, place in mine.items() if rest in theirs]
    pairs = [(one, other) for one, other in pairs if max(means[one], means[other]) >= COMPARABLE * best]
    if pairs:
        return pairs
    # families that have nothing else in common: the best of each
    return [(max(mine.values(), key=means.__getitem__), max(theirs.values(), key=means.__getitem__))]


# ------------------------------------------------------------------------------------------- what follows


def checked_for_repeatability(verdicts: Sequence[FieldVerdict], chosen: Ranked | None) -> Iterator[FieldVerdict]:
    """The verdicts, none of them clear where too little of what the chosen hypothesis finds is found again."""
    repeatability = None if chosen is None else chosen.repeatability
    if repeatability is None or repeatability >= MIN_REPEATABILITY:
        yield from verdicts
        return
    for each in verdicts:
        why = f"{each.value} is ahead, but only {repeatability * 100:.0f} % of what it finds is found again"
        yield replace(each, kind="unclear", why=why) if each.kind == "clear" else each


def settled_card(hypothesis: Hypothesis, verdicts: Sequence[FieldVerdict], photos: int) -> ModelCard:
    """The card of a hypothesis; fields that it had to state are not arguments of the user."""
    card = hypothesis.detector.card
    sources = dict(card.sources)
    if "decoder" in hypothesis.arguments:
        sources["decoder"] = f"inferred: {hypothesis.detector.report().why}"
    for each in verdicts:
        settled = f"settled: {photos} photos, {each.why}" if each.kind == "clear" else each.open.why
        sources |= dict.fromkeys(hypothesis.fields.get(each.open.name, ()), settled)
    return replace(card, sources=MappingProxyType(sources))
