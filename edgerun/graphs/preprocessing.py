"""In-graph preprocessing: what a graph does to an image before it looks at it, followed operator by operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edgerun.contract import Graph, Node
from edgerun.graphs.view import CONCAT, MAX_DEPTH, PASS_THROUGH, GraphView, kind
from edgerun.tensors import AnyArray

__all__ = ["InGraphPreprocessing", "preprocessing"]

_ONE, _ZERO = np.ones(1), np.zeros(1)


@dataclass(frozen=True, slots=True)
class InGraphPreprocessing:
    """What becomes of a pixel: y = x * factor + offset, per channel, and in which order the channels leave.

    Attributes:
        factor, offset: one number, or one for each channel in the order in which they leave.
        channels_swapped: whether the first channel leaves last.
    """

    factor: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    channels_swapped: bool = False

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
        return _change(factor, offset, swapped=swapped)


def _change(factor: AnyArray = _ONE, offset: AnyArray = _ZERO, *, swapped: bool = False) -> InGraphPreprocessing:
    return InGraphPreprocessing(tuple(map(float, factor)), tuple(map(float, offset)), swapped)


@dataclass(frozen=True, slots=True)
class _Step:
    """What one operator, or several that belong together, do, and the value that they leave."""

    change: InGraphPreprocessing
    output: str


def preprocessing(graph: Graph, image: str) -> InGraphPreprocessing:
    """What is done to the input of this name, up to the first operator that mixes its values."""
    view = GraphView.of(graph)
    found, value = InGraphPreprocessing(), image
    for _ in range(MAX_DEPTH):
        step = _step(view, value)
        if step is None:
            break
        found, value = found.then(step.change), step.output
    return found


def _step(view: GraphView, value: str) -> _Step | None:
    """The next step from a value; None where the network begins, or several read it."""
    node = view.only_reader(value)
    if node is None:
        return None
    if kind(node) == "split":
        return _channelwise(view, node)
    change = OPERATORS.get(kind(node), _unknown)(view, node, value)
    return None if change is None else _Step(change, node.outputs[0])


# ---------------------------------------------------------------------------------------------- single operators


def _unknown(view: GraphView, node: Node, value: str) -> None:
    return None


def _unchanged(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    return InGraphPreprocessing()


_ARITHMETIC: Mapping[str, Callable[[AnyArray], InGraphPreprocessing]] = {
    "mul": lambda constant: _change(factor=constant),
    "div": lambda constant: _change(factor=1 / constant),
    "add": lambda constant: _change(offset=constant),
    "sub": lambda constant: _change(offset=-constant),
}


def _arithmetic(view: GraphView, node: Node, value: str) -> InGraphPreprocessing | None:
    """A value and a constant, added or multiplied; None where it is not that, or the value is what is taken off."""
    constant = _operand(view, node, value)
    order_matters = kind(node) in ("div", "sub")
    if constant is None or (order_matters and node.inputs[:1] != (value,)):
        return None
    return _ARITHMETIC[kind(node)](constant)


def _operand(view: GraphView, node: Node, value: str) -> AnyArray | None:
    """The constant that a node adds or multiplies, float64 [1] or [3]; None where it has no such."""
    others = [name for name in node.inputs if name not in ("", value)]
    if len(others) > 1:
        return None
    stored = view.constant(others[0]) if others else node.attributes.get("y")
    numbers = np.empty(0) if stored is None else np.asarray(stored).reshape(-1)
    if numbers.size not in (1, 3) or numbers.dtype.kind not in "fiu" or not np.isfinite(numbers).all():
        return None
    multiplies = kind(node) in ("mul", "div")
    return None if multiplies and not numbers.all() else numbers.astype(np.float64)


def _batch_normalisation(view: GraphView, node: Node, value: str) -> InGraphPreprocessing | None:
    """The line that a batch normalisation of the channels is; None where its numbers are not in the file."""
    arrays = [np.asarray(array, np.float64).reshape(-1) for array in view.constants(node)[:4]]
    if len(arrays) != 4 or any(array.size not in (1, 3) for array in arrays):
        return None
    gain, shift, mean, variance = arrays
    factor = gain / np.sqrt(variance + float(node.attributes.get("epsilon", 1e-5)))
    return _usable(factor, shift - mean * factor)


def _usable(factor: AnyArray, offset: AnyArray, *, swapped: bool = False) -> InGraphPreprocessing | None:
    """None where a channel is lost, or becomes no number."""
    finite = np.isfinite(factor).all() and np.isfinite(offset).all()
    return _change(factor, offset, swapped=swapped) if finite and factor.all() else None


def _channel_scale(view: GraphView, node: Node, value: str) -> InGraphPreprocessing:
    """The scaler of a Core ML neural network."""
    return _change(factor=np.array([float(node.attributes.get("channelScale") or 1.0)]))


def _pointwise_convolution(view: GraphView, node: Node, value: str) -> InGraphPreprocessing | None:
    """A convolution that looks at one pixel and keeps channels apart, in ONNX's form; None for all others."""
    arrays = [view.constant(name) for name in node.inputs[1:3] if name]
    weights, bias = (*arrays, np.zeros(3), np.zeros(3))[:2]
    if weights is None or bias is None or bias.shape != (3,):
        return None
    table = _channel_table(weights)
    if np.count_nonzero(table) != 3:
        return None
    swapped = not np.diag(table).all()
    factor = np.diag(table[:, ::-1] if swapped else table)
    return _usable(factor.astype(np.float64), bias.astype(np.float64), swapped=swapped)


