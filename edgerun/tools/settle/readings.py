"""The readings of a model that are plausible as long as nobody says more: what is open, and every way to close it."""

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

__all__ = ["NORMALISING", "Open", "Plausible", "Reading", "arguments_in_words", "plausible"]

NORMALISING = ("scale", "mean", "std")
"""Fields that mean something together alone."""

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Red, green, blue. Source: torchvision's documentation of its weights."""

USUAL: Mapping[str, Mapping[str, Any]] = {
    "0..1": {"scale": 1 / 255, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)},
    "0..255": {"scale": 1.0, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)},
    "-1..1": {"scale": 1 / 127.5, "mean": (1.0, 1.0, 1.0), "std": (1.0, 1.0, 1.0)},
    "ImageNet's mean and deviation": {"scale": 1 / 255, "mean": IMAGENET_MEAN, "std": IMAGENET_STD},
}
"""Normalisations that any family may have; channels are red, green, blue."""

RESIZES = ("letterbox", "letterbox-topleft", "stretch")
CROPS = ("center-crop", "stretch", "letterbox")
"""Of detectors; of classifiers."""

SAME_FEED = 0.02
"""Of the range that a normalisation fills: two that differ by less are one, such as (p - 127) / 128 and -1..1."""


@dataclass(frozen=True, slots=True)
class Open:
    """Something that is not known.

    Attributes:
        name: a field, "normalising" (scale, mean and std), or what a family leaves open.
        why: by whose word it has the value that it has without a settlement; "" where the model is refused without.
        values: the readings of it, in words; the first is what holds without a settlement.
        strict: True where no convention speaks for the first of them, so that a near tie cannot be left to it.
    """

    name: str
    why: str
    values: tuple[str, ...]
    strict: bool


@dataclass(frozen=True)
class Reading:
    """One way to feed and read a model.

    Attributes:
        arguments: of `Detector.load`, those that make this reading.
        words: value of each open field, in words.
        usual: the open fields in which this is what holds without a settlement.
        fields: the card's fields behind each open field.
        detector: set up so, on the session that all readings share.
    """

    arguments: Mapping[str, Any]
    words: Mapping[str, str]
    usual: frozenset[str]
    fields: Mapping[str, tuple[str, ...]]
    detector: Detector = field(repr=False, compare=False)

    @property
    def arguments_needed(self) -> dict[str, Any]:
        """Without those that hold anyway."""
        free = {name for each in self.usual for name in self.fields.get(each, ())}
        return {name: value for name, value in self.arguments.items() if name not in free}

    def __str__(self) -> str:
        return ", ".join(self.words.values()) or "as it is"


@dataclass(frozen=True, slots=True)
class Plausible:
    """What is open, and the readings.

    Attributes:
        readings: the usual one first, where there is one.
        open: what differs between them.
        refused: (reading in words, why) of those that the outputs contradict.
    """

    readings: tuple[Reading, ...]
    open: tuple[Open, ...]
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Choice:
    """One value of something open: its arguments and its words."""

    arguments: Mapping[str, Any]
    words: str


def plausible(opened: Opened, **said: Any) -> Plausible:
    """All readings of a model that what is said leaves alive.

    What arguments, sidecar, metadata, the file's input and inferences from its values say stays as it is. What is left
    to a convention or a default, or what a family leaves open, is varied: order of colours, normalisation and resize.
    Where the outputs allow several families, these are the readings, each with its conventions.

    Args:
        opened: the model.
        said: options of `Detector.load`.

    Raises:
        EdgerunError: nobody reads the outputs.
    """
    families = _families(opened, said)
    several = len(families) > 1
    found: list[Reading] = []
    refused: list[tuple[str, str]] = []
    open_: dict[str, Open] = {}
    if several:
        open_["decoder"] = Open("decoder", "", tuple(families), strict=True)
    for family in families:
        named = {} if "decoder" in said else {"decoder": family}
        try:
            card, match = _card(opened, {**said, **named})
        except EdgerunError as refusal:
            if not several:
                raise
            refused.append((family, refusal.message))
            continue
        # of several families each has its own conventions; which family it is comes first
        axes = [(axis, choices) for axis, choices in _axes(card, match) if not several or not axis.why]
        for axis, choices in axes:
            values = open_[axis.name].values if axis.name in open_ else ()
            values += tuple(choice.words for choice in choices if choice.words not in values)
            open_[axis.name] = replace(axis, values=values)
        for chosen in product(*(choices for _, choices in axes)):
            arguments: dict[str, Any] = dict(named)
            fields: dict[str, tuple[str, ...]] = {"decoder": ("decoder",)}
            words = {"decoder": family} if several else {}
            usual = set() if several else {"decoder"}
            for (axis, choices), choice in zip(axes, chosen, strict=True):
                arguments |= _oriented(choice.arguments, {**said, **arguments}, card)
                fields[axis.name], words[axis.name] = tuple(choice.arguments), choice.words
                usual |= {axis.name} if choice is choices[0] and not axis.strict else set()
            try:
                detector = Detector.load(opened, **{**said, **arguments})
            except EdgerunError as refusal:
                refused.append((", ".join(words.values()), refusal.message))
                continue
            found.append(Reading(arguments, words, frozenset(usual), fields, detector))
    return Plausible(tuple(found), tuple(open_.values()), tuple(refused))


