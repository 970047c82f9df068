"""The plausible hypotheses on how a model is fed and read: every way to close what is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from edgerun.card import ModelCard
from edgerun.contract import Alternative, Evidence, Match, Sure
from edgerun.detector import Detector, Opened
from edgerun.errors import DecoderAmbiguous, EdgerunError
from edgerun.interpretation import card_fields, decoder_choice
from edgerun.tools.settle.open_fields import Axis, OpenField, Setting, axes, reversed_channels

__all__ = ["Hypothesis", "Plausible", "arguments_in_words", "plausible"]


@dataclass(frozen=True)
class Hypothesis:
    """One way to feed and read a model.

    Attributes:
        arguments: of `Detector.load`, those that make this hypothesis.
        words: value of each open field, in words.
        usual: the open fields in which this is what holds without a settlement.
        fields: the card's fields behind each open field.
        detector: set up so, on the session that all hypotheses use.
    """

    arguments: Mapping[str, Any]
    words: Mapping[str, str]
    usual: frozenset[str]
    fields: Mapping[str, tuple[str, ...]]
    detector: Detector = field(repr=False, compare=False)

    @property
    def arguments_needed(self) -> dict[str, Any]:
        """Without those that hold anyway."""
        needless: set[str] = set()
        for name in self.usual:
            needless.update(self.fields.get(name, ()))
        return {name: value for name, value in self.arguments.items() if name not in needless}

    def __str__(self) -> str:
        return ", ".join(self.words.values()) or "as it is"


@dataclass(frozen=True, slots=True)
class Plausible:
    """What is open, and the hypotheses.

    Attributes:
        hypotheses: the usual one first, where there is one.
        open: what differs between them.
        refused: (hypothesis in words, why) of those that the outputs contradict.
    """

    hypotheses: tuple[Hypothesis, ...]
    open: tuple[OpenField, ...]
    refused: tuple[tuple[str, str], ...] = ()


def plausible(opened: Opened, **options: Any) -> Plausible:
    """All hypotheses that the options leave open.

    What arguments, sidecar, metadata, the file's input and inferences from its values say stays as it is. What is left
    to a convention or a default, or what a family leaves open, is varied: order of colours, normalisation and resize.
    Where the outputs allow several families, these are the hypotheses, each with its conventions.

    Args:
        opened: the model.
        options: of `Detector.load`.

    Raises:
        EdgerunError: no decoder reads the outputs.
    """
    families = _families(opened, options)
    enumeration = _Enumeration(opened, options, several=len(families) > 1)
    if enumeration.several:
        enumeration.open["decoder"] = OpenField("decoder", "", tuple(families), strict=True)
    for family in families:
        enumeration.add_family(family)
    return Plausible(tuple(enumeration.hypotheses), tuple(enumeration.open.values()), tuple(enumeration.refused))


@dataclass
class _Enumeration:
    """Hypotheses in the making.

    Attributes:
        opened, options: see `plausible`.
        several: whether the family is open.
        hypotheses, open, refused: see `Plausible`.
    """

    opened: Opened
    options: Mapping[str, Any]
    several: bool
    hypotheses: list[Hypothesis] = field(default_factory=list)
    open: dict[str, OpenField] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)

    def add_family(self, family: str) -> None:
        """Add the hypotheses of a family.

        Raises:
            EdgerunError: the outputs contradict it, and there is no other.
        """
        named = {} if "decoder" in self.options else {"decoder": family}
        try:
            card, match = _card(self.opened, {**self.options, **named})
        except EdgerunError as refusal:
            if not self.several:
                raise
            self.refused.append((family, refusal.message))
            return
        found = list(axes(card, match))
        if self.several:  # each has its own conventions; which family it is comes first
            found = [axis for axis in found if not axis.field.why]
        for axis in found:
            self._open(axis)
        for settings in product(*(axis.settings for axis in found)):
            self._add(self._start(family, named), card, list(zip(found, settings, strict=True)))

    def _open(self, axis: Axis) -> None:
        """Add what is open, with the values of this family after those of the families before it."""
        name = axis.field.name
        known = self.open[name].values if name in self.open else ()
        values = dict.fromkeys((*known, *(setting.words for setting in axis.settings)))
        self.open[name] = replace(axis.field, values=tuple(values))

    def _start(self, family: str, named: Mapping[str, Any]) -> _Draft:
        if self.several:
            return _Draft(dict(named), {"decoder": family}, set())
        return _Draft(dict(named), {}, {"decoder"})

    def _add(self, draft: _Draft, card: ModelCard, settings: Sequence[tuple[Axis, Setting]]) -> None:
        for axis, setting in settings:
            order = {**self.options, **draft.arguments}.get("color", card.color)
            draft.take(axis, setting, reverse=order != card.color)
        try:
            detector = Detector.load(self.opened, **{**self.options, **draft.arguments})
        except EdgerunError as refusal:
            self.refused.append((", ".join(draft.words.values()), refusal.message))
            return
        self.hypotheses.append(Hypothesis(draft.arguments, draft.words, frozenset(draft.usual), draft.fields, detector))


@dataclass
class _Draft:
    """A hypothesis in the making; see `Hypothesis`."""

    arguments: dict[str, Any]
    words: dict[str, str]
    usual: set[str]
    fields: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"decoder": ("decoder",)})

    def take(self, axis: Axis, setting: Setting, *, reverse: bool) -> None:
        """Close one open field.

        Mean and deviation belong to channels: they are reversed where the order of colours is not the card's.
        """
        name = axis.field.name
        self.arguments |= reversed_channels(setting.arguments) if reverse else setting.arguments
        self.fields[name] = tuple(setting.arguments)
        self.words[name] = setting.words
        if axis.is_usual(setting):
            self.usual.add(name)


def _families(opened: Opened, options: Mapping[str, Any]) -> list[str]:
    """The decoder that reads the model, or those among which the outputs do not tell."""
    try:
        return [Detector.load(opened, **options).report().decoder]
    except DecoderAmbiguous as refusal:
        if refusal.evidence is None:
            raise
        return _finalists(opened, refusal.verdicts, refusal.evidence)


def _finalists(opened: Opened, verdicts: Sequence[tuple[str, Match]], evidence: Evidence) -> list[str]:
    """Those that are surest; of several that read the outputs alike one."""
    known = {decoder.name: decoder for decoder in opened.registry.decoders}
    best = max(match.sure for _, match in verdicts)
    surest = [(known[name], match) for name, match in verdicts if match.sure == best]
    return [decoder.name for decoder, _ in decoder_choice.distinct(surest, evidence)]


def _card(opened: Opened, options: Mapping[str, Any]) -> tuple[ModelCard, Match]:
    """The card with the conventions of the family that is named, and what that leaves open.

    Raises:
        EdgerunError: the outputs contradict the family.
    """
    try:
        return Detector.load(opened, **options).card, Match(Sure.CERTAIN, "")
    except DecoderAmbiguous as refusal:
        if refusal.evidence is None:
            raise
        match = refusal.verdicts[0][1]
        return card_fields.with_conventions(refusal.evidence.card, match), match


def arguments_in_words(arguments: Mapping[str, Any]) -> str:
    """Arguments as `Detector.load` takes them: color="bgr", scale=1.0 …"""
    return Alternative(arguments, "").arguments
