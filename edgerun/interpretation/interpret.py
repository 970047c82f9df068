"""From an opened model to how it is fed and read: the list of claims, in the order in which they count.

argument, sidecar, metadata; the file's input, its graph, its outputs; the decoder's conventions; then what is default.
`claims.Standing` says which of them yields to an earlier or a later one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from edgerun.card import ModelCard
from edgerun.card.labels import without_background
from edgerun.contract import Decoder, Evidence, Graph, TensorSpec
from edgerun.errors import DecoderUnknown
from edgerun.graphs.preprocessing import InGraphPreprocessing, preprocessing
from edgerun.interpretation import decoder_choice, file_input, free_sizes, graph_evidence, mean_order
from edgerun.interpretation.card_fields import fold
from edgerun.interpretation.claims import Claim, Standing, conventions, need, stated
from edgerun.interpretation.decoder_choice import Choice
from edgerun.interpretation.trial_runs import TrialRuns, read_graph
from edgerun.processing import model_inputs
from edgerun.processing.model_inputs import ImageInput
from edgerun.runtime.opening import Opened

__all__ = ["Interpretation", "interpret"]


class Interpretation(NamedTuple):
    """How a model is fed and read.

    Attributes:
        card: with the source of each field.
        choice: the decoder, its verdict and those of the others.
        image: the input that takes the image.
        outputs: with the sizes seen in a run where the file leaves them open.
    """

    card: ModelCard
    choice: Choice
    image: ImageInput
    outputs: Sequence[TensorSpec]


def interpret(opened: Opened, arguments: Mapping[str, Any]) -> Interpretation:
    """Find out a model's card and decoder.

    Args:
        opened: the model on its runtime; trial runs are made on it.
        arguments: card fields that the user gives.

    Raises:
        CardInvalid: what is said of the model contradicts itself or the file.
        DecoderUnknown, DecoderAmbiguous: no decoder reads its outputs, or two are plausible.
        ModelUnreadable: a trial run failed.
    """
    graph = read_graph(opened)
    try:
        return _interpreted(opened, arguments, graph)
    except DecoderUnknown as refusal:
        if not free_sizes.is_stand_in(refusal) or not free_sizes.free(opened, graph):
            raise
        return _interpreted(opened, arguments, graph)


def _interpreted(opened: Opened, arguments: Mapping[str, Any], graph: Graph | None) -> Interpretation:
    """The same, with the sizes that the session gives, unless the user says another that it can be opened for."""
    path, session, registry = opened.file, opened.session, opened.registry
    model = path.name
    said = stated(path, session.metadata, registry.dialects, arguments)
    file_input.refuse_what_cannot_run(session.inputs, session.outputs, fold(said).inputs, model)
    image = model_inputs.find(session.inputs, model)
    if free_sizes.wants_another(fold(said), image) and free_sizes.free(opened, graph):
        image = model_inputs.find(session.inputs, model)
    in_graph = InGraphPreprocessing() if graph is None else preprocessing(graph, image.spec.name)
    claims = [
        *said,
        file_input.fixed(image, model),
        file_input.open_sizes(),
        graph_evidence.claim(in_graph, model),
        mean_order.color_claim(in_graph),
        file_input.bytes_as_they_are(image),
    ]
    runs = TrialRuns(opened, image, fold(claims), opened.trials)
    claims.append(file_input.names_of_outputs(runs.outputs, model))
    evidence = Evidence(
        inputs=session.inputs,
        outputs=runs.outputs_of_one,
        image=image.spec,
        card=fold(claims),
        metadata=session.metadata,
        probe=runs.probe,
        graph=lambda: graph,
        fed=runs.fed,
    )
    choice, claims = _chosen(evidence, registry.decoders, claims)
    claims += [
        decoder_choice.observed(choice),
        conventions(graph_evidence.with_channel_order(choice.match, in_graph)),
        need(choice.decoder),
        file_input.steps(image, model),
        decoder_choice.named(choice),
    ]
    return Interpretation(fold(claims), choice, image, runs.outputs)


def _chosen(evidence: Evidence, decoders: Sequence[Decoder], claims: list[Claim]) -> tuple[Choice, list[Claim]]:
    """The decoder, and the claims with labels that lose a background in front where only that fits the outputs."""
    try:
        return decoder_choice.choose(evidence, decoders), claims
    except DecoderUnknown as refusal:
        labels = without_background(evidence.card.labels)
        if not labels:
            raise
        source = f"{evidence.card.source('labels')}, less the background"
        corrected = [*claims, Claim(source, {"labels": labels}, Standing.CORRECTED)]
        try:
            return decoder_choice.choose(replace(evidence, card=fold(corrected)), decoders), corrected
        except DecoderUnknown:
            raise refusal from None