def _channel_table(weights: AnyArray) -> AnyArray:
    """Which channel goes with which weight into which other, [3, 3]; empty where that is not all a kernel does."""
    if weights.shape == (3, 1, 1, 1):
        return np.diag(weights.reshape(3))
    return weights.reshape(3, 3) if weights.shape == (3, 3, 1, 1) else np.empty((0, 0))


def _gathered(view: GraphView, node: Node, value: str) -> InGraphPreprocessing | None:
    return _swap_if([2, 1, 0] in _lists(view, node))


def _reversed(view: GraphView, node: Node, value: str) -> InGraphPreprocessing | None:
    along = _lists(view, node)
    return _swap_if([3] in along or [-1] in along or [1] in along)


def _sliced(view: GraphView, node: Node, value: str) -> InGraphPreprocessing | None:
    """Backwards along the channels; starts, ends, axes and steps are the inputs of a slice."""
    lists = _lists(view, node)
    if len(lists) < 4:
        return None
    axes, steps = lists[2], lists[-1]
    return _swap_if(steps == [-1] and axes in ([1], [3], [-1]))


def _lists(view: GraphView, node: Node) -> list[list[float]]:
    return [array.reshape(-1).tolist() for array in view.constants(node)]


def _swap_if(swaps: bool) -> InGraphPreprocessing | None:
    return InGraphPreprocessing(channels_swapped=True) if swaps else None


OPERATORS: Mapping[str, Callable[[GraphView, Node, str], InGraphPreprocessing | None]] = {
    **dict.fromkeys((*PASS_THROUGH, "clip", "pad"), _unchanged),
    **dict.fromkeys(_ARITHMETIC, _arithmetic),
    "batchnormalization": _batch_normalisation,
    "scaler": _channel_scale,
    "conv": _pointwise_convolution,
    "convolution": _pointwise_convolution,
    "gather": _gathered,
    "reverse": _reversed,
    "slice": _sliced,
    "stridedslice": _sliced,
}
"""Kind of operator -> what it does to the value that is followed; None where it is the network's own."""


# ------------------------------------------------------------------------------- channels that are split and joined

MAX_PER_CHANNEL = 4
"""Operators between a split and the concat that joins the channels again."""


@dataclass(frozen=True, slots=True)
class _Channel:
    """One channel behind a split: what was done to it, and the value with which it enters the concat."""

    change: InGraphPreprocessing
    value: str
    concat: Node


def _channelwise(view: GraphView, split: Node) -> _Step | None:
    """What is done to three channels that are split and joined again in their order, or in the reverse one."""
    followed = [_channel(view, start) for start in split.outputs]
    channels = [channel for channel in followed if channel is not None]
    if len(channels) != 3 or len(followed) != 3:
        return None
    concat, entering = channels[0].concat, [channel.value for channel in channels]
    order = [name for name in concat.inputs if name in entering]
    others = len(concat.inputs) - len(order)  # TFLite's and TensorFlow's have the axis there
    if others > 1 or order not in (entering, entering[::-1]):
        return None
    swapped = order != entering
    leaving = channels[::-1] if swapped else channels
    factor = np.array([channel.change.factor[0] for channel in leaving])
    offset = np.array([channel.change.offset[0] for channel in leaving])
    return _Step(_change(factor, offset, swapped=swapped), concat.outputs[0])


def _channel(view: GraphView, value: str) -> _Channel | None:
    change = InGraphPreprocessing()
    for _ in range(MAX_PER_CHANNEL):
        node = view.only_reader(value)
        if node is None or kind(node) in CONCAT:
            return None if node is None else _Channel(change, value, node)
        further = _arithmetic(view, node, value) if kind(node) in _ARITHMETIC else None
        if further is None or len(further.factor + further.offset) != 2:  # one number each
            return None
        change, value = change.then(further), node.outputs[0]
    return None
