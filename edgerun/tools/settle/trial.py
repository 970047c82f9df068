"""Which of several readings of a model photos speak for: by its own confidence and steadiness, or by labels.

A reading that is right finds more, is surer of it, and finds the same things again where a picture is mirrored or cut.
Of each photo: met, the confidence of what is found again, less what is found in a picture of nothing; steady, its share
of all that should have been; the score is the root of their product, as a share of the best reading's. Values of one
field are compared photo by photo, over all settings of the other fields; a lead counts that is large beside its own
standard error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from edgerun.card import ModelCard
from edgerun.contract import Arrays, Coverage, Session, TensorSpec
from edgerun.detections import Detections
from edgerun.detector import open_model
from edgerun.errors import InputError, ModelError
from edgerun.media import images
from edgerun.media.images import Image
from edgerun.tensors import AnyArray
from edgerun.tools.ground_truth import Truth
from edgerun.tools.settle.consistency import CONF, Measure, View, compare
from edgerun.tools.settle.readings import Open, Reading, arguments_in_words, plausible

__all__ = ["LIMIT", "Contrast", "Ranked", "Settlement", "Shown", "Verdict", "settle"]

LIMIT = 32
"""Photos."""
STAGES = {2: (0.25, 100), 6: (0.5, 12)}
"""After so many photos with something in them: readings below this share of the best are given up, and all but the
best so many."""

CLEAR_GAP, CLEAR_ERRORS = 0.04, 3.0
"""A lead that settles: as a share of the best score, and in standard errors."""
TURN_GAP, TURN_ERRORS = 0.1, 4.0
"""A lead that a value needs against the one that a convention speaks for."""
STEADY = 0.4
"""Share of what a reading finds that must be found again for it to win; what is right reaches 0.7."""
FEWEST = 5
"""Photos with something in them, below which nothing is settled."""

TRUTH_CONF = 0.01
"""Where there are labels: an average precision needs the rows of low scores."""
COUNTED = 0.25
"""Rows from here on are counted for people."""
TELLING = 0.05
"""Score of the best reading, below which nothing is in a photo."""


@dataclass
class Remembering:
    """A session that computes each feed once, as long as nobody forgets; readings that feed alike share a run."""

    session: Session
    _known: dict[bytes, Arrays] = field(default_factory=dict)

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """Of the session."""
        return self.session.inputs

    @property
    def outputs(self) -> Sequence[TensorSpec]:
        """Of the session."""
        return self.session.outputs

    @property
    def delegate(self) -> str:
        """Of the session."""
        return self.session.delegate

    @property
    def metadata(self) -> Mapping[str, str | bytes]:
        """Of the session."""
        return self.session.metadata

    def run(self, feeds: Arrays) -> Arrays:
        """Compute, or remember."""
        digest = hashlib.blake2b(digest_size=16)
        for name in sorted(feeds):
            digest.update(f"{name}{feeds[name].shape}".encode())
            digest.update(np.ascontiguousarray(feeds[name]).data)
        key = digest.digest()
        if key not in self._known:
            self._known[key] = self.session.run(feeds)
        return {name: array.copy() for name, array in self._known[key].items()}  # a decoder may write into them

    def forget(self) -> None:
        """Give the memory of earlier runs back."""
        self._known.clear()

    def coverage(self) -> Coverage | None:
        """Of the session."""
        return self.session.coverage()

    def close(self) -> None:
        """Close the session."""
        self.session.close()


@dataclass(frozen=True, slots=True)
class Contrast:
    """How far a value of a field is ahead of another one, everything else being equal.

    Attributes:
        value: the other one, in words.
        lead: of the scores, as a share of the best; negative where the other one is ahead.
        error: the standard error of the lead.
    """

    value: str
    lead: float
    error: float

    def exceeds(self, gap: float, errors: float) -> bool:
        """Whether the lead is large, and no accident."""
        return self.lead >= gap and self.lead >= errors * self.error


@dataclass(frozen=True, slots=True)
class Verdict:
    """What photos say of one field.

    Attributes:
        open: the field, with its values.
        value: the one that is taken, in words.
        kind: "clear" by the photos; "convention" where they do not speak against it; "unclear" where nothing decides.
        why: in a sentence.
        contrasts: with each other value.
    """

    open: Open
    value: str
    kind: Literal["clear", "convention", "unclear"]
    why: str
    contrasts: tuple[Contrast, ...]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One reading and what came of it.

    Attributes:
        reading: the reading.
        score: mean over the photos, 0..1 of the best on each; by labels the average precision.
        found: rows a photo, with a score of 0.25 or more.
        steady: share of what was found that was found again in other views; None by labels.
        photos: that it saw.
    """

    reading: Reading
    score: float
    found: float
    steady: float | None
    photos: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo and what readings found in it, for people to look at.

    Attributes:
        path: of the photo.
        found: of each reading in `Settlement.ranked`, in that order; None where it did not see the photo.
    """

    path: Path
    found: tuple[Detections | None, ...]


@dataclass(frozen=True)
class Settlement:
    """What photos say of the readings of a model.

    Attributes:
        model: path of the file.
        by: "confidence and steadiness" or "average precision".
        ranked: readings, the best first; those that saw fewer photos after those that saw all.
        refused: (reading in words, why) of those that the outputs contradict.
        verdicts: of each field that is open.
        chosen: the reading that the verdicts add up to; None where no reading is so.
        card: of the chosen one, with sources that say who settled what.
        photos: that were seen; telling: those in which anything was found.
        shown: the first photos.
        notes: what else there is to know.
        interrupted: whether it was ended early.
    """

    model: str
    by: str
    ranked: tuple[Ranked, ...]
    refused: tuple[tuple[str, str], ...]
    verdicts: tuple[Verdict, ...]
    chosen: Ranked | None
    card: ModelCard | None
    photos: int
    telling: int
    shown: tuple[Shown, ...] = ()
    notes: tuple[str, ...] = ()
    interrupted: bool = False

    @property
    def clear(self) -> bool:
        """Whether a card can be written."""
        return self.card is not None and all(verdict.kind != "unclear" for verdict in self.verdicts)

    @property
    def sentence(self) -> str:
        """The answer in a sentence."""
        if not self.verdicts:
            return "Nothing is open: file, sidecar and arguments say all that photos could settle."
        if self.chosen is None:
            return "Not clear: the fields that win one by one make no reading together."
        unclear = [verdict for verdict in self.verdicts if verdict.kind == "unclear"]
        if unclear:
            return "Not clear: " + "; ".join(f"{verdict.open.name}: {verdict.why}" for verdict in unclear) + "."
        arguments = arguments_in_words(self.chosen.reading.arguments_needed)
        kept = ", ".join(verdict.open.name for verdict in self.verdicts if verdict.kind == "convention")
        if all(verdict.kind == "convention" for verdict in self.verdicts):
            settled = f"Left to the conventions: {self.chosen.reading}, as the model loads anyway"
            return settled + "; photos do not clearly say otherwise."
        left = f" What photos do not tell, {kept}, is left to the convention." if kept else ""
        how = f" ({arguments})." if arguments else ", as the model loads anyway."
        return f"Settled: {self.chosen.reading}{how}{left}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "model": self.model,
            "settled": self.clear,
            "answer": self.sentence,
            "by": self.by,
            "photos": self.photos,
            "telling": self.telling,
            "interrupted": self.interrupted,
            "chosen": None if self.chosen is None else dict(self.chosen.reading.arguments),
            "fields": [
                {
                    "field": verdict.open.name,
                    "without": verdict.open.why,
                    "value": verdict.value,
                    "verdict": verdict.kind,
                    "why": verdict.why,
                    "against": [
                        {"value": other.value, "lead": round(other.lead, 4), "error": round(other.error, 4)}
                        for other in verdict.contrasts
                    ],
                }
                for verdict in self.verdicts
            ],
            "readings": [
                {
                    "reading": dict(entry.reading.words),
                    "arguments": dict(entry.reading.arguments),
                    "score": round(entry.score, 4),
                    "found": round(entry.found, 2),
                    "steady": None if entry.steady is None else round(entry.steady, 4),
                    "photos": entry.photos,
                }
                for entry in self.ranked
            ],
            "refused": [{"reading": words, "why": why} for words, why in self.refused],
            "notes": list(self.notes),
        }


Progress = Callable[[int, int, str], None]
"""Told how much is done, of how much, and what is seen."""


def settle(
    model: str | Path,
    photos: Sequence[Path],
    *,
    truth: Truth | None = None,
    limit: int = LIMIT,
    show: int = 4,
    progress: Progress | None = None,
    **options: Any,
) -> Settlement:
    """Run the plausible readings of a model over photos and rank them.

    Ctrl-C ends it early with what is there, once a photo has been seen by all.

    Args:
        model: as `Detector.load` takes it.
        photos: files; some of them, evenly, where there are more than the limit.
        truth: what is in the photos; readings are then ranked by their average precision on those that it knows.
        limit: of the photos.
        show: so many photos are kept to be looked at.
        progress: called before each photo.
        options: of `Detector.load`; what is said is kept.

    Raises:
        InputError: no photo can be used.
        EdgerunError: the model cannot be opened, or nobody reads its outputs.
    """
    opening = {
        name: options.pop(name) for name in ("delegate", "strict", "threads", "backend", "registry") if name in options
    }
    opened = open_model(model, **opening)
    memory = Remembering(opened.session)
    try:
        found = plausible(replace(opened, session=memory), **options)
        if not found.readings:
            words, why = found.refused[0]
            raise ModelError(f"No reading of {opened.path} works; {words}: {why}", hint="see: edgerun inspect MODEL")
        if truth is not None:
            if found.readings[0].detector.card.task == "classify":
                raise InputError("Labels of boxes do not rank classifiers.", hint="leave the labels out")
            photos = [photo for photo in photos if photo in truth.photos]
        memory.forget()
        return _Trial(str(opened.path), found.readings, found.open, found.refused, memory, truth, progress).over(
            _chosen(photos, limit), show
        )
    finally:
        opened.close()


def _chosen(photos: Sequence[Path], limit: int) -> list[Path]:
    """So many of them, evenly."""
    if len(photos) <= limit:
        return list(photos)
    return [photos[round(index * (len(photos) - 1) / max(1, limit - 1))] for index in range(limit)]


@dataclass
class _Trial:
    """Readings on photos, in the making."""

    model: str
    readings: tuple[Reading, ...]
    open: tuple[Open, ...]
    refused: tuple[tuple[str, str], ...]
    memory: Remembering
    truth: Truth | None
    progress: Progress | None
    found: list[dict[int, Detections]] = field(default_factory=list)
    measures: list[dict[int, Measure]] = field(default_factory=list)
    seen: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    nothing: dict[int, float] = field(default_factory=dict)
    _stage: int = 0

    def over(self, photos: Sequence[Path], show: int) -> Settlement:
        """Every reading on a few photos, then those that are not far behind on all."""
        alive = list(range(len(self.readings)))
        interrupted = False
        problem: InputError | None = None
        try:
            self.nothing = {index: self._in_nothing(index) for index in alive}
            self.memory.forget()
            for number, photo in enumerate(photos):
                if self.progress is not None:
                    self.progress(number, len(photos), f"{photo.name}: {len(alive)} readings")
                alive = self._hopeful(alive)
                try:
                    image = images.read(photo)
                except InputError as cause:
                    problem = cause
                    self.notes.append(cause.message)
                    continue
                self._see(photo, image, alive)
        except KeyboardInterrupt:
            if not self.seen:
                raise
            interrupted = True
        finally:
            self.memory.forget()
        if not self.seen:
            raise problem or InputError("There are no photos.", hint="name a folder of photos with --images")
        return self._settlement(alive, show, interrupted)

    def _in_nothing(self, index: int) -> float:
        """What a reading finds in a grey picture: fed beyond its range, a network sees things everywhere."""
        detector = self.readings[index].detector
        if self.truth is not None or detector.card.task == "classify":
            return 0.0
        return float((detector(np.full((480, 640, 3), 114, np.uint8), conf=CONF).score ** 2).sum())

    def _see(self, photo: Path, image: Image, alive: Sequence[int]) -> None:
        """One photo through all readings; nothing is kept of it where that is interrupted."""
        conf = CONF if self.truth is None else TRUTH_CONF
        found = {index: self.readings[index].detector(image, conf=conf) for index in alive}
        measures = dict.fromkeys(alive, Measure())
        self.memory.forget()
        if self.truth is None:
            view = View.of(image, left_top=len(self.seen) % 2 == 0)
            for index in alive:
                detector = self.readings[index].detector
                again = detector(view.image, conf=CONF)
                measures[index] = compare(found[index], view, again, classify=detector.card.task == "classify")
            self.memory.forget()
        self.found.append({index: replace(rows, masks=None) for index, rows in found.items()})
        self.measures.append(measures)
        self.seen.append(photo)

    def _scores(self, alive: Sequence[int]) -> AnyArray:
        """Of each reading on each photo (or fold of photos) in which anything was found, float64 [readings, photos]."""
        if not self.seen:
            return np.zeros((len(alive), 0))
        if self.truth is not None:
            return self.truth.folds([[found[index] for found in self.found] for index in alive], self.seen)
        rows = np.array([[measures[index].score(self.nothing[index]) for measures in self.measures] for index in alive])
        best = rows.max(axis=0)
        return np.asarray(rows[:, best >= TELLING] / best[best >= TELLING])

    def _hopeful(self, alive: Sequence[int]) -> list[int]:
        """Readings that see further photos: all combinations of the values that are not far behind, and the usual."""
        telling = self._telling(alive)
        stage = max((stage for stage in STAGES if stage <= telling), default=0)
        if len(alive) <= 1 or stage == self._stage:
            return list(alive)
        self._stage = stage
        share, most = STAGES[stage]
        scores = self._scores(alive)
        means = dict(zip(alive, scores.mean(axis=1), strict=True))
        kept = [index for index in alive if means[index] >= share * max(means.values())]
        values = {each.name: {self.readings[index].words.get(each.name) for index in kept} for each in self.open}
        usual = [index for index in alive if self.readings[index].usual == {each.name for each in self.open}]
        whole = [
            index
            for index in alive
            if all(self.readings[index].words.get(name) in allowed for name, allowed in values.items())
        ]
        order = sorted(whole, key=lambda index: -means[index])
        return sorted({*order[:most], *usual})

    def _telling(self, alive: Sequence[int]) -> int:
        """Photos in which anything is."""
        if self.truth is None:
            return int(self._scores(alive).shape[1])
        return sum(len(self.truth.photos[photo].classes) > 0 for photo in self.seen)

    def _settlement(self, alive: Sequence[int], show: int, interrupted: bool) -> Settlement:
        scores = self._scores(alive)
        means = scores.mean(axis=1) if scores.size else np.zeros(len(alive))
        ranked = [self._ranked(index, float(mean)) for index, mean in zip(alive, means, strict=True)]
        early = [index for index in range(len(self.readings)) if index not in alive]
        first = [index for index in range(len(self.readings)) if index in self.found[0]]
        if early:
            fewer = dict(zip(first, self._early(first), strict=True))
            ranked += [self._ranked(index, fewer[index]) for index in early]
        ranked.sort(key=lambda entry: (-entry.photos, -entry.score))
        best = ranked[0].reading
        verdicts = tuple(self._verdict(each, alive, scores) for each in self.open if each.name in best.words)
        words = {verdict.open.name: verdict.value for verdict in verdicts}
        chosen = next(
            (entry for entry in ranked if all(words.get(name) == value for name, value in entry.reading.words.items())),
            None,
        )
        if chosen is not None and chosen.steady is not None and chosen.steady < STEADY:
            why = f"is ahead, but only {chosen.steady * 100:.0f} % of what it finds is found again"
            verdicts = tuple(
                replace(verdict, kind="unclear", why=f"{verdict.value} {why}") if verdict.kind == "clear" else verdict
                for verdict in verdicts
            )
        places = {id(entry.reading): index for index, entry in enumerate(ranked)}
        order = sorted(range(len(self.readings)), key=lambda index: places[id(self.readings[index])])
        shown = tuple(
            Shown(photo, tuple(found.get(index) for index in order))
            for photo, found in list(zip(self.seen, self.found, strict=True))[:show]
        )
        return Settlement(
            model=self.model,
            by="confidence and steadiness" if self.truth is None else "average precision",
            ranked=tuple(ranked),
            refused=self.refused,
            verdicts=verdicts,
            chosen=chosen,
            card=None if chosen is None else _card(chosen.reading, verdicts, len(self.seen)),
            photos=len(self.seen),
            telling=self._telling(alive),
            shown=shown,
            notes=(*self.notes, *(() if self.truth is None else self.truth.notes)),
            interrupted=interrupted,
        )

    def _early(self, first: Sequence[int]) -> list[float]:
        """Scores on the photos that all readings saw."""
        part = replace(self, found=[], measures=[], seen=[])
        for found, measures, photo in zip(self.found, self.measures, self.seen, strict=True):
            if set(first) <= set(found):
                part.found.append(found)
                part.measures.append(measures)
                part.seen.append(photo)
        scores = part._scores(first)
        return [float(mean) for mean in scores.mean(axis=1)] if scores.size else [0.0] * len(first)

    def _ranked(self, index: int, score: float) -> Ranked:
        found = [rows[index] for rows in self.found if index in rows]
        total = sum((measures[index] for measures in self.measures if index in measures), Measure())
        return Ranked(
            self.readings[index],
            score,
            sum(int((rows.score >= COUNTED).sum()) for rows in found) / len(found),
            None if self.truth is not None else total.steady,
            len(found),
        )

    def _verdict(self, each: Open, alive: Sequence[int], scores: AnyArray) -> Verdict:
        """What the photos say of one field."""
        readings = [self.readings[index] for index in alive]
        usual = None if each.strict else each.values[0]
        if len(each.values) < 2:
            return Verdict(each, each.values[0], "unclear", f"{each.values[0]} is but an example; say it", ())
        if (telling := self._telling(alive)) < FEWEST:
            why = f"only {telling} of {len(self.seen)} photos have anything in them; give at least {FEWEST}"
            kind: Literal["convention", "unclear"] = "unclear" if usual is None else "convention"
            return Verdict(each, usual or each.values[0], kind, why, ())
        means = scores.mean(axis=1)
        value = readings[int(means.argmax())].words.get(each.name, each.values[0])
        present = {reading.words.get(each.name) for reading in readings}
        # the best value by its worst lead: a single reading may be ahead by accident
        tables = {one: _contrasts(one, each, readings, scores) for one in each.values if one in present}
        value = max(tables, key=lambda one: (min((other.lead for other in tables[one]), default=0.0), one == value))
        contrasts = tables[value]
        near = [other for other in contrasts if not other.exceeds(CLEAR_GAP, CLEAR_ERRORS)]
        if usual is None or value == usual:
            if not near:
                return Verdict(each, value, "clear", _lead(contrasts), contrasts)
            rival = min(near, key=lambda other: other.lead)
            why = f"{value} and {rival.value} are not told apart ({_shown(rival)})"
            return Verdict(each, value, "unclear" if usual is None else "convention", why, contrasts)
        against = next((other for other in contrasts if other.value == usual), None)  # None: given up early
        if against is not None and not against.exceeds(CLEAR_GAP, CLEAR_ERRORS):
            why = f"{usual} and {value} are not told apart ({_shown(against)} for the latter)"
            return Verdict(each, usual, "convention", why, tables.get(usual, ()))
        if near:
            rival = min(near, key=lambda other: other.lead)
            why = f"{value} and {rival.value} are not told apart ({_shown(rival)}), and the usual {usual} is behind"
            return Verdict(each, value, "unclear", why, contrasts)
        if against is None or against.exceeds(TURN_GAP, TURN_ERRORS):
            return Verdict(each, value, "clear", f"against the convention: {_lead(contrasts)}", contrasts)
        why = f"photos lean to {value}, the convention is {usual} ({_shown(against)}); say which"
        return Verdict(each, value, "unclear", why, contrasts)


def _contrasts(value: str, each: Open, readings: Sequence[Reading], scores: AnyArray) -> tuple[Contrast, ...]:
    """The lead of a value over each other, photo by photo, over all settings of the other fields that matter."""
    means = scores.mean(axis=1)
    best = max(float(means.max()), 1e-9)
    rest = [tuple(sorted((name, word) for name, word in one.words.items() if name != each.name)) for one in readings]
    mine = {rest[index]: index for index, one in enumerate(readings) if one.words.get(each.name) == value}
    found = []
    for other in each.values:
        theirs = {rest[index]: index for index, one in enumerate(readings) if one.words.get(each.name) == other}
        if other == value or not theirs or not mine:
            continue
        pairs = [(mine[key], theirs[key]) for key in mine.keys() & theirs.keys()]
        pairs = [(one, two) for one, two in pairs if max(means[one], means[two]) >= 0.5 * best]
        if not pairs:  # families that have nothing else in common: the best of each
            pairs = [tuple(max(side.values(), key=lambda index: means[index]) for side in (mine, theirs))]  # type: ignore[list-item]
        lead = np.mean([scores[one] - scores[two] for one, two in pairs], axis=0) / best
        error = float(lead.std(ddof=1) / np.sqrt(len(lead))) if len(lead) > 1 else float("inf")
        found.append(Contrast(other, float(lead.mean()), error))
    return tuple(found)


def _lead(contrasts: Sequence[Contrast]) -> str:
    """The narrowest of the leads; those that were given up early have none."""
    if not contrasts:
        return "all others are far behind"
    nearest = min(contrasts, key=lambda other: other.lead)
    return f"{_shown(nearest)} ahead of {nearest.value}"


def _shown(contrast: Contrast) -> str:
    return f"{abs(contrast.lead) * 100:.1f} ± {contrast.error * 100:.1f} %"


def _card(reading: Reading, verdicts: Sequence[Verdict], photos: int) -> ModelCard:
    """The card of a reading; fields that it had to say are not arguments of anybody."""
    card = reading.detector.card
    sources = dict(card.sources)
    if "decoder" in reading.arguments:
        sources["decoder"] = f"inferred: {reading.detector.report().why}"
    for verdict in verdicts:
        settled = f"settled: {photos} photos, {verdict.why}" if verdict.kind == "clear" else verdict.open.why
        for name in reading.fields.get(verdict.open.name, ()):
            sources[name] = settled
    return replace(card, sources=MappingProxyType(sources))
