"""The choice of a decoder among all that are known, and what it claims of the card."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple, TypeVar

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.contract.convention import Alternatives
from edgerun.decoders import BUILTIN
from edgerun.errors import DecoderAmbiguous, DecoderUnknown, PluginError
from edgerun.heads import finished_rows, table_forms
from edgerun.interpretation import decoder_refusals, graph_evidence
from edgerun.interpretation.card_fields import lay
from edgerun.interpretation.claims import Claim, Standing

__all__ = ["Choice", "choose", "distinct", "named", "observed", "reader"]

OWN = frozenset(map(id, BUILTIN))
"""edgerun's own families, by identity: comparing by value took .87 ms a load, this takes .01."""


class Choice(NamedTuple):
    """The decoder that reads a model, and what the others said.

    Attributes:
        decoder: the one chosen.
        match: its verdict.
        others: (name, verdict) of those that were asked and not chosen.
    """

    decoder: Decoder
    match: Match
    others: Sequence[tuple[str, Match]] = ()

    @property
    def decode(self) -> Callable[[Arrays, Frame], Candidates]:
        """How to read the outputs: bound to what the verdict has seen, else the decoder's own."""
        return reader(self.decoder, self.match)

    @property
    def verdicts(self) -> list[tuple[str, Match]]:
        """(name, verdict) of all that were asked, the chosen one first."""
        return [(self.decoder.name, self.match), *self.others]


def reader(decoder: Decoder, match: Match) -> Callable[[Arrays, Frame], Candidates]:
    """How outputs are read after this verdict."""
    found = match.decode or decoder.decode
    if found is None:
        raise PluginError(f"The decoder {decoder.name} says that outputs are its own, and brings no way to read them.")
    return found


def choose(evidence: Evidence, decoders: Iterable[Decoder]) -> Choice:
    """The decoder that the card names, else the one that is surest of all.

    One that is merely possible is taken where it is alone: its shapes, such as the number of prior boxes of a layout,
    leave no other, and what the family brings besides is shown as a convention. What two claim is refused.

    Raises:
        DecoderUnknown: the named one does not exist or contradicts the outputs, or none matches, or what is said of
            the outputs is not what they show.
        DecoderAmbiguous: two are equally sure, or the one leaves open how images are fed; all hypotheses are named.
    """
    decoders = list(decoders)
    name = evidence.card.decoder
    pick = partial(_inferred, evidence) if name is None else partial(_by_name, name, evidence)
    choice = table_forms.in_any(pick, evidence, decoders)
    choice = choice._replace(match=graph_evidence.with_open_normalisation(choice.match, evidence))
    _refuse_unsettled(choice, evidence)
    try:
        lay(evidence.card, observed(choice))
    except DecoderUnknown as refusal:
        raise _with_evidence(refusal, evidence, choice.verdicts) from None
    return choice


# ------------------------------------------------------------------------------------ which decoder it is


def _inferred(evidence: Evidence, decoders: Sequence[Decoder]) -> Choice:
    """The decoder that is surest of all."""
    verdicts = _asked(evidence, decoders)
    best = max((match.sure for _, match in verdicts), default=Sure.NO)
    if best is Sure.NO:
        _blame_labels(evidence, decoders)
        raise _with_evidence(decoder_refusals.none_reads(evidence, verdicts), evidence, _named(verdicts))
    finalists = distinct([(decoder, match) for decoder, match in verdicts if match.sure == best], evidence)
    if len(finalists) > 1:
        raise _with_evidence(decoder_refusals.several_read(finalists, evidence), evidence, _named(verdicts))
    decoder, match = finalists[0]
    others = [(other, verdict) for other, verdict in verdicts if other is not decoder]
    return Choice(decoder, match, _named(others))


def _asked(evidence: Evidence, decoders: Sequence[Decoder]) -> list[tuple[Decoder, Match]]:
    """The decoders with their verdicts; once a file shows how its outputs are made, of the rest those of plugins alone.

    What the file shows needs no trial run, and families that come later would ask for one to say that it is not theirs.
    """
    verdicts: list[tuple[Decoder, Match]] = []
    shown = False
    for decoder in decoders:
        if shown and id(decoder) in OWN:
            continue
        match = decoder.matches(evidence)
        shown = shown or match.shown
        verdicts.append((decoder, match))
    return verdicts


def _by_name(name: str, evidence: Evidence, decoders: Sequence[Decoder]) -> Choice:
    """The decoder of this name, unless it does not exist or the outputs speak against it."""
    source = evidence.card.source("decoder")
    by_name = {decoder.name: decoder for decoder in decoders}
    if name not in by_name:
        near = ", ".join(get_close_matches(name, by_name, 5, 0.5)) or "none like it"
        unknown = DecoderUnknown(
            f"There is no decoder {name!r}, which the {source} names.",
            hint=f"near it: {near}; all of them: edgerun plugins",
        )
        raise _with_evidence(unknown, evidence, [])
    decoder = by_name[name]
    match = decoder.matches(evidence)
    if match.sure is Sure.NO:
        unknown = DecoderUnknown(
            f"The {source} names the decoder {name}, but the outputs speak against it: {match.why}.",
            hint="leave the decoder out to let it be inferred",
        )
        raise _with_evidence(unknown, evidence, [(name, match)])
    return Choice(decoder, match)


