"""The card, folded once from an ordered list of claims. Contradictions are refused here, and only here.

Each claim is laid upon those before it, by the rule of its standing (`claims.Standing`). The fold depends on nothing
but the list: a prefix of it gives the provisional card by which a decoder is chosen, the whole list the final one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from edgerun.card import FIELDS, ModelCard, checked
from edgerun.contract import Match
from edgerun.errors import CardInvalid
from edgerun.interpretation import contradictions
from edgerun.interpretation.claims import THIS_FILE, USER, Claim, Standing, conventions
from edgerun.interpretation.contradictions import DECISIVE, FEED, NORMALISATION, SIDES

__all__ = ["fold", "lay", "with_conventions"]

IMPLIED = "ultralytics metadata"
"""They do not say how an image is normalised: it goes without saying for that exporter."""


def fold(claims: Iterable[Claim]) -> ModelCard:
    """The card that a list of claims gives, with the source of each field; what no claim gives is default.

    Args:
        claims: the arguments at their head, then the sidecar, metadata, and what the file shows.

    Raises:
        CardInvalid: a claim says the impossible or leaves a field open, or two contradict one another; the message
            names both, the hint the arguments that settle it.
        DecoderUnknown: the outputs contradict what is said.
    """
    claims = list(claims)
    card = _said([claim for claim in claims if claim.standing is Standing.SAID])
    card = _described(card, [claim for claim in claims if claim.standing is Standing.DESCRIBED])
    for claim in claims:
        card = lay(card, claim)
    return card


def lay(card: ModelCard, claim: Claim) -> ModelCard:
    """One claim of what the file shows, or what a decoder brings, upon a card; of what is said, the card as it is.

    Raises:
        CardInvalid, DecoderUnknown: as of `fold`.
    """
    rule = RULES.get(claim.standing)
    if rule is None:
        return card
    for name in claim.fields:
        card = rule(card, claim, name)
    objection = None if claim.limit is None else claim.limit(card)
    if objection is not None:
        raise CardInvalid(objection.message, hint=objection.hint)
    return card


# ------------------------------------------------------------------------------------------- what is said


def _said(claims: Iterable[Claim]) -> ModelCard:
    """What the user says, the first word counting."""
    card = ModelCard()
    for claim in claims:
        card = _with_rest(card, _own_card(claim, claim.fields))
    return card


def _described(card: ModelCard, descriptions: Collection[Claim]) -> ModelCard:
    """The card with what metadata say, the first word counting where it moves no boxes and colours."""
    by_user = frozenset(card.sources)
    settled = set(by_user)
    for claim in descriptions:
        if claim.damage is not None and not by_user.issuperset(FEED):
            raise contradictions.unreadable(claim) from claim.damage
        own = _own_card(claim, claim.given_beside(settled))
        contradictions.refuse_two_descriptions(card, own, settled)
        own = _with_whole_fit(card, _with_whole_normalisation(card, own, settled), claim)
        card = _with_rest(card, own)
        if claim.overrules:
            settled.update(own.sources)
    for claim in descriptions:
        _refuse_left_open(card, claim)
    return card


def _own_card(claim: Claim, fields: Mapping[str, Any]) -> ModelCard:
    """Some fields of a claim, checked, as a card of its own."""
    own = ModelCard()
    for name, value in fields.items():
        if name not in FIELDS:
            raise contradictions.unknown_field(claim, name)
        own = own.with_field(name, value, claim.source)
    return own


def _with_whole_normalisation(card: ModelCard, own: ModelCard, settled: AbstractSet[str]) -> ModelCard:
    """What a description gives, less its normalisation where an earlier one has given any part of that."""
    if card.sources.keys().isdisjoint(NORMALISATION) or not settled.isdisjoint(NORMALISATION):
        return own
    return _without(own, NORMALISATION)


def _with_whole_fit(card: ModelCard, own: ModelCard, claim: Claim) -> ModelCard:
    """What a description gives, less what an earlier word on another fit or on the input's size makes void."""
    if "resize" in card.sources and card.resize != claim.fields.get("resize", own.resize):
        return _without(own, (*SIDES, "crop"))
    if not card.sources.keys().isdisjoint(("height", "width")):
        return _without(own, SIDES)
    return own


