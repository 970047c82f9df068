"""In-graph preprocessing: what a graph does to an image before it looks at it, followed operator by operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from edgerun.contract import Graph, Node
from edgerun.graphs.stored import linear_parameters, range_held
from edgerun.graphs.view import CONCAT, MAX_DEPTH, PASS_THROUGH, GraphView, kind, spelling
from edgerun.tensors import AnyArray, TensorSpec

__all__ = ["InGraphPreprocessing", "preprocessing"]

_ONE, _ZERO = np.ones(1), np.zeros(1)


@dataclass(frozen=True, slots=True)
class InGraphPreprocessing:
    """What becomes of a pixel: y = x * factor + offset, per channel, and in which order the channels leave.

    Attributes:
        factor, offset: one number, or one for each channel in the order in which they leave.
        channels_swapped: whether the first channel leaves last.
        holds: the least and the greatest x that the graph, which quantises it, does not cut off; None where it does
            not quantise.
        stored: the type of an input of whole numbers of which the graph makes real ones; "" elsewhere.
        closed_by: the operator behind which the file does not show what happens to the image; "" where it does.
    """

    factor: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    channels_swapped: bool = False
    holds: tuple[float, float] | None = None
    stored: str = ""
    closed_by: str = ""

    @property
    def normalises(self) -> bool:
        """Whether values are changed at all."""
        unchanged = np.allclose(self.factor, 1, atol=1e-3) and np.allclose(self.offset, 0, atol=1e-3)
        return not unchanged

    def then(self, following: InGraphPreprocessing) -> InGraphPreprocessing:
        """Both, one after the other."""
        order = slice(None, None, -1 if following.channels_swapped else 1)
        factor = np.array(following.factor) * self.factor[order]
        offset = np.array(following.factor) * self.offset[order] + following.offset
        swapped = self.channels_swapped != following.channels_swapped
        holds, stored = self.holds or self._before(following.holds), self.stored or following.stored
        return replace(_change(factor, offset, swapped=swapped), holds=holds, stored=stored)

    def _before(self, held: tuple[float, float] | None) -> tuple[float, float] | None:
        """A range behind this preprocessing, as the range of what goes in; None where channels differ."""
        if held is None or len(self.factor) > 1 or len(self.offset) > 1 or self.factor[0] <= 0:
            return None
        low, high = ((end - self.offset[0]) / self.factor[0] for end in held)
        return low, high


def _change(factor: AnyArray = _ONE, offset: AnyArray = _ZERO, *, swapped: bool = False) -> InGraphPreprocessing:
    return InGraphPreprocessing(tuple(map(float, factor)), tuple(map(float, offset)), swapped)


class NetworkBegins(Exception):
    """An operator is the network's own: no preprocessing, or none that can be followed."""


def _demand(condition: object) -> None:
    """Raise `NetworkBegins` unless the condition holds."""
    if not condition:
        raise NetworkBegins


@dataclass(frozen=True, slots=True)
class _Step:
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
    return replace(found, closed_by=view.closed_reader(value))


def _step(view: GraphView, value: str) -> _Step:
    """The next step from a value; raises `NetworkBegins` where there is none, or several read it."""
    node = view.only_reader(value)
    if kind(node) == "split":
        return _channelwise(view, node)
    _demand(kind(node) in OPERATORS)
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
    _demand(spec is not None)
    assert spec is not None and spec.quantization is not None  # noqa: PT018
    scale, zero = np.array(spec.quantization.scale), np.array(spec.quantization.zero_point)
    _demand(scale.size in (1, 3))
    return replace(_line(scale, -zero * scale), stored=spec.dtype)


