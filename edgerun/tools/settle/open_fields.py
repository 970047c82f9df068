"""What is open in a model: what only a convention, a default or nothing speaks for, with its possible settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgerun.card import ModelCard, checked
from edgerun.contract import Alternative, Match
from edgerun.tensors import AnyArray

__all__ = ["NORMALISATION", "Axis", "OpenField", "Setting", "axes", "reversed_channels"]

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


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of something open: its arguments and its words."""

    arguments: Mapping[str, Any]
    words: str


@dataclass(frozen=True, slots=True)
class Axis:
    """Something open with its settings, the usual one first."""

    field: OpenField
    settings: Sequence[Setting]

    def is_usual(self, setting: Setting) -> bool:
        """Whether this holds without a settlement."""
        return setting is self.settings[0] and not self.field.strict


def axes(card: ModelCard, match: Match) -> Iterator[Axis]:
    """What a card and the verdict of a decoder leave open."""
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
            yield Axis(_open_field(card, match, name), settings)


def _stated(match: Match) -> dict[str, list[Setting]]:
    """Field -> settings, of what a family leaves open."""
    return {name: [_setting(entry) for entry in entries] for name, entries in match.alternatives.items()}


def _setting(entry: Alternative) -> Setting:
    fields = {name: checked(name, value, "decoder") for name, value in entry.fields.items()}
    return Setting(fields, f"{entry.arguments} ({entry.who})")


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


def _plain_axis(card: ModelCard, match: Match, name: str, values: Sequence[str]) -> Axis:
    return Axis(_open_field(card, match, name), [Setting({name: value}, value) for value in values])


# ------------------------------------------------------------------------------------------- normalisation


def _normalisation_axis(card: ModelCard, match: Match, stated: Mapping[str, Sequence[Setting]]) -> Axis:
    """The normalisations of the family, then those that are usual anywhere, each once."""
    values = [*_of_family(card, stated), *_anywhere(card)]
    settings: list[Setting] = []
    for arguments in values:
        if all(_differ(arguments, known.arguments) for known in settings):
            settings.append(Setting(arguments, _in_words(arguments)))
    source = _open_field(card, match, _telling_name(card, match))
    return Axis(replace(source, name="normalising"), settings)


def _of_family(card: ModelCard, stated: Mapping[str, Sequence[Setting]]) -> list[Mapping[str, Any]]:
    own = {name: getattr(card, name) for name in NORMALISATION}
    alternatives: list[Setting] = []
    for name in NORMALISATION:
        alternatives += stated.get(name, ())
    if not alternatives:
        return [own]
    return [{**own, **setting.arguments} for setting in alternatives]


def _anywhere(card: ModelCard) -> list[Mapping[str, Any]]:
    if card.color == "bgr":
        return [reversed_channels(usual) for usual in USUAL.values()]
    return list(USUAL.values())


def _telling_name(card: ModelCard, match: Match) -> str:
    """Of scale, mean and std the one whose source stands for all three."""
    unsettled = [name for name in NORMALISATION if name in match.unsettled]
    claimed = [name for name in NORMALISATION if card.source(name) != "default"]
    return [*unsettled, *claimed, "scale"][0]


def reversed_channels(arguments: Mapping[str, Any]) -> dict[str, Any]:
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
        if not _differ(arguments, known) or not _differ(reversed_channels(arguments), known):
            return name
    (low, high) = _ends(arguments)[:, 0]
    return f"{low:.3g}..{high:.3g}"
