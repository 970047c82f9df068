"""In-graph preprocessing: what a graph does to an image before it looks at it, followed operator by operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from edgerun.contract import Graph, Node
from edgerun.graphs.pixel_change import InGraphPreprocessing, NetworkBegins, change, demand
from edgerun.graphs.stored import linear_parameters, range_held
from edgerun.graphs.view import CONCAT, MAX_DEPTH, PASS_THROUGH, GraphView, kind, spelling
from edgerun.tensors import AnyArray, TensorSpec

__all__ = ["InGraphPreprocessing", "preprocessing"]


class _Step(NamedTuple):
    """What one operator, or several that belong together, do, and the value that they leave."""

    change: InGraphPreprocessing
    output: str


def preprocessing(graph: Graph, image: str) -> InGraphPreprocessing:
    """What is done to the input of this name, up to the first operator that mixes its values."""
    view = GraphView.of(graph)
    found, value = InGraphPreprocessing(), image
    with suppress(NetworkBegins):
        for _ in range(MAX_DEPTH):
            step = _step(view, value)
            found, value = found.then(step.change), step.output
    return replace(found, closed_by=view.closed_reader(value), parts_changed_by=view.partial_writer(value))


def _step(view: GraphView, value: str) -> _Step:
    """The next step from a value; raises `NetworkBegins` where there is none, or several read it."""
    node = view.only_reader(value)
    if kind(node) == "split":
        return _channelwise(view, node)
    demand(kind(node) in OPERATORS)
    return _Step(OPERATORS[kind(node)](view, node, value), node.outputs[0])


# ---------------------------------------------------------------------------------------------- single operators


def _unchanged(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    return InGraphPreprocessing()


def _cast(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """Another type; what is quantised besides keeps its meaning, unless it is the input that is stored so."""
    name = spelling(node)
    spec = linear_parameters(node, view.constant)
    if name == "quantize":
        spec = view.graph.values.get(node.outputs[0])
    if name in ("quantize", "quantizelinear") and spec is not None:
        return replace(InGraphPreprocessing(), holds=range_held(spec))
    if name == "dequantizelinear" and not view.passes(value, "quantizelinear"):
        return _dequantized(spec)
    return InGraphPreprocessing()


def _dequantized(spec: TensorSpec | None) -> InGraphPreprocessing:
    """An input of whole numbers becomes real ones."""
    demand(spec is not None)
    assert spec is not None and spec.quantization is not None  # noqa: PT018
    scale, zero = np.array(spec.quantization.scale), np.array(spec.quantization.zero_point)
    demand(scale.size in (1, 3))
    return replace(_line(scale, -zero * scale), stored=spec.dtype)


def _arithmetic(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """A value and a constant, added or multiplied; the value must be what is divided, or taken off from."""
    value_is_first = node.inputs[:1] == (value,)
    demand(value_is_first or kind(node) in ("mul", "add"))
    others = [name for name in node.inputs if name not in ("", value)]
    demand(len(others) < 2)
    constant = _numbers(view, others[0]) if others else _number_beside(node)
    demand(node.attributes.get(TORCH_MULTIPLE, 1) == 1)
    return _COMBINED[kind(node)](_per_channel(constant))


TORCH_NUMBER, TORCH_MULTIPLE = "1", "2"
"""Places of the arguments of torch's add, sub, mul and div: a number, and how often it counts or how it is rounded."""


def _number_beside(node: Node) -> AnyArray:
    """The operand that is an attribute: of Core ML "y", of torch by its place."""
    return np.asarray(node.attributes.get("y", node.attributes.get(TORCH_NUMBER, ())))


def _numbers(view: GraphView, name: str) -> AnyArray:
    constant = view.constant(name)
    if constant is None:
        raise NetworkBegins
    return constant


def _per_channel(constant: AnyArray) -> AnyArray:
    """One finite number, or one for each channel: float64 [1] or [3]."""
    demand(constant.size in (1, 3) and constant.dtype.kind in "fiu")
    numbers = constant.astype(np.float64).reshape(-1)
    demand(np.isfinite(numbers).all())
    return numbers


def _multiplied(constant: AnyArray) -> InGraphPreprocessing:
    demand(constant.all())
    return change(factor=constant)


def _divided(constant: AnyArray) -> InGraphPreprocessing:
    demand(constant.all())
    return change(factor=1 / constant)


def _added(constant: AnyArray) -> InGraphPreprocessing:
    return change(offset=constant)


def _taken_off(constant: AnyArray) -> InGraphPreprocessing:
    return change(offset=-constant)


_COMBINED: Mapping[str, Callable[[AnyArray], InGraphPreprocessing]] = {
    "mul": _multiplied,
    "div": _divided,
    "add": _added,
    "sub": _taken_off,
}


