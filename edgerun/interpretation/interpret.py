"""From an opened model to how it is fed and read: what is said, what its graph and trial runs show, who decodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edgerun.card import DEFAULT_CONF, DEFAULT_IOU, ModelCard, checked
from edgerun.contract import Arrays, Backend, Decoder, Evidence, Graph, ReadsGraphs, Session, TensorSpec
from edgerun.dialects.readers import label_files
from edgerun.errors import CardInvalid, DecoderUnknown, ModelUnreadable, translated
from edgerun.graphs.preprocessing import InGraphPreprocessing, preprocessing
from edgerun.interpretation import card_fields, decoder_choice, graph_evidence
from edgerun.interpretation.decoder_choice import Choice
from edgerun.media.synthetic import picture as probe_picture
from edgerun.processing import model_inputs, quantization
from edgerun.processing.model_inputs import ImageInput
from edgerun.processing.preprocess import Plan
from edgerun.runtime.opening import Opened

__all__ = ["Interpretation", "interpret", "plan"]

DEFAULT_SIDE = 640
"""Pixels, for models whose input takes any size."""

IMPLIED = "ultralytics metadata"
"""They do not say how a picture is normalised: it goes without saying for that exporter."""


@dataclass(frozen=True)
class Interpretation:
    """How a model is fed and read.

    Attributes:
        card: with the source of each field.
        choice: the decoder, its verdict and those of the others.
        image: the input that takes the picture.
        outputs: with the sizes seen in a run where the file leaves them open.
    """

    card: ModelCard
    choice: Choice
    image: ImageInput
    outputs: Sequence[TensorSpec]


def interpret(opened: Opened, arguments: Mapping[str, Any]) -> Interpretation:
    """Settle a model's card and decoder.

    Args:
        opened: the model on its runtime; trial runs are made on it.
        arguments: card fields that the user gives.

    Raises:
        CardInvalid: what is said of the model contradicts itself or the file.
        DecoderUnknown, DecoderAmbiguous: nobody reads its outputs, or two readings are plausible.
        ModelUnreadable: a trial run failed.
    """
    path, backend, session, registry = opened.file, opened.backend, opened.session, opened.registry
    card = card_fields.gather(path, session.metadata, registry.dialects, arguments)
    image = model_inputs.find(session.inputs, path.name)
    card = _sized(card, image, path)
    graph = _graph_of(backend, path)
    treated = InGraphPreprocessing() if (read := graph()) is None else preprocessing(read, image.spec.name)
    card = _treated(card, treated, path)
    probes: dict[str, Arrays] = {}

    def probe(kind: Literal["blank", "textured"]) -> Arrays:
        if kind not in probes:
            probes[kind] = _probe(kind, path, backend, session, image, card)
        return probes[kind]

    def fed(kind: Literal["blank", "textured"], fields: Mapping[str, Any]) -> Arrays:
        tried = card
        for name, value in fields.items():
            tried = card_fields.with_field(tried, name, value, "trial")
        return _probe(kind, path, backend, session, image, tried)

    outputs: Sequence[TensorSpec] = session.outputs
    if not outputs or not all(spec.static for spec in outputs):
        outputs = _seen(session.outputs, probe("textured"))
    _demand_outputs(card, outputs, path)
    evidence = Evidence(session.inputs, _of_one(outputs, image), image.spec, card, session.metadata, probe, graph, fed)
    choice, card = _chosen(evidence, registry.decoders)
    card = card_fields.with_conventions(card, graph_evidence.with_channel_order(choice.match, treated))
    roles = choice.match.conventions.get("outputs", {})
    if set(card.outputs) < set(roles):  # somebody has named some of them
        card = card_fields.with_field(card, "outputs", {**roles, **card.outputs}, card.source("outputs"))
    said = card.source("suppressed") in decoder_choice.SAID
    if card.suppressed == choice.decoder.suppress and not said:  # metadata may speak of another export
        needs = "leaves suppression to us" if choice.decoder.suppress else "needs no suppression"
        suppressed = not choice.decoder.suppress
        card = card_fields.with_field(card, "suppressed", suppressed, f"inferred: {choice.decoder.name} {needs}")
    _demand_steps(card, image, path)
    source = card.sources.get("decoder", "inferred: " + choice.match.why)
    return Interpretation(card_fields.with_field(card, "decoder", choice.decoder.name, source), choice, image, outputs)


def plan(card: ModelCard, image: ImageInput) -> Plan:
    """How pictures are brought into the input."""
    return Plan(
        height=card.height,
        width=card.width,
        channels_last=image.channels_last,
        spec=image.spec,
        resize=card.resize,
        fill=card.fill,
        color=card.color,
        scale=card.scale,
        mean=card.mean,
        std=card.std,
    )


def _sized(card: ModelCard, image: ImageInput, path: Path) -> ModelCard:
    """The card with the input's size and channels; what the file fixes cannot be overruled."""
    for name, fixed in (("height", image.height), ("width", image.width)):
        said, source = getattr(card, name), card.source(name)
        if fixed is not None:
            if said not in (0, fixed) and source in ("argument", "sidecar"):
                raise CardInvalid(
                    f"The {source} gives {name} = {said}, but the input of {path.name} is fixed at {fixed}.",
                    hint="leave the size out, or export the model with a size that is free",
                )
            otherwise = f"; {source} says {said}" if said not in (0, fixed) else ""
            card = card_fields.with_field(card, name, fixed, f"the file's input{otherwise}")
        elif not said:
            card = card_fields.with_field(card, name, DEFAULT_SIDE, "default: the file takes any size")
    if image.channels == 1 and card.color != "gray":
        if card.source("color") in ("argument", "sidecar"):
            raise CardInvalid(
                f"The {card.source('color')} says color = {card.color}, but {path.name} takes one channel.",
                hint='leave the color out, or say "gray"',
            )
        card = card_fields.with_field(card, "color", "gray", "the file's input")
    if image.channels == 3 and card.color == "gray":
        raise CardInvalid(f"{path.name} takes three channels, not grey pictures.", hint='say color="rgb" or "bgr"')
    return card