def _families(opened: Opened, said: Mapping[str, Any]) -> list[str]:
    """The decoder that reads the model, or those among which the outputs do not tell."""
    try:
        return [Detector.load(opened, **said).report().decoder]
    except DecoderAmbiguous as refusal:
        if refusal.evidence is None:
            raise
        verdicts = dict(refusal.verdicts)
        best = max(match.sure for match in verdicts.values())
        known = {decoder.name: decoder for decoder in opened.registry.decoders}
        finalists = [(known[name], match) for name, match in verdicts.items() if match.sure == best]
        return [decoder.name for decoder, _ in decoder_choice.distinct(finalists, refusal.evidence)]


def _card(opened: Opened, said: Mapping[str, Any]) -> tuple[ModelCard, Match]:
    """The card with the conventions of the family that is named, and what that leaves open.

    Raises:
        EdgerunError: the outputs contradict the family.
    """
    try:
        return Detector.load(opened, **said).card, Match(Sure.CERTAIN, "")
    except DecoderAmbiguous as refusal:
        if refusal.evidence is None:
            raise
        match = refusal.verdicts[0][1]
        return card_fields.with_conventions(refusal.evidence.card, match), match


def _axes(card: ModelCard, match: Match) -> Iterator[tuple[Open, list[_Choice]]]:
    """What is open, each with its choices, the usual one first."""
    unsettled = {name: [_choice(entry) for entry in entries] for name, entries in match.alternatives.items()}
    if "color" in unsettled or (_left_open(card, "color") and card.color != "gray"):
        orders = (card.color, "bgr" if card.color == "rgb" else "rgb")
        yield _open(card, match, "color"), [_Choice({"color": order}, order) for order in orders]
    if any(name in unsettled for name in NORMALISING) or all(_left_open(card, name) for name in NORMALISING):
        yield _normalising(card, match, [choice for name in NORMALISING for choice in unsettled.get(name, ())])
    if "resize" in unsettled or _left_open(card, "resize"):
        fits: tuple[str, ...] = RESIZES if card.task != "classify" else CROPS
        fits = tuple(dict.fromkeys((*([] if "resize" in unsettled else [card.resize]), *fits)))
        yield _open(card, match, "resize"), [_Choice({"resize": fit}, fit) for fit in fits]
    for name, choices in unsettled.items():
        if name in (*NORMALISING, "color", "resize"):
            continue
        yield _open(card, match, name), choices


def _normalising(card: ModelCard, match: Match, stated: Sequence[_Choice]) -> tuple[Open, list[_Choice]]:
    """The normalisations of the family, then those that are usual anywhere, each once."""
    told = [name for name in NORMALISING if card.source(name) != "default"]
    name = next((name for name in NORMALISING if name in match.unsettled), (told or ["scale"])[0])
    own = {field: getattr(card, field) for field in NORMALISING}
    choices = [] if stated else [_Choice(own, _in_words(own))]
    choices += [_Choice(whole, _in_words(whole)) for choice in stated for whole in [{**own, **choice.arguments}]]
    for general in USUAL.values():
        ordered = _reversed(general) if card.color == "bgr" else general
        choices.append(_Choice(ordered, _in_words(ordered)))
    kept: list[_Choice] = []
    for choice in choices:
        if all(_differ(choice.arguments, other.arguments) for other in kept):
            kept.append(choice)
    entry = _open(card, match, name)
    return replace(entry, name="normalising"), kept


def _open(card: ModelCard, match: Match, name: str) -> Open:
    strict = name in match.unsettled or card.source(name) == "default"
    return Open(name, "" if name in match.unsettled else card.source(name), (), strict)


def _left_open(card: ModelCard, name: str) -> bool:
    return card.source(name).startswith(("default", "convention"))


def _oriented(arguments: Mapping[str, Any], said: Mapping[str, Any], card: ModelCard) -> dict[str, Any]:
    """Mean and deviation belong to channels: they go along where the order of colours is another than the card's."""
    return _reversed(arguments) if said.get("color", card.color) != card.color else dict(arguments)


def _reversed(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Mean and deviation in the other order of channels."""
    return {
        name: tuple(reversed(value)) if name in ("mean", "std") and isinstance(value, tuple) else value
        for name, value in arguments.items()
    }


def _choice(entry: Alternative) -> _Choice:
    """A choice from an alternative that a family states."""
    fields = {name: checked(name, value, "decoder") for name, value in entry.fields.items()}
    return _Choice(fields, f"{entry.arguments} ({entry.who})")


def _ends(arguments: Mapping[str, Any]) -> AnyArray:
    """What 0 and 255 become, [2, 3]."""
    ends = np.array([[0.0], [255.0]]) * arguments["scale"]
    return np.asarray((ends - np.array(arguments["mean"])) / np.array(arguments["std"]))


def _differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    first, second = _ends(one), _ends(other)
    return bool(np.abs(first - second).max() > SAME_FEED * np.abs(first[1] - first[0]).max())


def _in_words(arguments: Mapping[str, Any]) -> str:
    """0..255, -1..1 …; what has no such name is said by what 0 and 255 become in the first channel."""
    for name, known in USUAL.items():
        if not _differ(arguments, known) or not _differ(_reversed(arguments), known):
            return name
    (low, high) = _ends(arguments)[:, 0]
    return f"{low:.3g}..{high:.3g}"


def arguments_in_words(arguments: Mapping[str, Any]) -> str:
    """Arguments as `Detector.load` takes them: color="bgr", scale=1.0 …"""
    return Alternative(arguments, "").arguments