def distinct(finalists: list[tuple[Decoder, Match]], evidence: Evidence) -> list[tuple[Decoder, Match]]:
    """Finalists without those that read and feed the model just as an earlier one: what the card says goes first."""
    kept: list[tuple[Decoder, Match]] = []
    known: list[tuple[object, Mapping[str, Any]]] = []
    for decoder, match in finalists:
        way = reader(decoder, match), _left_to(match, evidence)
        if way not in known:
            known.append(way)
            kept.append((decoder, match))
    return kept


def _left_to(match: Match, evidence: Evidence) -> dict[str, Any]:
    """Conventions of a verdict that would hold, since the card says nothing of them."""
    return {name: value for name, value in match.conventions.items() if not evidence.known(name)}


# ------------------------------------------------------------------------------------------- refusals


def _blame_labels(evidence: Evidence, decoders: Sequence[Decoder]) -> None:
    """Say so where it is the number of labels alone that no hypothesis agrees with."""
    card = evidence.card
    if not card.labels:
        return
    unlabelled = replace(evidence, card=replace(card, labels=()))
    for decoder in decoders:
        match = decoder.matches(unlabelled)
        if match.sure >= Sure.LIKELY:
            raise DecoderUnknown(
                f"The {card.source('labels')} gives {len(card.labels)} labels, but read as {decoder.name} {match.why}.",
                hint="give as many labels as the model has classes",
            )


def _refuse_unsettled(choice: Choice, evidence: Evidence) -> None:
    """Refuse a model of a family with several habits where nothing says which of them it has."""
    open_ = [entries for field, entries in choice.match.alternatives.items() if not evidence.known(field)]
    if not open_:
        return
    kinds = "; ".join(map(_with_authors, open_))
    arguments = ", and ".join(map(_as_arguments, open_))
    several = all(len(entries) > 1 for entries in open_)
    ambiguous = DecoderAmbiguous(
        f"The outputs are {choice.decoder.name}'s ({choice.match.why}), but nothing says how the model is fed or "
        f"counts: {kinds}.",
        hint=f"pass {arguments}; {decoder_refusals.PHOTOS}" if several else f"pass {arguments}",
    )
    raise _with_evidence(ambiguous, evidence, choice.verdicts)


def _with_authors(entries: Alternatives) -> str:
    return " or ".join(f"{entry.arguments} ({entry.who})" for entry in entries)


def _as_arguments(entries: Alternatives) -> str:
    return " or ".join(entry.arguments for entry in entries)


def _named(verdicts: Sequence[tuple[Decoder, Match]]) -> list[tuple[str, Match]]:
    return [(decoder.name, match) for decoder, match in verdicts]


Refusal = TypeVar("Refusal", DecoderUnknown, DecoderAmbiguous)


def _with_evidence(refusal: Refusal, evidence: Evidence, verdicts: Sequence[tuple[str, Match]]) -> Refusal:
    """The refusal with what was looked at and answered, which `inspect` shows."""
    refusal.evidence, refusal.verdicts = evidence, verdicts
    return refusal


# --------------------------------------------------------------------------------- what it claims of the card


def named(choice: Choice) -> Claim:
    """The decoder's name, where nothing else has given it."""
    return Claim(f"inferred: {choice.match.why}", {"decoder": choice.decoder.name}, Standing.CONVENTION)


VISIBLE = ("box_units", "suppressed", "keypoints", "keypoint_dims", "task")
"""Fields that outputs show; how an image is fed shows less surely, and what is said of it is believed."""

LEAVE_OUT = {"suppressed": 'leave suppressed out; nms="class" suppresses all the same'}
"""Hints where a field's own is not "leave … out"."""


def observed(choice: Choice) -> Claim:
    """What the outputs show of fields that may be said otherwise."""
    shown = {
        **_inferred_fields(choice.match),
        **_units(choice),
        **_suppression(choice.decoder),
        **_roles(choice.match),
    }
    return Claim(
        "the outputs",
        {name: value for name, (value, _) in shown.items()},
        Standing.OBSERVED,
        grounds={name: why for name, (_, why) in shown.items()},
        hints={name: LEAVE_OUT.get(name, f"leave {name} out") for name in shown},
    )


Shown = dict[str, tuple[Any, str]]
"""Card field -> its value, and why, as half a sentence."""


def _inferred_fields(match: Match) -> Shown:
    """What the verdict infers of these very outputs, rather than of its family."""
    inferred = {name for name in VISIBLE if match.basis.get(name, "").startswith("inferred")}
    return {name: (match.conventions[name], _why(match, name)) for name in inferred & match.conventions.keys()}


def _units(choice: Choice) -> Shown:
    """The units of boxes, which a family gives even where it does not say so."""
    units = choice.match.conventions.get("box_units", "pixels")
    basis = choice.match.basis.get("box_units", f"{choice.decoder.name} gives {units}")
    if basis.endswith(finished_rows.CHECKED_LATER):
        return {}
    return {"box_units": (units, basis.partition(": ")[2] or basis)}


def _suppression(decoder: Decoder) -> Shown:
    if not decoder.suppress:
        return {}
    why = f"{decoder.name} answers for every cell or query, and leaves suppression to us"
    return {"suppressed": (False, why)}


def _roles(match: Match) -> Shown:
    """What each output holds."""
    roles = match.conventions.get("outputs")
    return {"outputs": (dict(roles), _why(match, "outputs"))} if roles else {}


def _why(match: Match, name: str) -> str:
    return match.basis.get(name, "").removeprefix("inferred: ")
