"""Tensors updated at places given by indices."""

from __future__ import annotations

from typing import Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import layer
from edgerun_coreml.onnx.graph import Value

_MODES: Final = {
    "SCATTER_UPDATE": "none",
    "SCATTER_ADD": "add",
    "SCATTER_SUB": "add",
    "SCATTER_MUL": "mul",
    "SCATTER_DIV": "mul",
    "SCATTER_MAX": "max",
    "SCATTER_MIN": "min",
}


def _parts(op: Layer) -> tuple[Value, Value, Value, str]:
    """Container, indices, updates and ONNX's kind of update, which has neither difference nor quotient."""
    container, indices, updates = op.need_inputs(3, 3)
    mode = op.params.mode
    if mode not in _MODES:
        raise ModelDamaged(f"an update of kind {mode}")
    if mode == "SCATTER_SUB":
        updates = op.emit("Neg", [updates])
    elif mode == "SCATTER_DIV":
        updates = op.emit("Reciprocal", [updates])
    return container, op.int64(indices), updates, _MODES[mode]


@layer("scatterND")
def scatter_nd(op: Layer) -> Value:
    container, indices, updates, kind = _parts(op)
    return op.emit("ScatterND", [container, indices, updates], reduction=kind)


@layer("scatterAlongAxis")
def scatter_along_axis(op: Layer) -> Value:
    container, indices, updates, kind = _parts(op)
    return op.emit("ScatterElements", [container, indices, updates], axis=op.axis(), reduction=kind)


@layer("scatter")
def scatter(op: Layer) -> Value:
    """Updates have the axes of the indices where the container has its axis: that one is brought to the front."""
    container, indices, updates, kind = _parts(op)
    rank, extra, axis = op.rank(), op.rank(1), op.axis()
    order = [axis, *(at for at in range(rank) if at != axis)]
    places = list(range(axis, axis + extra))
    rest = [at for at in range(rank - 1 + extra) if at not in places]
    if op.rank(2) == rank - 1 + extra:
        updates = op.transpose(updates, places + rest)
    elif op.rank(2) != 1 or axis:
        raise ModelDamaged(f"updates with {op.rank(2)} axes for {extra} of indices and {rank} of the container")
    size = op.size_of(container, axis)
    negative = op.emit("Less", [indices, op.graph.scalar(0, np.int64)])
    indices = op.emit("Where", [negative, op.emit("Add", [indices, size]), indices])
    inputs = [op.transpose(container, order), op.unsqueeze(indices, [extra]), updates]
    result = op.emit("ScatterND", inputs, reduction=kind)
    return op.transpose(result, [order.index(at) for at in range(rank)])