FEWEST_STEPS = 16
"""Of an input that stores whole numbers; a picture in fewer is dark."""


def _demand_steps(card: ModelCard, image: ImageInput, path: Path) -> None:
    """Refuse a normalisation that leaves nothing of a picture in an input of whole numbers."""
    if np.dtype(image.spec.dtype).kind not in "iu":
        return
    ends = [(np.full(3, value) * card.scale - card.mean) / card.std for value in (0.0, 255.0)]
    limits = np.iinfo(image.spec.dtype)
    if image.spec.quantization is None:
        if max(end.max() for end in ends) > limits.max:
            raise CardInvalid(
                f"The input of {path.name} is {image.spec.dtype}, which ends at {limits.max}; pixels would go beyond "
                "it.",
                hint="say how they are brought into it: scale=0.5, or mean=128",
            )
        if (least := min(end.min() for end in ends)) < limits.min - 1:
            raise CardInvalid(
                f"The input of {path.name} is {image.spec.dtype}, which begins at {limits.min}; with mean = "
                f"{card.mean} ({card.source('mean')}) pixels would go down to {least:.4g}.",
                hint="say mean=0, std=1, scale=1 where the model takes bytes as they are",
            )
    low, high = (quantization.store(end, image.spec).astype(np.int64) for end in ends)
    if np.abs(high - low).max() < FEWEST_STEPS:
        raise CardInvalid(
            f"With scale = {card.scale:.6g} ({card.source('scale')}) all pixels of a picture become at most "
            f"{np.abs(high - low).max() + 1} of the whole numbers that the input of {path.name} takes.",
            hint="say scale=1 where the model takes bytes as they are",
        )


def _demand_outputs(card: ModelCard, outputs: Sequence[TensorSpec], path: Path) -> None:
    """Refuse a card that speaks of outputs which are not there."""
    names = [spec.name for spec in outputs]
    absent = sorted(set(card.outputs) - set(names))
    if absent:
        raise CardInvalid(
            f"The {card.source('outputs')} speaks of an output {absent[0]}, but {path.name} has none of that name.",
            hint="its outputs are " + ", ".join(names[:20]),
        )


