"""Gathering from and scattering into tensors by index. Negative indices count from the end."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal

_REDUCTIONS: Final = {
    "update": "none", "add": "add", "mul": "mul", "max": "max", "min": "min", "sub": "add", "div": "mul",
}  # fmt: skip


@operation("gather")
def gather(op: Operation) -> Value:
    axis, batch = op.axis(0), op.integer("batch_dims", 0)
    if batch < 0:
        batch += op.rank("indices")
    if batch == 0:
        return op.emit("Gather", [op.value(), op.value("indices")], axis=axis)
    return _batched(op, axis, batch)


def _batched(op: Operation, axis: int, batch: int) -> Value:
    """Gather within each of the leading ``batch`` axes, by way of GatherND on the axis moved there."""
    size, at = op.dims(), op.dims("indices")
    x, rank = op.value(), len(size)
    order = [*range(batch), axis, *(i for i in range(batch, rank) if i != axis)]
    if order != list(range(rank)):
        x = op.emit("Transpose", [x], perm=order)
    indices = op.emit("Reshape", [op.value("indices"), op.graph.int64(at[:batch], math.prod(at[batch:]), 1)])
    found = op.emit("GatherND", [x, _positive(op, indices, size[axis])], batch_dims=batch)
    rest = [size[i] for i in range(batch, rank) if i != axis]
    found = op.emit("Reshape", [found, op.graph.int64(at, rest)])
    gathered, before = len(at) - batch, axis - batch
    places = list(range(batch + gathered + len(rest)))
    lead, middle, tail = places[:batch], places[batch : batch + gathered], places[batch + gathered :]
    back = lead + tail[:before] + middle + tail[before:]
    return found if back == places else op.emit("Transpose", [found], perm=back)


def _positive(op: Operation, indices: Value, size: int) -> Value:
    """Indices as int64, those below zero counted from the end of an axis."""
    indices = op.graph.cast(indices, np.int64)
    wrapped = op.emit("Add", [indices, op.scalar(size, indices)])
    return op.emit("Where", [op.emit("Less", [indices, op.scalar(0, indices)]), wrapped, indices])


@operation("gather_along_axis")
def gather_along_axis(op: Operation) -> Value:
    return op.emit("GatherElements", [op.value(), op.value("indices")], axis=op.axis(0))


@operation("gather_nd")
def gather_nd(op: Operation) -> Value:
    indices = op.graph.cast(op.value("indices"), np.int64)
    return op.emit("GatherND", [op.value(), indices], batch_dims=op.integer("batch_dims", 0))


def _mode(op: Operation, updates: Value) -> tuple[Value, str]:
    """ONNX's reduction for a mode, and the updates made to fit: subtracting is adding the negative."""
    mode = op.text("mode", "add")
    if mode not in _REDUCTIONS:
        raise Refusal(f"the mode {mode!r}")
    if mode == "sub":
        updates = op.emit("Neg", [updates])
    if mode == "div":
        if updates.dtype.kind == "i":
            raise Refusal("division of integers while scattering")
        updates = op.emit("Reciprocal", [updates])
    return updates, _REDUCTIONS[mode]


def _targets(op: Operation) -> Value:
    """Indices to scatter to, as int64.

    With ``validate_indices`` (iOS 17) those below zero are out of bounds. ONNX Runtime raises for what lies beyond the
    end alone, so they are sent there.
    """
    indices = op.graph.cast(op.value("indices"), np.int64)
    if not op.flag("validate_indices", False):
        return indices
    below = op.emit("Less", [indices, op.scalar(0, indices)])
    return op.emit("Where", [below, op.scalar(2**31 - 1, indices), indices])


@operation("scatter_nd")
def scatter_nd(op: Operation) -> Value:
    updates, reduction = _mode(op, op.value("updates"))
    indices = _targets(op)
    return op.emit("ScatterND", [op.value("data"), indices, updates], reduction=reduction)


@operation("scatter_along_axis")
def scatter_along_axis(op: Operation) -> Value:
    updates, reduction = _mode(op, op.value("updates"))
    inputs = [op.value("data"), _targets(op), updates]
    return op.emit("ScatterElements", inputs, axis=op.axis(0, of="data"), reduction=reduction)


@operation("scatter")
def scatter(op: Operation) -> Value:
    """Slices along an axis, by way of ScatterND with that axis moved to the front."""
    axis, rank = op.axis(0, of="data"), op.rank("data")
    data, (updates, reduction) = op.value("data"), _mode(op, op.value("updates"))
    indices = _targets(op)
    spread = op.rank("indices")
    if axis:
        data = op.emit("Transpose", [data], perm=[axis, *(i for i in range(rank) if i != axis)])
        width = op.rank("updates")
        places = list(range(axis, axis + spread))
        order = [*places, *(i for i in range(width) if i not in places)]
        updates = op.emit("Transpose", [updates], perm=order)
    indices = op.emit("Unsqueeze", [indices, op.graph.int64(-1)])
    result = op.emit("ScatterND", [data, indices, updates], reduction=reduction)
    if not axis:
        return result
    return op.emit("Transpose", [result], perm=[*range(1, axis + 1), 0, *range(axis + 1, rank)])
