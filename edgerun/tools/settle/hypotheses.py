"""The plausible hypotheses on how a model is fed and read: what is open, and every way to close it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from edgerun.card import ModelCard, checked
from edgerun.contract import Alternative, Match, Sure
from edgerun.detector import Detector, Opened
from edgerun.errors import DecoderAmbiguous, EdgerunError
from edgerun.interpretation import card_fields, decoder_choice
from edgerun.tensors import AnyArray

__all__ = ["NORMALISATION", "Hypothesis", "OpenField", "Plausible", "arguments_in_words", "plausible"]

NORMALISATION = ("scale", "mean", "std")
"""Fields that mean something only together."""

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Red, green, blue. Source: torchvision's documentation of its weights."""

USUAL: Mapping[str, Mapping[str, Any]] = {
    "0..1": {"scale": 1 / 255, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)},
    "0..255": {"scale": 1.0, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)},
    "-1..1": {"scale": 1 / 127.5, "mean": (1.0, 1.0, 1.0), "std": (1.0, 1.0, 1.0)},
    "ImageNet's mean and deviation": {"scale": 1 / 255, "mean": IMAGENET_MEAN, "std": IMAGENET_STD},
}
"""Normalisations that any family may have; channels are red, green, blue."""

DETECTOR_RESIZES = ("letterbox", "letterbox-topleft", "stretch")
CLASSIFIER_RESIZES = ("center-crop", "stretch", "letterbox")

SAME_NORMALISATION = 0.02
"""Of the range that a normalisation fills: two that differ by less are one, such as (p - 127) / 128 and -1..1."""


@dataclass(frozen=True, slots=True)
class OpenField:
    """Something that is not known.

    Attributes:
        name: a field, "normalising" (scale, mean and std), or what a family leaves open.
        why: the source of the value that it has without a settlement; "" where the model is refused without.
        values: its possible values, in words; the first is what holds without a settlement.
        strict: True where no convention speaks for the first of them, so that a near tie cannot be left to it.
    """

    name: str
    why: str
    values: tuple[str, ...]
    strict: bool


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


@dataclass(frozen=True, slots=True)
class _Setting:
    """One value of something open: its arguments and its words."""

    arguments: Mapping[str, Any]
    words: str


@dataclass(frozen=True, slots=True)
class _Axis:
    """Something open with its settings, the usual one first."""

    field: OpenField
    settings: Sequence[_Setting]

    def is_usual(self, setting: _Setting) -> bool:
        """Whether this holds without a settlement."""
        return setting is self.settings[0] and not self.field.strict


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
        axes = list(_axes(card, match))
        if self.several:  # each has its own conventions; which family it is comes first
            axes = [axis for axis in axes if not axis.field.why]
        for axis in axes:
            self._open(axis)
        for settings in product(*(axis.settings for axis in axes)):
            self._add(self._start(family, named), card, list(zip(axes, settings, strict=True)))

    def _open(self, axis: _Axis) -> None:
        """Add what is open, with the values of this family after those of the families before it."""
        name = axis.field.name
        known = self.open[name].values if name in self.open else ()
        values = dict.fromkeys((*known, *(setting.words for setting in axis.settings)))
        self.open[name] = replace(axis.field, values=tuple(values))

    def _start(self, family: str, named: Mapping[str, Any]) -> _Draft:
        if self.several:
            return _Draft(dict(named), {"decoder": family}, set())
        return _Draft(dict(named), {}, {"decoder"})

    def _add(self, draft: _Draft, card: ModelCard, settings: Sequence[tuple[_Axis, _Setting]]) -> None:
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

    def take(self, axis: _Axis, setting: _Setting, *, reverse: bool) -> None:
        """Close one open field.

        Mean and deviation belong to channels: they are reversed where the order of colours is not the card's.
        """
        name = axis.field.name
        self.arguments |= _reversed(setting.arguments) if reverse else setting.arguments
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
        best = max(match.sure for _, match in refusal.verdicts)
        known = {decoder.name: decoder for decoder in opened.registry.decoders}
        finalists = [(known[name], match) for name, match in refusal.verdicts if match.sure == best]
        return [decoder.name for decoder, _ in decoder_choice.distinct(finalists, refusal.evidence)]


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


# ------------------------------------------------------------------------------------------- what is open


def _axes(card: ModelCard, match: Match) -> Iterator[_Axis]:
    stated = _stated(match)
    if _is_color_open(card, stated):
        other = "bgr" if card.color == "rgb" else "rgb"
        yield _plain_axis(card, match, "color", (card.color, other))
    if _is_normalisation_open(card, stated):
        yield _normalisation_axis(card, match, stated)
    if "resize" in stated or _is_left_open(card, "resize"):
        yield _plain_axis(card, match, "resize", _resizes(card, stated))
    for name, settings in stated.items():
        if name not in (*NORMALISATION, "color", "resize"):
            yield _Axis(_open_field(card, match, name), settings)


