"""Reading a model's card: argument > sidecar > metadata > inference > convention > default, each with its source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edgerun.card import FIELDS, ModelCard, checked, sidecar
from edgerun.contract import Dialect, Match, Unsettled
from edgerun.dialects import (
    coreml,
    deepstream,
    degirum,
    edgerun,
    frigate,
    huggingface,
    libreyolo,
    luxonis,
    mmdeploy,
    openvino,
    paddle,
    roboflow,
    tflite_metadata,
    triton,
    ultralytics,
)
from edgerun.errors import CardInvalid

__all__ = ["BUILTIN", "Said", "gather", "with_conventions", "with_field"]

BUILTIN: tuple[Dialect, ...] = (
    edgerun.DIALECT,
    coreml.DIALECT,
    roboflow.DIALECT,
    # in the file
    ultralytics.DIALECT,
    tflite_metadata.DIALECT,
    libreyolo.DIALECT,
    openvino.DIALECT,
    # beside it, as a trainer's exporter writes it
    huggingface.DIALECT,
    mmdeploy.DIALECT,
    paddle.DIALECT,
    luxonis.DIALECT,
    degirum.DIALECT,
    # beside it, as somebody has described it to a server
    deepstream.DIALECT,
    frigate.DIALECT,
    triton.DIALECT,
)
"""Earlier ones win over later ones, where both may be right."""

FEED = ("resize", "color", "scale", "mean", "std")
"""How the picture is fed. Who says all of these needs no metadata, and damaged ones do not stop her."""

NORMALISATION = ("scale", "mean", "std")
"""One thing in three fields: whoever says one of them says the rest by leaving it at its default."""

DECISIVE = (
    "task", "decoder", "resize", "color", "box_units", "suppressed", "keypoints", "keypoint_dims", "inputs", "outputs",
)  # fmt: skip
"""Fields that move boxes or colours: two dialects that contradict one another in these are refused."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one place says of a model.

    Attributes:
        source: "argument", "sidecar" or "… metadata".
        fields: card fields, not yet checked.
    """

    source: str
    fields: Mapping[str, Any]


def gather(
    path: Path,
    metadata: Mapping[str, str | bytes],
    dialects: Iterable[Dialect],
    arguments: Mapping[str, Any],
) -> ModelCard:
    """All that is said about a model, the first word counting for each field. What nobody says is default.

    Raises:
        CardInvalid: somebody says the impossible, two dialects contradict one another in what moves boxes or colours,
            or one leaves such a field open; the message names who.
    """
    card = ModelCard()
    for place in (Said("argument", arguments), Said("sidecar", sidecar.read(path))):
        card = _with_rest(card, _checked(place))
    her_own = frozenset(card.sources)
    settled = set(her_own)
    open_: dict[str, tuple[Said, Unsettled]] = {}
    for dialect in dialects:
        place = Said(f"{dialect.name} metadata", _heard(dialect, metadata, path, her_own))
        open_ |= {name: (place, value) for name, value in place.fields.items() if isinstance(value, Unsettled)}
        plain = {name: value for name, value in place.fields.items() if not isinstance(value, Unsettled)}
        own = _checked(Said(place.source, {name: value for name, value in plain.items() if name not in settled}))
        _demand_agreement(card, own, settled)
        if any(name in card.sources for name in NORMALISATION) and not settled.intersection(NORMALISATION):
            own = _without(own, NORMALISATION)
        card = _with_rest(card, own)
        if dialect.overrules:
            settled |= set(own.sources)
    for name, (place, value) in open_.items():
        if name not in card.sources:
            readings = " or ".join(f"{entry.arguments} ({entry.who})" for entry in value.alternatives)
            raise CardInvalid(
                f"The {place.source} of {path.name} {value.why}, which can mean {readings}.",
                hint="pass " + " or ".join(entry.arguments for entry in value.alternatives),
            )
    return card


def _heard(
    dialect: Dialect, metadata: Mapping[str, str | bytes], path: Path, her_own: frozenset[str]
) -> Mapping[str, Any]:
    try:
        return dialect.read(metadata, path)
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError, OSError) as cause:
        if her_own.issuperset(FEED):  # the user has said it herself
            return {}
        detail = " ".join(str(cause).split())[:300] or type(cause).__name__
        raise CardInvalid(
            f"The {dialect.name} metadata of {path.name} cannot be used: {detail}.",
            hint=f"correct or remove it, or say {', '.join(FEED)} yourself, as arguments or in a sidecar",
        ) from cause


def _checked(place: Said) -> ModelCard:
    """What one place says, as a card of its own.

    Raises:
        CardInvalid: a field that no card has, or an impossible value.
    """
    own = ModelCard()
    for name, value in place.fields.items():
        if name not in FIELDS:
            raise CardInvalid(
                f"The {place.source} names a field {name}, which no card has.",
                hint="the fields are " + ", ".join(FIELDS),
            )
        own = with_field(own, name, value, place.source)
    return own


def _with_rest(card: ModelCard, own: ModelCard) -> ModelCard:
    """The card, completed by another where nobody said a field; where both did and differ, the source tells."""
    sources = dict(card.sources)
    taken = {}
    for name, source in own.sources.items():
        if name not in sources:
            taken[name], sources[name] = getattr(own, name), source
        elif (
            name not in DECISIVE + NORMALISATION
            and sources[name].partition(";")[0].endswith("metadata")
            and getattr(own, name) != getattr(card, name)
        ):
            sources[name] += f"; {source} says otherwise"
    return replace(card, **taken, sources=MappingProxyType(sources))


def _without(own: ModelCard, names: Iterable[str]) -> ModelCard:
    return replace(
        own, sources=MappingProxyType({name: own.sources[name] for name in own.sources if name not in names})
    )


def _demand_agreement(card: ModelCard, own: ModelCard, settled: set[str]) -> None:
    """Refuse two dialects of which one at most speaks of this model.

    Raises:
        CardInvalid: they differ in what moves boxes or colours; the hint names the arguments.
    """
    for name in DECISIVE:
        ours, theirs = getattr(card, name), getattr(own, name)
        if name in card.sources and name in own.sources and ours != theirs:
            arguments = " or ".join(f"{name}={_written(value)}" for value in (ours, theirs))
            raise _contradiction(card, own, name, f"{name} = {_plain(ours)}", str(_plain(theirs)), arguments)
    said = [[name for name in NORMALISATION if name in entry.sources] for entry in (card, own)]
    if all(said) and not settled.intersection(NORMALISATION) and not _alike(card, own):
        ours, theirs = (
            f"(p * {entry.scale:.4g} - {_short(entry.mean)}) / {_short(entry.std)}" for entry in (card, own)
        )
        raise _contradiction(card, own, said[0][0], f"a pixel p becomes {ours}", theirs, "scale, mean and std")
    if "labels" in card.sources and "labels" in own.sources:
        names = [[label.lower().replace("_", " ") for label in entry.labels] for entry in (card, own)]
        if names[0] != names[1] and sorted(names[0]) == sorted(names[1]):
            ours = f"the labels are {_short(card.labels)}"
            raise _contradiction(card, own, "labels", ours, "the same in another order", "labels")


def _contradiction(card: ModelCard, own: ModelCard, name: str, ours: str, theirs: str, arguments: str) -> CardInvalid:
    first, second = card.source(name), next(iter(own.sources.values()))
    return CardInvalid(
        f"The {first} says that {ours}, and the {second} says {theirs}.",
        hint=f"pass {arguments}, or remove the description that is not this model's",
    )


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _written(value: Any) -> str:
    """As an argument is written in Python; texts in double quotes, by which the command line knows them."""
    return f'"{value}"' if isinstance(value, str) else repr(_plain(value))


def _short(values: tuple[Any, ...]) -> str:
    if len(set(values)) == 1:
        values = values[:1]
    shown = ", ".join(f"{value:.4g}" if isinstance(value, float) else str(value) for value in values[:4])
    return f"{shown}, …" if len(values) > 4 else shown


SLACK = 0.01
"""Of a normalisation's range, by which two descriptions of it may differ: quantised models' are rounded."""


def _alike(card: ModelCard, own: ModelCard) -> bool:
    """Whether black and white come out the same."""
    for channel in range(3):
        ends = [
            [(pixel * entry.scale - entry.mean[channel]) / entry.std[channel] for pixel in (0, 255)]
            for entry in (card, own)
        ]
        slack = SLACK * max(abs(high - low) for low, high in ends)
        if any(abs(ours - theirs) > slack for ours, theirs in zip(*ends, strict=True)):
            return False
    return True


def with_field(card: ModelCard, name: str, value: Any, source: str) -> ModelCard:
    """The card with one more field said.

    Raises:
        CardInvalid: the value is impossible.
    """
    sources = MappingProxyType({**card.sources, name: source})
    return replace(card, **{name: checked(name, value, source)}, sources=sources)


def with_conventions(card: ModelCard, match: Match) -> ModelCard:
    """The card completed by what the chosen decoder infers or brings by convention, where nobody said otherwise."""
    for name, value in match.conventions.items():
        if name not in card.sources:
            card = with_field(card, name, value, match.basis.get(name, f"convention: {match.why}"))
    return card
