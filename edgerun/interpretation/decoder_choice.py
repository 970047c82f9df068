"""The choice of a decoder among all that are known, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TypeVar

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.errors import DecoderAmbiguous, DecoderUnknown, PluginError
from edgerun.heads import finished_rows
from edgerun.interpretation import graph_evidence

__all__ = ["SAID", "Choice", "choose", "distinct", "reader"]

PHOTOS = "photos may tell: edgerun card MODEL --images DIR"


@dataclass(frozen=True, slots=True)
class Choice:
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


def reader(decoder: Decoder, match: Match) -> Callable[[Arrays, Frame], Candidates]:
    """How outputs are read after this verdict."""
    found = match.decode or decoder.decode
    if found is None:
        raise PluginError(f"The decoder {decoder.name} says that outputs are its own, and brings no way to read them.")
    return found


def choose(evidence: Evidence, decoders: Iterable[Decoder]) -> Choice:
    """The decoder that the card names, else the one that is surest of all.

    One that is merely possible is taken where it is alone: its shapes, such as the number of prior boxes of a layout,
    leave nobody else, and what the family brings besides is shown as a convention. What two claim is refused.

    Raises:
        DecoderUnknown: the named one does not exist or contradicts the outputs, or none matches.
        DecoderAmbiguous: two are equally sure, or the one leaves open how the picture is fed; all readings are named.
    """
    decoders = list(decoders)
    wish = evidence.card.decoder
    choice = _inferred(evidence, decoders) if wish is None else _named(wish, evidence, decoders)
    choice = replace(choice, match=graph_evidence.with_open_normalisation(choice.match, evidence))
    _demand_settled(choice, evidence)
    _demand_agreement(choice, evidence)
    return choice


def _inferred(evidence: Evidence, decoders: Sequence[Decoder]) -> Choice:
    verdicts = [(decoder, decoder.matches(evidence)) for decoder in decoders]
    best = max((match.sure for _, match in verdicts), default=Sure.NO)
    seen = "; ".join(map(str, evidence.outputs))
    if best is Sure.NO:
        _blame_labels(evidence, decoders)
        unknown = DecoderUnknown(
            f"No decoder reads these outputs: {seen}.",
            hint="see why with: edgerun inspect MODEL; name one with decoder=, or write a plugin for this family",
        )
        raise _kept(unknown, evidence, verdicts)
    finalists = distinct([(decoder, match) for decoder, match in verdicts if match.sure == best], evidence)
    if len(finalists) > 1:
        readings = " or ".join(f"{decoder.name} ({match.why})" for decoder, match in finalists)
        arguments = " or ".join(f'decoder="{decoder.name}"' for decoder, _ in finalists)
        ambiguous = DecoderAmbiguous(
            f"The outputs {seen} can be read in {len(finalists)} ways: {readings}.", hint=f"pass {arguments}; {PHOTOS}"
        )
        raise _kept(ambiguous, evidence, verdicts)
    decoder, match = finalists[0]
    return Choice(decoder, match, [(other.name, verdict) for other, verdict in verdicts if other is not decoder])


def distinct(finalists: list[tuple[Decoder, Match]], evidence: Evidence) -> list[tuple[Decoder, Match]]:
    """Finalists without those that read and feed the model just as an earlier one: what the card says goes first."""
    kept: list[tuple[Decoder, Match]] = []
    seen: list[tuple[object, dict[str, object]]] = []
    for decoder, match in finalists:
        open_ = {name: value for name, value in match.conventions.items() if not evidence.known(name)}
        reading = (reader(decoder, match), open_)
        if reading not in seen:
            seen.append(reading)
            kept.append((decoder, match))
    return kept


def _demand_settled(choice: Choice, evidence: Evidence) -> None:
    """Refuse a model of a family with several habits where nobody says which of them it has."""
    name, match = choice.decoder.name, choice.match
    readings = [readings for field, readings in match.alternatives.items() if not evidence.known(field)]
    if readings:
        kinds = "; ".join(" or ".join(f"{entry.arguments} ({entry.who})" for entry in reading) for reading in readings)
        arguments = ", and ".join(" or ".join(entry.arguments for entry in reading) for reading in readings)
        ambiguous = DecoderAmbiguous(
            f"The outputs are {name}'s ({match.why}), but nothing says how the model is fed or counts: {kinds}.",
            hint=f"pass {arguments}" + (f"; {PHOTOS}" if all(len(reading) > 1 for reading in readings) else ""),
        )
        ambiguous.evidence, ambiguous.verdicts = evidence, [(name, match), *choice.others]
        raise ambiguous


SAID = ("argument", "sidecar", "edgerun metadata")
"""Who speaks of this very file; exporters' metadata may speak of the model that it was made from."""


