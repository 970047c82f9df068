"""Whether a graph depends on the size of its image: exporters write the size that they traced into the file, meant or
not, and many a network computes at any other as well.

A value that is bound to a size is a constant as large as a map (a grid, an embedding of positions), the target of a
Reshape or Resize that spells sizes out, or a pooling of the whole map by its size. What is not known to be free counts
as bound.
"""

from __future__ import annotations

import numpy as np

from edgerun.contract import Graph, Node
from edgerun.graphs.view import CONCAT, GraphView, kind
from edgerun.tensors import AnyArray

__all__ = ["bound_by"]

_FREE = {
    "conv", "convtranspose", "conv2d", "depthwiseconv2d", "transposeconv", "batchnormalization", "relu", "relu6",
    "relun1to1", "leakyrelu", "prelu", "clip", "sigmoid", "hardsigmoid", "hardswish", "elu", "selu", "softplus", "tanh",
    "exp", "log", "sqrt", "abs", "neg", "softmax", "maxpool", "maxpool2d", "globalaveragepool", "globalmaxpool", "cast",
    "transpose", "split", "splitv", "constant", "dropout", "pad", "erf", "floor", *CONCAT,
}  # fmt: skip
"""Kinds of operators that compute alike at every size."""

_ELEMENTWISE = {"add", "sub", "mul", "div", "max", "min", "maximum", "minimum", "pow"}


def bound_by(graph: Graph) -> str:
    """The first operator by which a graph depends on the size of its image, as its name; "" where there is none."""
    view = GraphView.of(graph)
    return next((node.op for node in graph.nodes if not _is_free(node, view)), "")


def _is_free(node: Node, view: GraphView) -> bool:
    name = kind(node)
    if name in _ELEMENTWISE:
        return all(_is_for_all_cells(value, node, view) for value in node.inputs)
    if name == "reshape":
        return _leaves_one_axis_open(node, view)
    if name in ("resize", "upsample"):
        return _scales(node, view)
    return name in _FREE and not node.closed


def _is_for_all_cells(value: str, node: Node, view: GraphView) -> bool:
    """Whether a value of an elementwise operator is computed, or one number, or one for each channel of a map.

    On a map of one cell a constant for each channel may be a grid of one cell: then the file does not tell.
    """
    if view.producers.get(value) is not None and kind(view.producers[value]) != "constant":
        return True
    if value in view.graph.inputs:
        return True
    shape = _shape(value, view)
    if shape is None:
        return False
    long = [place - len(shape) for place, size in enumerate(shape) if size != 1]
    is_for_channels = long == [_channel_axis(view.graph)]
    return not long or (is_for_channels and any(_is_map(other, view) for other in node.inputs if other != value))


def _channel_axis(graph: Graph) -> int:
    """Of the maps [batch, channels, height, width], or with the channels last, as the image has them; from the end."""
    image = graph.values.get((*graph.inputs, "")[0])
    return -1 if image is not None and image.shape[-1] in (1, 3) else -3


def _is_map(value: str, view: GraphView) -> bool:
    """Whether a value has four axes, and more than one cell, by the file's word."""
    shape = _shape(value, view) or ()
    cells = shape[1:3] if _channel_axis(view.graph) == -1 else shape[2:]
    return len(shape) == 4 and any(size != 1 for size in cells)


def _shape(value: str, view: GraphView) -> tuple[int | None, ...] | None:
    spec = view.graph.values.get(value)
    if spec is not None:
        return tuple(spec.shape)
    found = view.constant(value)
    return None if found is None else found.shape


def _leaves_one_axis_open(node: Node, view: GraphView) -> bool:
    """Whether the target of a Reshape says -1 for what is left."""
    target = view.constant(node.inputs[1]) if len(node.inputs) > 1 else None
    return target is not None and bool((target == -1).any())


def _scales(node: Node, view: GraphView) -> bool:
    """Whether a Resize multiplies sizes rather than spelling them out."""
    factors = view.constants(node)
    last = node.inputs[-1] if node.inputs else ""
    has_sizes = kind(node) == "resize" and len(node.inputs) > 3 and bool(last)
    return not has_sizes and any(_are_factors(array) for array in factors)


def _are_factors(array: AnyArray) -> bool:
    return array.dtype.kind == "f" and array.size > 0 and bool(np.isfinite(array).all())