def _stated(match: Match) -> dict[str, list[_Setting]]:
    """Field -> settings, of what a family leaves open."""
    return {name: [_setting(entry) for entry in entries] for name, entries in match.alternatives.items()}


def _setting(entry: Alternative) -> _Setting:
    fields = {name: checked(name, value, "decoder") for name, value in entry.fields.items()}
    return _Setting(fields, f"{entry.arguments} ({entry.who})")


def _is_left_open(card: ModelCard, name: str) -> bool:
    return card.source(name).startswith(("default", "convention"))


def _is_color_open(card: ModelCard, stated: Mapping[str, Any]) -> bool:
    return "color" in stated or (card.color != "gray" and _is_left_open(card, "color"))


def _is_normalisation_open(card: ModelCard, stated: Mapping[str, Any]) -> bool:
    if not stated.keys().isdisjoint(NORMALISATION):
        return True
    return all(_is_left_open(card, name) for name in NORMALISATION)


def _resizes(card: ModelCard, stated: Mapping[str, Any]) -> tuple[str, ...]:
    usual = CLASSIFIER_RESIZES if card.task == "classify" else DETECTOR_RESIZES
    return usual if "resize" in stated else tuple(dict.fromkeys((card.resize, *usual)))


def _open_field(card: ModelCard, match: Match, name: str) -> OpenField:
    source = card.source(name)
    if name in match.unsettled:
        return OpenField(name, "", (), strict=True)
    return OpenField(name, source, (), strict=source == "default")


def _plain_axis(card: ModelCard, match: Match, name: str, values: Sequence[str]) -> _Axis:
    return _Axis(_open_field(card, match, name), [_Setting({name: value}, value) for value in values])


# ------------------------------------------------------------------------------------------- normalisation


def _normalisation_axis(card: ModelCard, match: Match, stated: Mapping[str, Sequence[_Setting]]) -> _Axis:
    """The normalisations of the family, then those that are usual anywhere, each once."""
    values = [*_of_family(card, stated), *_anywhere(card)]
    settings: list[_Setting] = []
    for arguments in values:
        if all(_differ(arguments, known.arguments) for known in settings):
            settings.append(_Setting(arguments, _in_words(arguments)))
    source = _open_field(card, match, _telling_name(card, match))
    return _Axis(replace(source, name="normalising"), settings)


def _of_family(card: ModelCard, stated: Mapping[str, Sequence[_Setting]]) -> list[Mapping[str, Any]]:
    own = {name: getattr(card, name) for name in NORMALISATION}
    alternatives: list[_Setting] = []
    for name in NORMALISATION:
        alternatives += stated.get(name, ())
    if not alternatives:
        return [own]
    return [{**own, **setting.arguments} for setting in alternatives]


def _anywhere(card: ModelCard) -> list[Mapping[str, Any]]:
    if card.color == "bgr":
        return [_reversed(usual) for usual in USUAL.values()]
    return list(USUAL.values())


def _telling_name(card: ModelCard, match: Match) -> str:
    """Of scale, mean and std the one whose source stands for all three."""
    unsettled = [name for name in NORMALISATION if name in match.unsettled]
    claimed = [name for name in NORMALISATION if card.source(name) != "default"]
    return [*unsettled, *claimed, "scale"][0]


def _reversed(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Mean and deviation in the other order of channels."""
    changed = dict(arguments)
    for name in ("mean", "std"):
        if isinstance(changed.get(name), tuple):
            changed[name] = tuple(reversed(changed[name]))
    return changed


def _ends(arguments: Mapping[str, Any]) -> AnyArray:
    """What 0 and 255 become, [2, 3]."""
    ends = np.array([[0.0], [255.0]]) * arguments["scale"]
    return np.asarray((ends - np.array(arguments["mean"])) / np.array(arguments["std"]))


def _differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    first, second = _ends(one), _ends(other)
    return bool(np.abs(first - second).max() > SAME_NORMALISATION * np.abs(first[1] - first[0]).max())


def _in_words(arguments: Mapping[str, Any]) -> str:
    """0..255, -1..1 …; what has no such name is told by what 0 and 255 become in the first channel."""
    for name, known in USUAL.items():
        if not _differ(arguments, known) or not _differ(_reversed(arguments), known):
            return name
    (low, high) = _ends(arguments)[:, 0]
    return f"{low:.3g}..{high:.3g}"


def arguments_in_words(arguments: Mapping[str, Any]) -> str:
    """Arguments as `Detector.load` takes them: color="bgr", scale=1.0 …"""
    return Alternative(arguments, "").arguments