def _without(own: ModelCard, names: Iterable[str]) -> ModelCard:
    """A card that says nothing of these fields."""
    sources = dict(own.sources)
    for name in names:
        sources.pop(name, None)
    return replace(own, sources=MappingProxyType(sources))


def _with_rest(card: ModelCard, own: ModelCard) -> ModelCard:
    """The card, completed by another where nothing gave a field; where both did and differ, the source tells."""
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
    if name in (*DECISIVE, *NORMALISATION):
        return False
    first_source = card.source(name).partition(";")[0]
    return first_source.endswith("metadata") and getattr(own, name) != getattr(card, name)


def _refuse_left_open(card: ModelCard, claim: Claim) -> None:
    for name, value in claim.left_open.items():
        if name not in card.sources:
            raise contradictions.left_open(claim, value)


# ----------------------------------------------------------- what the file shows, and what a decoder brings


def _taken(card: ModelCard, claim: Claim, name: str) -> ModelCard:
    """The claim's value, whatever was said."""
    return card.with_field(name, claim.fields[name], claim.source_of(name))


def _fixed(card: ModelCard, claim: Claim, name: str) -> ModelCard:
    """The file's value. Metadata yield to it, and the source shows it."""
    value, said = claim.fields[name], getattr(card, name)
    if name not in card.sources or said == value:
        return _taken(card, claim, name)
    if card.source(name) in USER:
        raise contradictions.against_file(card, claim, name)
    return card.with_field(name, value, f"{claim.source_of(name)}; {card.source(name)} says {said}")


def _in_graph(card: ModelCard, claim: Claim, name: str) -> ModelCard:
    """What is said must be what the graph takes; what goes without saying yields to it."""
    if card.source(name) in ("default", IMPLIED):
        return _taken(card, claim, name)
    if not np.allclose(getattr(card, name), checked(name, claim.fields[name], "graph"), rtol=1e-3):
        raise contradictions.against_file(card, claim, name)
    return card


def _observed(card: ModelCard, claim: Claim, name: str) -> ModelCard:
    """The card as it is, where the outputs do not contradict it."""
    if name in card.sources and _contradicts(card, name, claim.fields[name]):
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


def _convention(card: ModelCard, claim: Claim, name: str) -> ModelCard:
    """Only what nothing else gives; a table of outputs that is said in part is completed."""
    if name not in card.sources:
        return _taken(card, claim, name)
    value = claim.fields[name]
    if name == "outputs" and card.outputs.keys() < value.keys():
        return card.with_field(name, {**value, **card.outputs}, card.source(name))
    return card


def _needed(card: ModelCard, claim: Claim, name: str) -> ModelCard:
    """The decoder's value, unless it holds anyway or another is said of this very file."""
    if getattr(card, name) == claim.fields[name] or card.source(name) in THIS_FILE:
        return card
    return _taken(card, claim, name)


Rule = Callable[[ModelCard, Claim, str], ModelCard]

RULES: Mapping[Standing, Rule] = {
    Standing.FIXED: _fixed,
    Standing.IN_GRAPH: _in_graph,
    Standing.OBSERVED: _observed,
    Standing.CONVENTION: _convention,
    Standing.NEEDED: _needed,
    Standing.CORRECTED: _taken,
}
"""How a field of a claim is laid upon a card. What is said goes before all of these, whatever its place in the list."""


# ---------------------------------------------------------------------------------------- one step alone


def with_conventions(card: ModelCard, match: Match) -> ModelCard:
    """The card completed by what a decoder infers or brings by convention, where nothing says otherwise."""
    return lay(card, conventions(match))
