"""The layers of a NeuralNetwork as nodes of edgerun's graph."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.feature_types import ImageType, Interface
from edgerun_coreml.file.nodes import Listing, attributes_of
from edgerun_coreml.file.wire import Message
from edgerun_coreml.nn.inner_networks import networks_in
from edgerun_coreml.nn.weights import given


def list_network(spec: Message, interface: Interface, into: Listing) -> None:
    """Add the layers, those of branches and loops after the one that holds them; preprocessing comes first.

    A node's inputs are the layer's own, then its weights as "layer.weights", flat. An activation is called after its
    function, too: "activation.sigmoid". Raises :class:`ModelDamaged`.
    """
    network: Message = getattr(spec, spec.which("Type"))
    renamed = _list_preprocessing(network, interface, into)
    _list_layers(network, into, renamed)


def _list_preprocessing(network: Message, interface: Interface, into: Listing) -> dict[str, str]:
    """What is done to images becomes nodes "scaler" and "meanImage"; answers what the layers read instead."""
    renamed: dict[str, str] = {}
    for feature in interface.inputs:
        if not isinstance(feature.type, ImageType):
            continue
        for number, item in enumerate(network.preprocessing):
            kind = item.which("preprocessor")
            if item.featureName not in ("", feature.name) or not kind:
                continue
            before = renamed.get(feature.name, feature.name)
            after = f"{feature.name}.{kind}.{number}"
            inputs = [before]
            if kind == "meanImage":
                inputs.append(f"{after}.mean")
                into.hold(inputs[-1], np.asarray(item.meanImage.meanImage))
            into.add(kind, after, inputs, [after], attributes_of(getattr(item, kind)))
            renamed[feature.name] = after
    return renamed


def _list_layers(network: Message, into: Listing, renamed: dict[str, str]) -> None:
    for layer in network.layers:
        kind = layer.which("layer")
        params: Message | None = getattr(layer, kind) if kind else None
        inputs = [renamed.get(name, name) for name in layer.input]
        if params is not None:
            inputs += _hold_weights(params, layer.name or kind, into)
        attributes = attributes_of(params) if params is not None else {}
        function = attributes.get("NonlinearityType", "") if kind == "activation" else ""
        op = f"{kind}.{function}" if function else kind or "unknown"
        into.add(op, layer.name, inputs, layer.output, attributes)
        for names, tensors in ((layer.input, layer.inputTensor), (layer.output, layer.outputTensor)):
            for name, tensor in zip(names, tensors, strict=False):
                _know(name, tensor, into)
        for name in layer.output:
            renamed.pop(name, None)
        for inner in networks_in(layer):
            _list_layers(inner, into, renamed)


def _know(name: str, tensor: Message, into: Listing) -> None:
    sizes: list[int] = [int(size) for size in tensor.dimValue]
    if len(sizes) == tensor.rank:
        into.know(name, tuple(size if size >= 0 else None for size in sizes))


def _hold_weights(params: Message, name: str, into: Listing) -> list[str]:
    held = []
    for place, message in _weights(params, name):
        held.append(place)
        kind, count = _stored(message, place)
        if kind == "float32":
            into.hold(place, np.asarray(message.floatValue))
        elif kind == "float16":
            into.hold(place, np.frombuffer(message.float16Value, "<f2"))
        else:
            into.know(place, (count,), kind)
    return held


def _weights(params: Message, name: str) -> Iterator[tuple[str, Message]]:
    """Every message ``WeightParams`` that holds values, with its place."""
    for item, value in params.items():
        if item.kind != "message":
            continue
        several = value if item.repeated else [value]
        for number, message in enumerate(several):
            place = f"{name}.{item.name}" + (f".{number}" if item.repeated else "")
            if message.type_name == "WeightParams":
                if given(message):
                    yield place, message
            elif message.type_name != "NeuralNetwork":
                yield from _weights(message, place)


def _stored(message: Message, place: str) -> tuple[str, int]:
    """The name in numpy of the stored type, and the number of values."""
    if message.floatValue.size:
        return "float32", int(message.floatValue.size)
    if len(message.float16Value):
        if len(message.float16Value) % 2:
            raise ModelDamaged(f"{place}: not a whole number of fp16 values")
        return "float16", len(message.float16Value) // 2
    if len(message.int8RawValue):
        return "int8", len(message.int8RawValue)
    bits = message.quantization.numberOfBits
    if not 1 <= bits <= 8:
        raise ModelDamaged(f"{place}: quantized to {bits} bits")
    return "uint8", len(message.rawValue) * 8 // bits
