"""What photos say about the hypotheses on a model, as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgerun.card import ModelCard
from edgerun.detections import Detections
from edgerun.tools.settle.hypotheses import Hypothesis, arguments_in_words
from edgerun.tools.settle.open_fields import OpenField

__all__ = ["Contrast", "FieldVerdict", "Ranked", "Settlement", "Shown"]


@dataclass(frozen=True, slots=True)
class Contrast:
    """How far a value of a field is ahead of another one, everything else being equal.

    Attributes:
        value: the other one, in words.
        lead: difference of the scores, relative to the best; negative where the other one is ahead.
        error: the standard error of the lead.
    """

    value: str
    lead: float
    error: float

    def exceeds(self, gap: float, errors: float) -> bool:
        """Whether the lead is large, and significant."""
        return self.lead >= gap and self.lead >= errors * self.error

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"value": self.value, "lead": round(self.lead, 4), "error": round(self.error, 4)}

    def __str__(self) -> str:
        return f"{abs(self.lead) * 100:.1f} ± {self.error * 100:.1f} %"


@dataclass(frozen=True, slots=True)
class FieldVerdict:
    """What photos say about one field.

    Attributes:
        open: the field, with its values.
        value: the one that is taken, in words.
        kind: "clear" by the photos; "convention" where they do not speak against it; "unclear" where nothing decides.
        why: in a sentence.
        contrasts: with each other value.
    """

    open: OpenField
    value: str
    kind: Literal["clear", "convention", "unclear"]
    why: str
    contrasts: tuple[Contrast, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "field": self.open.name,
            "without": self.open.why,
            "value": self.value,
            "verdict": self.kind,
            "why": self.why,
            "against": [contrast.to_dict() for contrast in self.contrasts],
        }


@dataclass(frozen=True, slots=True)
class Ranked:
    """One hypothesis and what came of it.

    Attributes:
        hypothesis: the hypothesis.
        score: mean over the photos, relative to the best on each, 0..1; by labels the average precision.
        found: rows per photo, with a score of 0.25 or more.
        repeatability: fraction of what was found that was found again in other views; None by labels.
        photos: how many it was tried on.
    """

    hypothesis: Hypothesis
    score: float
    found: float
    repeatability: float | None
    photos: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "reading": dict(self.hypothesis.words),
            "arguments": dict(self.hypothesis.arguments),
            "score": round(self.score, 4),
            "found": round(self.found, 2),
            "steady": None if self.repeatability is None else round(self.repeatability, 4),
            "photos": self.photos,
        }


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo and what hypotheses found in it, for people to look at.

    Attributes:
        path: of the photo.
        found: of each hypothesis in `Settlement.ranked`, in that order; None where it was not tried on the photo.
    """

    path: Path
    found: tuple[Detections | None, ...]


@dataclass(frozen=True)
class Settlement:
    """What photos say about the hypotheses on a model.

    Attributes:
        model: path of the file.
        by: "confidence and steadiness" or "average precision".
        ranked: hypotheses, the best first; those that were tried on fewer photos after those that were tried on all.
        refused: (hypothesis in words, why) of those that the outputs contradict.
        verdicts: of each field that is open.
        chosen: the hypothesis that the verdicts add up to; None where there is no such one.
        card: of the chosen one, with sources that say what settled each field.
        photos: how many were used; telling: those in which anything was found.
        shown: the first photos.
        notes: what else there is to know.
        interrupted: whether it was ended early.
    """

    model: str
    by: str
    ranked: tuple[Ranked, ...]
    refused: tuple[tuple[str, str], ...]
    verdicts: tuple[FieldVerdict, ...]
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
        return self.card is not None and not self._of_kind("unclear")

    def _of_kind(self, kind: str) -> list[FieldVerdict]:
        return [verdict for verdict in self.verdicts if verdict.kind == kind]

    @property
    def sentence(self) -> str:
        """The answer in a sentence."""
        if not self.verdicts:
            return "Nothing is open: file, sidecar and arguments say all that photos could settle."
        if self.chosen is None:
            return "Not clear: no hypothesis has all the values that win one by one."
        unclear = self._of_kind("unclear")
        if unclear:
            return "Not clear: " + "; ".join(f"{verdict.open.name}: {verdict.why}" for verdict in unclear) + "."
        return self._settled(self.chosen.hypothesis)

    def _settled(self, chosen: Hypothesis) -> str:
        left = self._of_kind("convention")
        if len(left) == len(self.verdicts):
            settled = f"Left to the conventions: {chosen}, as the model loads anyway"
            return settled + "; photos do not clearly say otherwise."
        arguments = arguments_in_words(chosen.arguments_needed)
        answer = f"Settled: {chosen} ({arguments})." if arguments else f"Settled: {chosen}, as the model loads anyway."
        if not left:
            return answer
        names = ", ".join(verdict.open.name for verdict in left)
        return f"{answer} What photos do not tell, {names}, is left to the convention."

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
            "chosen": None if self.chosen is None else dict(self.chosen.hypothesis.arguments),
            "fields": [verdict.to_dict() for verdict in self.verdicts],
            "readings": [entry.to_dict() for entry in self.ranked],
            "refused": [{"reading": words, "why": why} for words, why in self.refused],
            "notes": list(self.notes),
        }