def _arithmetic(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """A value and a constant, added or multiplied; the value must be what is divided, or taken off from."""
    value_is_first = node.inputs[:1] == (value,)
    _demand(value_is_first or kind(node) in ("mul", "add"))
    others = [name for name in node.inputs if name not in ("", value)]
    _demand(len(others) < 2)
    constant = _numbers(view, others[0]) if others else _number_beside(node)
    _demand(node.attributes.get(TORCH_MULTIPLE, 1) == 1)
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
    _demand(constant.size in (1, 3) and constant.dtype.kind in "fiu")
    numbers = constant.astype(np.float64).reshape(-1)
    _demand(np.isfinite(numbers).all())
    return numbers


def _multiplied(constant: AnyArray) -> InGraphPreprocessing:
    _demand(constant.all())
    return _change(factor=constant)


def _divided(constant: AnyArray) -> InGraphPreprocessing:
    _demand(constant.all())
    return _change(factor=1 / constant)


def _added(constant: AnyArray) -> InGraphPreprocessing:
    return _change(offset=constant)


def _taken_off(constant: AnyArray) -> InGraphPreprocessing:
    return _change(offset=-constant)


_COMBINED: Mapping[str, Callable[[AnyArray], InGraphPreprocessing]] = {
    "mul": _multiplied,
    "div": _divided,
    "add": _added,
    "sub": _taken_off,
}


def _batch_normalisation(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """The line that a batch normalisation of the channels is, where its numbers are in the file."""
    _demand(len(node.inputs) >= 5)
    gain, shift, mean, variance = (_channel_numbers(_numbers(view, name)) for name in node.inputs[1:5])
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = gain / np.sqrt(variance + _epsilon(node))
    return _line(factor, shift - mean * factor)


def _torch_batch_normalisation(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """The same by torch, whose inputs have ONNX's order; others give the name to other orders."""
    _demand("::" in node.op)
    return _batch_normalisation(view, node, value)


TORCH_NORMALISATIONS = ("batchnorm", "nativebatchnorm", "nativebatchnormlegitnotraining")
TORCH_EPSILON = {"batchnorm": "7"}
"""Place of epsilon among the arguments of torch's normalisations; 6 of its native ones."""


def _epsilon(node: Node) -> float:
    place = TORCH_EPSILON.get(spelling(node), "6")
    return float(node.attributes.get("epsilon", node.attributes.get(place, 1e-5)))


def _channel_numbers(array: AnyArray) -> AnyArray:
    _demand(array.size in (1, 3))
    return np.asarray(array, np.float64).reshape(-1)


def _line(factor: AnyArray, offset: AnyArray, *, swapped: bool = False) -> InGraphPreprocessing:
    """Y = x * factor + offset, unless a channel is lost or becomes no number."""
    _demand(np.isfinite([*factor, *offset]).all() and factor.all())
    return _change(factor, offset, swapped=swapped)


def _channel_scale(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """The scaler of a Core ML neural network."""
    return _change(factor=np.array([float(node.attributes.get("channelScale") or 1.0)]))


def _pointwise_convolution(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """A convolution that looks at one pixel and keeps channels apart, in ONNX's form."""
    weights, bias = (*(_numbers(view, name) for name in node.inputs[1:3] if name), np.zeros(3), np.zeros(3))[:2]
    _demand(weights.shape in ((3, 1, 1, 1), (3, 3, 1, 1)) and bias.shape == (3,))
    kernel = weights.squeeze((2, 3))
    table = kernel * np.eye(3) if weights.shape[1] == 1 else kernel
    _demand(np.count_nonzero(table) == 3)
    swapped = not np.diag(table).all()
    factor = np.diag(table[:, ::-1] if swapped else table)
    return _line(factor.astype(np.float64), bias.astype(np.float64), swapped=swapped)


SWAPPED = InGraphPreprocessing(channels_swapped=True)


def _gathered(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    _demand([2, 1, 0] in _lists(view, node))
    return SWAPPED


def _reversed(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """Along the channels, first or last."""
    axes = [*_lists(view, node), list(node.attributes.get(TORCH_NUMBER, ()))]
    _demand(any(numbers in CHANNEL_AXES for numbers in axes))
    return SWAPPED


def _sliced(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """Backwards along the channels; starts, ends, axes and steps are the inputs of a slice."""
    lists = _lists(view, node)
    _demand(len(lists) >= 4)
    axes, steps = lists[2], lists[-1]
    _demand(steps == [-1] and axes in CHANNEL_AXES)
    return SWAPPED


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


@dataclass(frozen=True, slots=True)
class _Channel:
    """One channel behind a split: what was done to it, and the value with which it enters the concat."""

    factor: float
    offset: float
    value: str
    concat: Node


def _channelwise(view: GraphView, split: Node) -> _Step:
    """What is done to three channels that are split and joined again in their order, or in the reverse one."""
    channels = [_channel(view, start) for start in split.outputs]
    _demand(len(channels) == 3)
    concat, entering = channels[0].concat, [channel.value for channel in channels]
    order = [name for name in concat.inputs if name in entering]
    others = len(concat.inputs) - len(order)  # TFLite's and TensorFlow's have the axis there
    _demand(others < 2 and order in (entering, entering[::-1]))
    swapped = order != entering
    leaving = channels[::-1] if swapped else channels
    factor, offset = np.array([(channel.factor, channel.offset) for channel in leaving]).T
    return _Step(_change(factor, offset, swapped=swapped), concat.outputs[0])


def _channel(view: GraphView, value: str) -> _Channel:
    change = InGraphPreprocessing()
    node = view.only_reader(value)
    for _ in range(MAX_PER_CHANNEL):
        if kind(node) in CONCAT:
            break
        _demand(kind(node) in _COMBINED)
        change, value = change.then(_arithmetic(view, node, value)), node.outputs[0]
        node = view.only_reader(value)
    _demand(kind(node) in CONCAT and len(change.factor + change.offset) == 2)  # one number each
    return _Channel(change.factor[0], change.offset[0], value, node)
