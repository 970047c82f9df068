"""A network's inputs and outputs: how features become tensors, with the preprocessing of images.

In the legacy mapping of arrays every tensor has five axes, [sequence, batch, channel, height, width]; arrays are
described as [channel] or [channel, height, width] and given one sequence step and one batch entry. Networks with
layers that work along a sequence take their arrays with all five axes, since a caller may give more of either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged, ModelUnsupported
from edgerun_coreml.file.feature_types import ArrayType, Feature, ImageType, Interface
from edgerun_coreml.file.wire import Message
from edgerun_coreml.nn.nodes import emit
from edgerun_coreml.nn.scope import Scope, Unknown
from edgerun_coreml.nn.shapes import check_size
from edgerun_coreml.onnx.graph import Shape, Value
from edgerun_coreml.onnx.translation import Port

SEQUENTIAL: Final = frozenset(
    {"simpleRecurrent", "gru", "uniDirectionalLSTM", "biDirectionalLSTM", "sequenceRepeat", "embedding", "cropResize"}
)
"""Layers for which the legacy axes of sequence and batch are more than ones."""

_KINDS: Final = {"float16": "fp16", "float32": "fp32", "float64": "fp32", "int32": "int32", "int8": "int32"}


def declare_inputs(scope: Scope, interface: Interface, network: Message, *, batch_axis: bool = True) -> list[Port]:
    """Declare the graph's inputs and bind their names; images without their first axis where ``batch_axis`` is False.

    Raises :class:`ModelUnsupported` for scalars and the like.
    """
    legacy = network.arrayInputShapeMapping == "RANK5_ARRAY_MAPPING"
    sequential = legacy and any(_is_sequential(layer) for layer in network.layers)
    ports = []
    for feature in interface.inputs:
        if isinstance(feature.type, ImageType):
            ports.append(_declare_image(scope, feature.name, feature.type, network, batch_axis))
        elif isinstance(feature.type, ArrayType):
            ports.append(_declare_array(scope, feature.name, feature.type, legacy, sequential))
        else:
            kind = type(feature.type).__name__
            raise ModelUnsupported(f"the input {feature.name!r} is neither an image nor an array ({kind})")
    return ports


def _is_sequential(layer: Message) -> bool:
    kind = layer.which("layer")
    return (
        kind in SEQUENTIAL
        or (kind == "concat" and layer.concat.sequenceConcat)
        or (kind == "permute" and bool(layer.permute.axis.size) and int(layer.permute.axis[0]) != 0)
        or (kind == "reshape" and layer.reshape.targetShape.size == 4 and int(layer.reshape.targetShape[0]) != 1)
    )


def _named(shape: Sequence[int | None], name: str) -> Shape:
    return tuple(f"{name}_{axis}" if size is None else size for axis, size in enumerate(shape))


def _declare_image(scope: Scope, name: str, image: ImageType, network: Message, batch_axis: bool) -> Port:
    """An image comes as float32 [1, channels, height, width] with values 0 to 255."""
    flexible = bool(image.sizes) or image.width_range is not None
    size: tuple[int | None, int | None] = (None, None) if flexible else (image.height, image.width)
    shape = (1, image.channels, *size)
    check_size(shape)
    if not flexible and 0 in shape:
        raise ModelDamaged(f"the image {name!r} has no size")
    value = scope.graph.input(name, np.float32, _named(shape, name))
    value = _preprocess(scope, name, image, network, value)
    if network.imageInputShapeMapping == "RANK5_IMAGE_MAPPING":
        full = emit(scope.graph, "Unsqueeze", [value, scope.graph.int64(0)])
        scope.remember_fold(full, value)
        value = full
    elif not batch_axis:
        unbatched = emit(scope.graph, "Squeeze", [value, scope.graph.int64(0)])
        scope.remember_fold(unbatched, value)
        value = unbatched
    scope.bind(name, value)
    return Port(name, name, "fp32", shape)


def _preprocess(scope: Scope, name: str, image: ImageType, network: Message, value: Value) -> Value:
    """Scale and biases, or a mean image; an empty name means the image input."""
    graph = scope.graph
    for item in network.preprocessing:
        if item.featureName not in ("", name):
            continue
        kind = item.which("preprocessor")
        if kind == "scaler":
            scaler = item.scaler
            biases = [scaler.grayBias]
            if image.channels == 3:
                biases = [scaler.redBias, scaler.greenBias, scaler.blueBias]
            if image.color == "bgr":
                biases.reverse()
            scale = scaler.channelScale or 1.0
            if scale != 1.0:
                value = emit(graph, "Mul", [value, graph.scalar(scale, np.float32)])
            if any(biases):
                value = emit(graph, "Add", [value, graph.constant(np.array(biases, np.float32).reshape(-1, 1, 1))])
        elif kind == "meanImage":
            mean = item.meanImage.meanImage
            if mean.size != image.channels * image.height * image.width:
                raise ModelDamaged(f"a mean image of {mean.size} values for the image {name!r}")
            mean = mean.reshape(image.channels, image.height, image.width)
            value = emit(graph, "Sub", [value, graph.constant(mean)])
    return scope.rounded(value)


def array_shape(array: ArrayType) -> tuple[int | None, ...]:
    """The sizes of an array's axes; None where several are allowed."""
    if array.ranges:
        return tuple(r.lower if r.upper == r.lower else None for r in array.ranges)
    several = [shape for shape in (array.shape, *array.shapes) if shape]
    if len({len(shape) for shape in several}) > 1:
        raise ModelUnsupported(f"an array whose number of axes varies: {several}")
    return tuple(sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*several, strict=True))


