"""What two claims may not say at once, in sentences. `card_fields.fold` alone calls these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from edgerun.card import FIELDS, ModelCard
from edgerun.contract import Unsettled
from edgerun.contract.convention import Alternative, spelt
from edgerun.errors import CardInvalid, DecoderUnknown
from edgerun.interpretation.claims import Claim
from edgerun.tensors import AnyArray

__all__ = ["FEED", "NORMALISATION", "SIDES"]

FEED = ("resize", "color", "scale", "mean", "std")
"""Preprocessing fields. Metadata that cannot be read is ignored where the user gives all of them."""

NORMALISATION = ("scale", "mean", "std")
"""One thing in three fields: a place that gives one of them gives the rest by leaving it at its default."""

DECISIVE = (
    "task", "decoder", "resize", "crop", "color", "box_units", "suppressed", "keypoints", "keypoint_dims", "inputs",
    "outputs",
)  # fmt: skip
"""Fields that move boxes or colours: two dialects that contradict one another in these are refused."""

SIDES = ("shorter_side", "longer_side", "side_multiple", "side_rounding", "padded")
"""How an image is fitted where nothing says the size of the input."""

NORMALISATION_SLACK = 0.01
"""Of a normalisation's range, by which two descriptions of it may differ: quantised models' are rounded."""


# ------------------------------------------------------------------------------------------- one claim alone


def unknown_field(claim: Claim, name: str) -> CardInvalid:
    """A claim speaks of a field that no card has."""
    return CardInvalid(
        f"The {claim.source} names a field {name}, which no card has.", hint="the fields are " + ", ".join(FIELDS)
    )


def unreadable(claim: Claim) -> CardInvalid:
    """Metadata are damaged, and the user does not say the fields that move boxes or colours."""
    detail = " ".join(str(claim.damage).split())[:300] or type(claim.damage).__name__
    return CardInvalid(
        f"The {claim.source} of {claim.model} cannot be used: {detail}.",
        hint=f"correct or remove it, or say {', '.join(FEED)} yourself, as arguments or in a sidecar",
    )


def left_open(claim: Claim, value: Unsettled) -> CardInvalid:
    """Metadata that can be read in several ways, and nothing else gives the field."""
    readings = " or ".join(map(_with_author, value.alternatives))
    arguments = " or ".join(entry.arguments for entry in value.alternatives)
    return CardInvalid(
        f"The {claim.source} of {claim.model} {value.why}, which can mean {readings}.", hint=f"pass {arguments}"
    )


def _with_author(entry: Alternative) -> str:
    return f"{entry.arguments} ({entry.who})"


# ------------------------------------------------------------------------------------ one claim against a card


def against_file(card: ModelCard, claim: Claim, name: str) -> CardInvalid:
    """A field is said that the file itself, or what its graph does to an image, makes impossible."""
    value = getattr(card, name)
    return CardInvalid(
        f"The {card.source(name)} gives {name} = {value}, but {claim.grounds[name]}.", hint=claim.hints[name]
    )


def against_outputs(card: ModelCard, claim: Claim, name: str) -> DecoderUnknown:
    """A field is said that the outputs contradict."""
    value, observed = _plain(getattr(card, name)), claim.fields[name]
    return DecoderUnknown(
        f"The {card.source(name)} says {name} = {value!r}, but the outputs speak for {observed!r}: "
        f"{claim.grounds[name]}.",
        hint=claim.hints[name],
    )


# --------------------------------------------------------------------------------------------- two descriptions


def refuse_two_descriptions(card: ModelCard, other: ModelCard, settled: Iterable[str]) -> None:
    """Refuse two dialects of which one at most speaks of this model.

    Args:
        card: what is said so far.
        other: what the next dialect says, as a card of its own.
        settled: fields that the user, or a dialect that overrules the others, has given.

    Raises:
        CardInvalid: they differ in what moves boxes or colours; the hint names the arguments.
    """
    for name in DECISIVE:
        if _both_give(card, other, (name,)):
            _refuse_two_values(card, other, name)
    if _both_give(card, other, NORMALISATION) and not set(NORMALISATION).intersection(settled):
        _refuse_two_normalisations(card, other)
    if _both_give(card, other, ("labels",)):
        _refuse_two_orders(card, other)


def _both_give(card: ModelCard, other: ModelCard, names: Iterable[str]) -> bool:
    """Whether each gives at least one of these fields."""
    return not card.sources.keys().isdisjoint(names) and not other.sources.keys().isdisjoint(names)


def _refuse_two_values(card: ModelCard, other: ModelCard, name: str) -> None:
    ours, theirs = getattr(card, name), getattr(other, name)
    if ours != theirs:
        arguments = f"{name}={spelt(ours)} or {name}={spelt(theirs)}"
        raise _contradiction(card, other, name, f"{name} = {_plain(ours)}", str(_plain(theirs)), arguments)


def _refuse_two_normalisations(card: ModelCard, other: ModelCard) -> None:
    if not _alike(card, other):
        name = next(name for name in NORMALISATION if name in card.sources)
        ours = f"a pixel p becomes {_formula(card)}"
        raise _contradiction(card, other, name, ours, _formula(other), "scale, mean and std")


def _refuse_two_orders(card: ModelCard, other: ModelCard) -> None:
    ours, theirs = _folded_labels(card), _folded_labels(other)
    if ours != theirs and sorted(ours) == sorted(theirs):
        first = f"the labels are {_short(card.labels)}"
        raise _contradiction(card, other, "labels", first, "the same in another order", "labels")


def _contradiction(card: ModelCard, other: ModelCard, name: str, ours: str, theirs: str, arguments: str) -> CardInvalid:
    first, second = card.source(name), next(iter(other.sources.values()))
    return CardInvalid(
        f"The {first} says that {ours}, and the {second} says {theirs}.",
        hint=f"pass {arguments}, or remove the description that is not this model's",
    )


def _alike(card: ModelCard, other: ModelCard) -> bool:
    """Whether black and white come out the same."""
    ours, theirs = _black_and_white(card), _black_and_white(other)
    ranges = np.maximum(np.ptp(ours, axis=0), np.ptp(theirs, axis=0))
    return bool((np.abs(ours - theirs) <= NORMALISATION_SLACK * ranges).all())


def _black_and_white(card: ModelCard) -> AnyArray:
    """What pixels of 0 and of 255 become, float64 [2, 3]."""
    ends = np.array([[0.0], [255.0]]) * card.scale
    return np.asarray((ends - np.array(card.mean)) / np.array(card.std))


def _formula(card: ModelCard) -> str:
    return f"(p * {card.scale:.4g} - {_short(card.mean)}) / {_short(card.std)}"


def _folded_labels(card: ModelCard) -> list[str]:
    """Labels as they are compared: without case, and with spaces for underscores."""
    return [label.lower().replace("_", " ") for label in card.labels]


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _short(values: tuple[Any, ...]) -> str:
    """The first four of several values; one where all are equal."""
    if len(set(values)) == 1:
        values = values[:1]
    shown = ", ".join(map(_brief, values[:4]))
    return f"{shown}, …" if len(values) > 4 else shown


def _brief(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
