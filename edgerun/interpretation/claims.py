"""Claims: what one place says of a model or shows of it. `card_fields.fold` makes a card of a list of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from edgerun.card import ModelCard, sidecar
from edgerun.contract import Decoder, Dialect, Match, Unsettled

__all__ = [
    "THIS_FILE",
    "Claim",
    "Limit",
    "Objection",
    "Standing",
    "conventions",
    "described",
    "need",
    "said",
    "stated",
]

THIS_FILE = ("argument", "sidecar", "edgerun metadata")
"""Sources that speak of this very file; exporters' metadata may speak of the model that it was made from."""

USER = ("argument", "sidecar")
"""Sources by which the user speaks."""


class Standing(Enum):
    """How a claim stands to those before it in the list."""

    SAID = auto()
    """By the user. The first word counts."""
    DESCRIBED = auto()
    """By an exporter's metadata. The first word counts; two that contradict one another are refused."""
    FIXED = auto()
    """By the file itself. Metadata yield to it; an argument or a sidecar that contradicts it is refused."""
    IN_GRAPH = auto()
    """By what the graph does to an image. An earlier claim that contradicts it is refused."""
    OBSERVED = auto()
    """In the outputs. Settles nothing; an earlier claim that contradicts it is refused."""
    CONVENTION = auto()
    """Holds where nothing else is said."""
    NEEDED = auto()
    """By the chosen decoder. Replaces what is not said of this very file."""
    CORRECTED = auto()
    """Replaces what was said."""


class Objection(NamedTuple):
    """Why a card cannot hold: the sentence of a refusal, and its next step."""

    message: str
    hint: str


Limit = Callable[[ModelCard], Objection | None]
"""What speaks against a whole card; None where nothing does."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one place says of a model or shows of it.

    Attributes:
        source: "argument", "sidecar", "… metadata", "the file's input" …
        fields: card field -> value, not yet checked.
        standing: how it stands to earlier claims.
        sources: field -> its source, for those that have one of their own.
        grounds: field -> what is the case, as half a sentence, for the refusal of a claim that says otherwise.
        hints: field -> the next step after that refusal.
        overrules: whether no later description can contradict it.
        model: name of the file that it is read for, as messages name it.
        damage: why it could not be read; None where it could.
        limit: what speaks against the whole card, looked at in this claim's place of the list.
    """

    source: str
    fields: Mapping[str, Any]
    standing: Standing
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    grounds: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    hints: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    overrules: bool = False
    model: str = ""
    damage: Exception | None = None
    limit: Limit | None = None

    def source_of(self, name: str) -> str:
        """Where the value of a field comes from."""
        return self.sources.get(name, self.source)

    @property
    def left_open(self) -> dict[str, Unsettled]:
        """Fields that are written down, but can be read in several ways."""
        return {name: value for name, value in self.fields.items() if isinstance(value, Unsettled)}

    def given_beside(self, settled: Collection[str]) -> dict[str, Any]:
        """Fields that can be read in one way, without those that are settled already."""
        return {name: self.fields[name] for name in self.fields if name not in {*settled, *self.left_open}}


# ------------------------------------------------------------------------------------------- what is said


def stated(
    path: Path, metadata: Mapping[str, str | bytes], dialects: Iterable[Dialect], arguments: Mapping[str, Any]
) -> list[Claim]:
    """All that is said of a model: the arguments, the sidecar, then one claim per dialect in their order.

    Raises:
        CardInvalid: the sidecar cannot be read.
    """
    return [
        said("argument", arguments),
        said("sidecar", sidecar.read(path)),
        *(described(dialect, metadata, path) for dialect in dialects),
    ]


def said(source: str, fields: Mapping[str, Any]) -> Claim:
    """What the user says, as arguments or in a sidecar."""
    return Claim(source, fields, Standing.SAID)


UNREADABLE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError, OSError)
"""What a dialect raises at damaged metadata."""


def described(dialect: Dialect, metadata: Mapping[str, str | bytes], path: Path) -> Claim:
    """What a dialect reads in a file's metadata and beside the file, or that it cannot."""
    source = f"{dialect.name} metadata"
    try:
        fields = dialect.read(metadata, path)
    except UNREADABLE as damage:
        return Claim(source, {}, Standing.DESCRIBED, model=path.name, damage=damage)
    return Claim(source, fields, Standing.DESCRIBED, model=path.name, overrules=dialect.overrules)


# ------------------------------------------------------------------------------------ what a decoder brings


def conventions(match: Match) -> Claim:
    """What a decoder's verdict infers, or brings by convention."""
    return Claim(f"convention: {match.why}", match.conventions, Standing.CONVENTION, sources=match.basis)


def need(decoder: Decoder) -> Claim:
    """Whether the outputs that a decoder reads are suppressed already; metadata may speak of another export."""
    why = "leaves suppression to us" if decoder.suppress else "needs no suppression"
    return Claim(f"inferred: {decoder.name} {why}", {"suppressed": not decoder.suppress}, Standing.NEEDED)