def _demand_agreement(choice: Choice, evidence: Evidence) -> None:
    """Refuse a model of which somebody says what its outputs contradict."""
    card, match, name = evidence.card, choice.match, choice.decoder.name
    seen = {
        field: (value, match.basis.get(field, "").removeprefix("inferred: "))
        for field, value in match.conventions.items()
        if match.basis.get(field, "").startswith("inferred") and field in CHECKED
    }
    units = match.conventions.get("box_units", "pixels")
    reason = match.basis.get("box_units", f"{name} gives {units}").partition(": ")
    if not reason[2].endswith(finished_rows.CHECKED_LATER):
        seen["box_units"] = (units, reason[2] or reason[0])
    if choice.decoder.suppress:
        seen["suppressed"] = (False, f"{name} answers for every cell or query, and leaves suppression to us")
    roles = dict(match.conventions.get("outputs", {}))
    clashing = {key: role for key, role in roles.items() if card.outputs.get(key, role) != role}
    if set(card.outputs) < set(roles) and clashing:  # decoders have seen to whole tables themselves
        seen["outputs"] = (roles, match.basis.get("outputs", "").removeprefix("inferred: "))
    for field, (value, why) in seen.items():
        source = card.source(field)
        if evidence.known(field) and getattr(card, field) != value and (field != "suppressed" or source in SAID):
            contradicted = DecoderUnknown(
                f"The {source} says {field} = {getattr(card, field)!r}, but the outputs speak for {value!r}: {why}.",
                hint=f"leave {field} out" + ('; nms="class" suppresses all the same' if field == "suppressed" else ""),
            )
            contradicted.evidence, contradicted.verdicts = evidence, [(name, match), *choice.others]
            raise contradicted


CHECKED = ("box_units", "suppressed", "keypoints", "keypoint_dims", "task")
"""Fields that outputs tell; how a picture is fed can be told less surely, and whoever says it is believed."""


def _blame_labels(evidence: Evidence, decoders: Sequence[Decoder]) -> None:
    """Say so where it is the number of labels alone that no reading agrees with."""
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


def _named(wish: str, evidence: Evidence, decoders: Sequence[Decoder]) -> Choice:
    source = evidence.card.source("decoder")
    decoder = next((entry for entry in decoders if entry.name == wish), None)
    if decoder is None:
        near = ", ".join(get_close_matches(wish, [entry.name for entry in decoders], 5, 0.5)) or "none like it"
        unknown = DecoderUnknown(
            f"The {source} names the decoder {wish}, which nobody brings.",
            hint=f"near it: {near}; all of them: edgerun plugins",
        )
        raise _kept(unknown, evidence, ())
    match = decoder.matches(evidence)
    if match.sure is Sure.NO:
        unknown = DecoderUnknown(
            f"The {source} names the decoder {wish}, but the outputs speak against it: {match.why}.",
            hint="leave the decoder out to let it be inferred",
        )
        raise _kept(unknown, evidence, [(decoder, match)])
    return Choice(decoder, match)


Refusal = TypeVar("Refusal", DecoderUnknown, DecoderAmbiguous)


def _kept(refusal: Refusal, evidence: Evidence, verdicts: Iterable[tuple[Decoder, Match]]) -> Refusal:
    """The refusal with what was seen and said, which `inspect` shows."""
    refusal.evidence, refusal.verdicts = evidence, [(decoder.name, match) for decoder, match in verdicts]
    return refusal