def _batch_normalisation(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """The line that a batch normalisation of the channels is, where its numbers are in the file."""
    demand(len(node.inputs) >= 5)
    gain, shift, mean, variance = (_channel_numbers(_numbers(view, name)) for name in node.inputs[1:5])
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = gain / np.sqrt(variance + _epsilon(node))
    return _line(factor, shift - mean * factor)


def _torch_batch_normalisation(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """The same by torch, whose inputs have ONNX's order; others give the name to other orders."""
    demand("::" in node.op)
    return _batch_normalisation(view, node, value)


TORCH_NORMALISATIONS = ("batchnorm", "nativebatchnorm", "nativebatchnormlegitnotraining")
TORCH_EPSILON = {"batchnorm": "7"}
"""Place of epsilon among the arguments of torch's normalisations; 6 of its native ones."""


def _epsilon(node: Node) -> float:
    place = TORCH_EPSILON.get(spelling(node), "6")
    return float(node.attributes.get("epsilon", node.attributes.get(place, 1e-5)))


def _channel_numbers(array: AnyArray) -> AnyArray:
    demand(array.size in (1, 3))
    return np.asarray(array, np.float64).reshape(-1)


def _line(factor: AnyArray, offset: AnyArray, *, swapped: bool = False) -> InGraphPreprocessing:
    """Y = x * factor + offset, unless a channel is lost or becomes no number."""
    demand(np.isfinite([*factor, *offset]).all() and factor.all())
    return change(factor, offset, swapped=swapped)


def _channel_scale(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """The scaler of a Core ML neural network."""
    return change(factor=np.array([float(node.attributes.get("channelScale") or 1.0)]))


def _pointwise_convolution(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """A convolution that looks at one pixel and keeps channels apart, in ONNX's form."""
    weights, bias = (*(_numbers(view, name) for name in node.inputs[1:3] if name), np.zeros(3), np.zeros(3))[:2]
    demand(weights.shape in ((3, 1, 1, 1), (3, 3, 1, 1)) and bias.shape == (3,))
    kernel = weights.squeeze((2, 3))
    table = kernel * np.eye(3) if weights.shape[1] == 1 else kernel
    demand(np.count_nonzero(table) == 3)
    swapped = not np.diag(table).all()
    factor = np.diag(table[:, ::-1] if swapped else table)
    return _line(factor.astype(np.float64), bias.astype(np.float64), swapped=swapped)


SWAPPED = InGraphPreprocessing(channels_swapped=True)


def _gathered(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    demand([2, 1, 0] in _lists(view, node))
    return SWAPPED


def _reversed(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """Along the channels, first or last."""
    axes = [*_lists(view, node), list(node.attributes.get(TORCH_NUMBER, ()))]
    demand(any(numbers in CHANNEL_AXES for numbers in axes))
    return SWAPPED


def _sliced(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """Backwards along the channels; starts, ends, axes and steps are the inputs of a slice."""
    if _takes_all(node):
        return InGraphPreprocessing()
    lists = _lists(view, node)
    demand(len(lists) >= 4)
    axes, steps = lists[2], lists[-1]
    demand(steps == [-1] and axes in CHANNEL_AXES)
    return SWAPPED


def _takes_all(node: Node) -> bool:
    """Whether a slice of torch leaves nothing out: its arguments are axis, start, end and step."""
    start, end, step = (node.attributes.get(place, default) for place, default in (("2", 0), ("3", ENDLESS), ("4", 1)))
    return "::" in node.op and (start, step) == (0, 1) and end >= ENDLESS


ENDLESS = 2**31 - 1
"""Where a slice ends that has no end."""


CHANNEL_AXES = ([1], [3], [-1])


def _lists(view: GraphView, node: Node) -> list[list[float]]:
    return [array.reshape(-1).tolist() for array in view.constants(node)]


OPERATORS: Mapping[str, Callable[[GraphView, Node, str], InGraphPreprocessing]] = {
    **dict.fromkeys((*PASS_THROUGH, "clip", "pad"), _unchanged),
    "cast": _cast,
    **dict.fromkeys(_COMBINED, _arithmetic),
    "batchnormalization": _batch_normalisation,
    **dict.fromkeys(TORCH_NORMALISATIONS, _torch_batch_normalisation),
    "scaler": _channel_scale,
    "conv": _pointwise_convolution,
    "convolution": _pointwise_convolution,
    "gather": _gathered,
    "reverse": _reversed,
    "slice": _sliced,
    "stridedslice": _sliced,
}
"""Kind of operator -> what it does to the value that is followed; it raises `NetworkBegins` where that is more."""


# ------------------------------------------------------------------------------- channels that are split and joined

MAX_PER_CHANNEL = 4
"""Operators between a split and the concat that joins the channels again."""


class _Channel(NamedTuple):
    """One channel behind a split: what was done to it, and the value with which it enters the concat."""

    factor: float
    offset: float
    value: str
    concat: Node


def _channelwise(view: GraphView, split: Node) -> _Step:
    """What is done to three channels that are split and joined again in their order, or in the reverse one."""
    channels = [_channel(view, start) for start in split.outputs]
    demand(len(channels) == 3)
    concat, entering = channels[0].concat, [channel.value for channel in channels]
    order = [name for name in concat.inputs if name in entering]
    others = len(concat.inputs) - len(order)  # TFLite's and TensorFlow's have the axis there
    demand(others < 2 and order in (entering, entering[::-1]))
    swapped = order != entering
    leaving = channels[::-1] if swapped else channels
    factor, offset = np.array([(channel.factor, channel.offset) for channel in leaving]).T
    return _Step(change(factor, offset, swapped=swapped), concat.outputs[0])


def _channel(view: GraphView, value: str) -> _Channel:
    done = InGraphPreprocessing()
    node = view.only_reader(value)
    for _ in range(MAX_PER_CHANNEL):
        if kind(node) in CONCAT:
            break
        demand(kind(node) in _COMBINED)
        done, value = done.then(_arithmetic(view, node, value)), node.outputs[0]
        node = view.only_reader(value)
    demand(kind(node) in CONCAT and len(done.factor + done.offset) == 2)  # one number each
    return _Channel(done.factor[0], done.offset[0], value, node)