def _declare_array(scope: Scope, name: str, array: ArrayType, legacy: bool, sequential: bool) -> Port:
    shape, kind, graph = array_shape(array), _KINDS[array.dtype], scope.graph
    check_size(shape)
    if not shape:
        raise ModelUnsupported(f"the input {name!r} is an array of unknown shape")
    if sequential:
        shape = (None, None, *_channels_height_width(name, shape))
    dtype = np.int32 if kind == "int32" else np.float32
    value = graph.cast(graph.input(name, dtype, _named(shape, name)), np.float32)
    if kind == "fp16":
        value = graph.cast(graph.cast(value, np.float16), np.float32)
    if kind == "int32":
        scope.context.whole.add(value.name)
    value = scope.rounded(value)
    if legacy and not sequential:
        axes = [0, *((2, 3) if len(shape) == 1 else ())]
        _channels_height_width(name, shape)
        folded = value if len(shape) == 4 else emit(graph, "Unsqueeze", [value, graph.int64(axes)])
        value = value if len(shape) == 5 else emit(graph, "Unsqueeze", [folded, graph.int64(0)])
        if len(shape) != 5:
            scope.remember_fold(value, folded)
    scope.bind(name, value)
    return Port(name, name, kind, shape)


def _channels_height_width(name: str, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    if len(shape) == 1:
        return (*shape, 1, 1)
    if len(shape) in (3, 4, 5):
        return shape[-3:]
    raise ModelUnsupported(f"the input {name!r} has {len(shape)} axes, which the legacy mapping of arrays leaves open")


def declare_output(scope: Scope, feature: Feature, legacy: bool) -> Port:
    """Declare a graph output: an image as [1, channels, height, width], an array in its described shape if it fits."""
    value = scope.lookup(feature.name)
    kind = "fp32"
    if isinstance(feature.type, ImageType):
        value = scope.fold(value)
    elif isinstance(feature.type, ArrayType):
        kind = _KINDS[feature.type.dtype]
        if legacy:
            value = _described(scope, value, array_shape(feature.type))
    else:
        raise ModelUnsupported(f"the output {feature.name!r} is neither an image nor an array")
    if kind == "int32":
        value = scope.graph.cast(value, np.int32)
    shape = value.shape
    named = None if shape is None else tuple(f"{feature.name}_{i}" if s is None else s for i, s in enumerate(shape))
    output = scope.graph.output(value, feature.name, named)
    return Port(feature.name, output.name, kind, shape)


def _described(scope: Scope, value: Value, shape: tuple[int | None, ...]) -> Value:
    """A legacy tensor in the shape its description gives, if it has as many elements."""
    sizes = [size for size in shape if size is not None]
    dims = value.dims
    if not shape or len(sizes) < len(shape) or dims is None or dims == shape:
        return value
    if int(np.prod(dims, dtype=object)) != int(np.prod(sizes, dtype=object)):
        return value
    return emit(scope.graph, "Reshape", [value, scope.graph.int64(sizes)])


def find_probabilities(scope: Scope, network: Message, interface: Interface) -> Value:
    """The tensor of a classifier's probabilities.

    ``labelProbabilityLayerName`` names it, or its layer; without one it is what the description calls probabilities,
    else the last layer's output.
    """
    wanted = network.labelProbabilityLayerName
    layers = network.layers
    if not layers or not layers[-1].output:
        raise ModelDamaged("a classifier without layers")
    candidates = [wanted, *(layer.output[0] for layer in layers if layer.name == wanted and layer.output)]
    if not wanted:
        candidates = [interface.predicted_probabilities, layers[-1].output[0]]
    for name in candidates:
        value = scope.find(name) if name else None
        if value is not None:
            return value
    raise ModelDamaged(f"the classifier's probabilities {wanted!r} are made by no layer")


__all__ = ["SEQUENTIAL", "Unknown", "array_shape", "declare_inputs", "declare_output", "find_probabilities"]