def _graph_of(backend: Backend, path: Path) -> Callable[[], Graph | None]:
    """Reads the graph of a file once, where its backend can; None for what cannot be read."""

    @lru_cache(maxsize=1)
    def read() -> Graph | None:
        try:
            return backend.graph(path) if isinstance(backend, ReadsGraphs) else None
        except ModelUnreadable:  # the runtime has opened it; another form of the format, or an odd file
            return None

    return read


def _treated(card: ModelCard, treated: InGraphPreprocessing, path: Path) -> ModelCard:
    """The card with what the graph does to the picture itself; a picture is not normalised twice."""
    inferred = graph_evidence.fed_as(treated)
    if inferred is None:
        return card
    why = inferred.reason
    for name, value in inferred.fields.items():
        said, source = getattr(card, name), card.source(name)
        told = checked(name, value, "graph")
        known = name in card.sources and source != IMPLIED
        if known and not np.allclose(said, told, rtol=1e-3):
            raise CardInvalid(
                f"The {source} gives {name} = {said}, but in {path.name} {why}, so that it would be done twice.",
                hint=f"leave {name} out, or give {name}={value:.6g}",
            )
        if not known:
            card = card_fields.with_field(card, name, value, f"inferred: {why}")
    return card


def _chosen(evidence: Evidence, known: Sequence[Decoder]) -> tuple[Choice, ModelCard]:
    """The decoder and the card, whose labels lose a background that comes first where only that fits the outputs."""
    card = evidence.card
    try:
        return decoder_choice.choose(evidence, known), card
    except DecoderUnknown as refusal:
        labels = label_files.without_background(card.labels)
        if not labels:
            raise
        card = card_fields.with_field(card, "labels", labels, f"{card.source('labels')}, less the background")
        try:
            return decoder_choice.choose(replace(evidence, card=card), known), card
        except DecoderUnknown:
            raise refusal from None


def _probe(
    kind: Literal["blank", "textured"],
    path: Path,
    backend: Backend,
    session: Session,
    image: ImageInput,
    card: ModelCard,
) -> Arrays:
    """The outputs of a run on a made-up picture, with as much of the card as is known."""
    way = plan(card, image)
    batch = way.new_input(image.batch or 1)
    for slot in batch:
        way.apply(probe_picture(kind, card.height, card.width), slot)
    feeds = {image.spec.name: batch[0] if image.batch == 0 else batch}
    feeds |= model_inputs.auxiliary(session.inputs, image, card, path.name)
    feeds |= model_inputs.thresholds(session.inputs, DEFAULT_CONF, DEFAULT_IOU)
    with translated(
        ModelUnreadable,
        f"{backend.name} opened {path.name}, but a trial run on a {card.width} x {card.height} picture failed",
        hint="give the size it was made for: imgsz=(height, width)",
    ):
        raw = session.run(feeds)
    outputs = quantization.restore(raw, session.outputs)
    if image.batch is not None and image.batch > 1:
        outputs = {name: array[:1] if array.shape[:1] == (image.batch,) else array for name, array in outputs.items()}
    return outputs


def _seen(specs: Sequence[TensorSpec], outputs: Arrays) -> list[TensorSpec]:
    """Outputs with the shapes that a run gave."""
    known = {spec.name: spec for spec in specs}
    return [
        replace(known.get(name, TensorSpec(name, (), str(array.dtype))), shape=tuple(array.shape))
        for name, array in outputs.items()
    ]


def _of_one(specs: Sequence[TensorSpec], image: ImageInput) -> Sequence[TensorSpec]:
    """Outputs as they are for one picture, where the model takes a fixed number of several."""
    if image.batch is None or image.batch < 2:
        return specs
    return [replace(spec, shape=(1, *spec.shape[1:])) if spec.shape[:1] == (image.batch,) else spec for spec in specs]
