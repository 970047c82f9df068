"""The operators of a file as edgerun's graph: what stands in it, read and not translated."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from edgerun.contract import Graph
from edgerun_coreml import mil, nn
from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.facts import input_spec, output_spec
from edgerun_coreml.file.description import Metadata, describe
from edgerun_coreml.file.feature_types import Interface
from edgerun_coreml.file.nodes import Listing, attributes_of
from edgerun_coreml.file.package import ModelFile
from edgerun_coreml.file.wire import Message
from edgerun_coreml.running.pipeline import MAX_STAGES, NETWORKS, PIPELINES, Weights, interface_of

TOOLS: Final = "com.github.apple.coremltools."
"""Before the keys that coremltools writes into a model's metadata."""


def list_operators(file: ModelFile) -> Graph:
    """The graph of the function that `open` would compute. Raises :class:`ModelDamaged`."""
    description = describe(file.spec)
    interface = interface_of(file.spec, "")
    listing = Listing()
    _list_model(file.spec, file.weights, listing)
    _know_features(listing, interface, len(description.labels))
    return Graph(
        nodes=tuple(listing.nodes),
        inputs=tuple(feature.name for feature in interface.inputs),
        outputs=tuple(feature.name for feature in interface.outputs),
        values=MappingProxyType(listing.values),
        constants=MappingProxyType(listing.constants),
        producer=_producer(description.metadata),
        opset=", ".join(listing.opsets),
    )


def _list_model(spec: Message, weights: Weights, into: Listing) -> None:
    kind = spec.which("Type")
    if not kind:
        raise ModelDamaged(f"the member {into.member!r} of the pipeline holds no model")
    if kind in PIPELINES:
        _list_pipeline(getattr(spec, kind), weights, into)
        return
    interface = interface_of(spec, "")
    if kind == "mlProgram":
        mil.list_program(spec, weights, into)
        return
    into.of_opset(f"specification {spec.specificationVersion}")
    if kind in NETWORKS:
        nn.list_network(spec, interface, into)
        return
    model: Message = getattr(spec, kind)
    inputs, outputs = (tuple(item.name for item in side) for side in (interface.inputs, interface.outputs))
    into.add(kind, kind, inputs, outputs, attributes_of(model))


def _list_pipeline(pipeline: Message, weights: Weights, into: Listing) -> None:
    models, names = (pipeline.pipeline if pipeline.type_name != "Pipeline" else pipeline), []
    if len(models.models) > MAX_STAGES:
        raise ModelDamaged(f"a pipeline of {len(models.models)} models")
    for number, model in enumerate(models.models):
        name = models.names[number] if number < len(models.names) else ""
        name = name if name and name not in names else str(number)
        names.append(name)
        interface = interface_of(model, "")
        features = frozenset(feature.name for feature in (*interface.inputs, *interface.outputs))
        member = Listing(into.nodes, into.values, into.constants, into.opsets, into.placed(name), features)
        _list_model(model, weights, member)
        _know_features(member, interface, 0)


def _know_features(listing: Listing, interface: Interface, labels: int) -> None:
    specs = [input_spec(item) for item in interface.inputs]
    specs += [output_spec(item, labels) for item in interface.outputs]
    for spec in specs:
        if spec is not None:
            listing.values.setdefault(spec.name, spec)


def _producer(metadata: Metadata) -> str:
    """As much as is there of "coremltools 9.0 (torch==2.13.0)"."""
    version, source = (metadata.user.get(TOOLS + key, "") for key in ("version", "source"))
    return f"coremltools {version}" + (f" ({source})" if source else "") if version else ""
