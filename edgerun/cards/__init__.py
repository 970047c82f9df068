"""Reading a model's card: argument > sidecar > metadata > inference > convention > default, each with its source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edgerun.card import FIELDS, ModelCard, checked
from edgerun.cards import coreml, embedded, huggingface, sidecar, tflite_metadata, ultralytics
from edgerun.contract import Dialect, Match
from edgerun.errors import CardInvalid

__all__ = ["BUILTIN", "Said", "gather", "with_conventions", "with_field"]

BUILTIN: tuple[Dialect, ...] = (
    embedded.DIALECT,
    coreml.DIALECT,
    ultralytics.DIALECT,
    tflite_metadata.DIALECT,
    huggingface.DIALECT,
)
"""Earlier ones win over later ones."""


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
        CardInvalid: somebody says the impossible; the message names who.
    """
    places = [Said("argument", arguments), Said("sidecar", sidecar.read(path))]
    places += [Said(f"{dialect.name} metadata", _heard(dialect, metadata, path)) for dialect in dialects]
    card = ModelCard()
    for place in places:
        for name, value in place.fields.items():
            if name not in FIELDS:
                raise CardInvalid(
                    f"The {place.source} names a field {name}, which no card has.",
                    hint="the fields are " + ", ".join(FIELDS),
                )
            if name not in card.sources:
                card = with_field(card, name, value, place.source)
    return card


def _heard(dialect: Dialect, metadata: Mapping[str, str | bytes], path: Path) -> Mapping[str, Any]:
    try:
        return dialect.read(metadata, path)
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as cause:  # whatever is in it
        raise CardInvalid(
            f"The {dialect.name} metadata of {path.name} is damaged: {cause}.",
            hint="describe the model in a sidecar: edgerun inspect MODEL --write-sidecar",
        ) from cause


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
