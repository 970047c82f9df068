"""The card, folded once from an ordered list of claims. Contradictions are refused here, and only here.

Each claim is laid upon those before it, by the rule of its standing (`claims.Standing`). The fold depends on nothing
but the list: a prefix of it gives the provisional card by which a decoder is chosen, the whole list the final one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from edgerun.card import FIELDS, ModelCard, checked
from edgerun.contract import Match, Unsettled
from edgerun.errors import CardInvalid
from edgerun.interpretation import contradictions
from edgerun.interpretation.claims import THIS_FILE, USER, Claim, Standing, conventions
from edgerun.interpretation.contradictions import DECISIVE, FEED, NORMALISATION

__all__ = ["fold", "refuse_what_outputs_contradict", "with_conventions", "with_field"]

IMPLIED = "ultralytics metadata"
"""They do not say how an image is normalised: it goes without saying for that exporter."""


def fold(claims: Iterable[Claim]) -> ModelCard:
    """The card that a list of claims gives, with the source of each field; what no claim gives is default.

    Args:
        claims: what is said first, the arguments at its head; then what the file shows.

    Raises:
        CardInvalid: a claim says the impossible or leaves a field open, or two contradict one another; the message
            names who, the hint the arguments that settle it.
        DecoderUnknown: the outputs contradict what is said.
    """
    claims = list(claims)
    card = _said(_of(claims, Standing.SAID))
    card = _described(card, _of(claims, Standing.DESCRIBED))
    for claim in claims:
        if claim.standing in RULES:
            card = RULES[claim.standing](card, claim)
            _refuse_beyond_limit(card, claim)
    return card


def _of(claims: Sequence[Claim], standing: Standing) -> list[Claim]:
    return [claim for claim in claims if claim.standing is standing]


# ------------------------------------------------------------------------------------------- what is said


def _said(claims: Iterable[Claim]) -> ModelCard:
    """What the user says, the first word counting."""
    card = ModelCard()
    for claim in claims:
        card = _with_rest(card, _own_card(claim.source, claim.fields, claim))
    return card


def _described(card: ModelCard, descriptions: Iterable[Claim]) -> ModelCard:
    """The card with what metadata say, the first word counting where it moves no boxes and colours."""
    by_user = frozenset(card.sources)
    settled = set(by_user)
    open_: dict[str, tuple[Claim, Unsettled]] = {}
    for claim in descriptions:
        if claim.damage is not None and not by_user.issuperset(FEED):
            raise contradictions.unreadable(claim) from claim.damage
        plain: dict[str, Any] = {}
        for name, value in claim.fields.items():
            if isinstance(value, Unsettled):
                open_[name] = claim, value
            elif name not in settled:
                plain[name] = value
        own = _own_card(claim.source, plain, claim)
        contradictions.refuse_two_descriptions(card, own, settled)
        if not card.sources.keys().isdisjoint(NORMALISATION) and settled.isdisjoint(NORMALISATION):
            own = _without(own, NORMALISATION)
        card = _with_rest(card, own)
        if claim.overrules:
            settled.update(own.sources)
    for name, (claim, value) in open_.items():
        if name not in card.sources:
            raise contradictions.left_open(claim, value)
    return card


def _own_card(source: str, fields: Mapping[str, Any], claim: Claim) -> ModelCard:
    """What one claim says, checked, as a card of its own."""
    own = ModelCard()
    for name, value in fields.items():
        if name not in FIELDS:
            raise contradictions.unknown_field(claim, name)
        own = own.with_field(name, value, source)
    return own


def _with_rest(card: ModelCard, own: ModelCard) -> ModelCard:
    """The card, completed by another where nobody said a field; where both did and differ, the source tells."""
    sources = dict(card.sources)
    taken = {}
    for name, source in own.sources.items():
        if name not in sources:
            taken[name], sources[name] = getattr(own, name), source
        elif _differs_in_passing(card, own, name):
            sources[name] += f"; {source} says otherwise"
    return replace(card, **taken, sources=MappingProxyType(sources))


def _differs_in_passing(card: ModelCard, own: ModelCard, name: str) -> bool:
    """Whether two descriptions differ in a field that moves neither boxes nor colours."""
    if name in DECISIVE or name in NORMALISATION:
        return False
    first_source = card.source(name).partition(";")[0]
    return first_source.endswith("metadata") and getattr(own, name) != getattr(card, name)


def _without(own: ModelCard, names: Iterable[str]) -> ModelCard:
    sources = dict(own.sources)
    for name in names:
        sources.pop(name, None)
    return replace(own, sources=MappingProxyType(sources))


# ----------------------------------------------------------------------------------- what the file shows


def _fixed(card: ModelCard, claim: Claim) -> ModelCard:
    """Metadata yield to the file, and the source shows it."""
    for name, value in claim.fields.items():
        said, source = getattr(card, name), claim.source_of(name)
        if name in card.sources and said != value:
            if card.source(name) in USER:
                raise contradictions.against_file(card, claim, name)
            source = f"{source}; {card.source(name)} says {said}"
        card = card.with_field(name, value, source)
    return card


def _in_graph(card: ModelCard, claim: Claim) -> ModelCard:
    """What is said must be what the graph does; what goes without saying yields to it."""
    for name, value in claim.fields.items():
        if name not in card.sources or card.source(name) == IMPLIED:
            card = card.with_field(name, value, claim.source_of(name))
        elif not np.allclose(getattr(card, name), checked(name, value, "graph"), rtol=1e-3):
            raise contradictions.against_file(card, claim, name)
    return card


def refuse_what_outputs_contradict(card: ModelCard, claim: Claim) -> ModelCard:
    """The card, where the outputs do not contradict it.

    Raises:
        DecoderUnknown: they do.
    """
    for name, value in claim.fields.items():
        if name in card.sources and _contradicts(card, name, value):
            raise contradictions.against_outputs(card, claim, name)
    return card


def _contradicts(card: ModelCard, name: str, observed: Any) -> bool:
    """Whether a field is said, and said of this very export, that outputs show to be another."""
    if name == "outputs":  # whole tables are looked at by the decoders themselves
        partial = card.outputs.keys() < observed.keys()
        return partial and not card.outputs.items() <= observed.items()
    if name == "suppressed" and card.source(name) not in THIS_FILE:
        return False
    return bool(getattr(card, name) != observed)


# ------------------------------------------------------------------------------------ what a decoder brings


def _yielding(card: ModelCard, claim: Claim) -> ModelCard:
    """Fields that nothing else gives; a table of outputs that somebody has begun is completed."""
    for name, value in claim.fields.items():
        if name not in card.sources:
            card = card.with_field(name, value, claim.source_of(name))
        elif name == "outputs" and card.outputs.keys() < value.keys():
            card = card.with_field(name, {**value, **card.outputs}, card.source(name))
    return card


def _needed(card: ModelCard, claim: Claim) -> ModelCard:
    for name, value in claim.fields.items():
        if getattr(card, name) != value and card.source(name) not in THIS_FILE:
            card = card.with_field(name, value, claim.source_of(name))
    return card


def _corrected(card: ModelCard, claim: Claim) -> ModelCard:
    for name, value in claim.fields.items():
        card = card.with_field(name, value, claim.source_of(name))
    return card


RULES: Mapping[Standing, Callable[[ModelCard, Claim], ModelCard]] = {
    Standing.FIXED: _fixed,
    Standing.IN_GRAPH: _in_graph,
    Standing.OBSERVED: refuse_what_outputs_contradict,
    Standing.CONVENTION: _yielding,
    Standing.NEEDED: _needed,
    Standing.CORRECTED: _corrected,
}
"""How a claim of what the file shows is laid upon a card; what is said goes before all of them."""


def _refuse_beyond_limit(card: ModelCard, claim: Claim) -> None:
    objection = None if claim.limit is None else claim.limit(card)
    if objection is not None:
        raise CardInvalid(objection.message, hint=objection.hint)


# ---------------------------------------------------------------------------------------- one step alone


def with_conventions(card: ModelCard, match: Match) -> ModelCard:
    """The card completed by what a decoder infers or brings by convention, where nobody said otherwise."""
    return _yielding(card, conventions(match))


def with_field(card: ModelCard, name: str, value: Any, source: str) -> ModelCard:
    """`ModelCard.with_field` under its earlier name."""
    return card.with_field(name, value, source)
