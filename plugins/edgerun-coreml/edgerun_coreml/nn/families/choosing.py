"""Elements picked by index or by condition."""

from __future__ import annotations

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.blob import MAX_ELEMENTS
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import layer
from edgerun_coreml.onnx.graph import Value


@layer("gather")
def gather(op: Layer) -> Value:
    return op.emit("Gather", [op.x, op.int64(op.input(1))], axis=op.axis())


@layer("gatherND")
def gather_nd(op: Layer) -> Value:
    return op.emit("GatherND", [op.x, op.int64(op.input(1))])


@layer("gatherAlongAxis")
def gather_along_axis(op: Layer) -> Value:
    return op.emit("GatherElements", [op.x, op.int64(op.input(1))], axis=op.axis())


@layer("whereNonZero", counts=True)
def where_non_zero(op: Layer) -> Value:
    """The indices [count, rank] of elements that are not 0."""
    return op.floats(op.transpose(op.emit("NonZero", [op.x], dtype=np.int64), [1, 0]))


@layer("oneHot")
def one_hot(op: Layer) -> Value:
    """Indices below 0 or too large give no hot element, where ONNX would count negative ones from the end."""
    p, rank = op.params, op.rank()
    depth = op.reshape(op.int64(op.input(1)), [1]) if op.has_input(1) else op.int64s(op.size("oneHotVectorSize"))
    indices = op.int64(op.x)
    negative = op.emit("Less", [indices, op.int64s(0)])
    indices = op.emit("Where", [negative, depth, indices])
    values = op.constant([p.offValue, p.onValue])
    return op.emit("OneHot", [indices, depth, values], axis=op.axis(rank=rank + 1))


@layer("slidingWindows")
def sliding_windows(op: Layer) -> Value:
    """Axis of length L to [(L - window) // step + 1, window]."""
    axis, width, step = op.axis(), op.size("windowSize"), op.size("step", 1)
    size = op.shape()[axis]
    if width < 1 or (isinstance(size, int) and width > size):
        raise ModelDamaged(f"windows of {width} over {size}")
    within = np.arange(min(width, MAX_ELEMENTS), dtype=np.int64)
    if isinstance(size, int):
        count = (size - width) // step + 1
        if count * width > 1 << 26:
            raise ModelDamaged(f"{count} windows of {width}")
        places = op.graph.constant(np.arange(count, dtype=np.int64)[:, None] * step + within)
    else:
        last = op.emit("Sub", [op.size_of(op.x, axis), op.int64s(width - 1)])
        zero, by = op.graph.scalar(0, np.int64), op.graph.scalar(step, np.int64)
        starts = op.emit("Range", [zero, op.reshape(last, []), by])
        places = op.emit("Add", [op.unsqueeze(starts, [1]), op.graph.constant(within)])
    return op.emit("Gather", [op.x, places], axis=axis)


@layer("matrixBandPart")
def matrix_band_part(op: Layer) -> Value:
    """Zero outside a band of so many diagonals below and above the main one; negative keeps all of a side."""
    result, (lower, upper) = op.x, _diagonals(op, "numLower", "numUpper")
    if lower >= 0:
        result = op.emit("Trilu", [result, op.graph.scalar(-lower, np.int64)], upper=1)
    if upper >= 0:
        result = op.emit("Trilu", [result, op.graph.scalar(upper, np.int64)], upper=0)
    return result


@layer("lowerTriangular", "upperTriangular")
def triangular(op: Layer) -> Value:
    (diagonal,) = _diagonals(op, "k")
    return op.emit("Trilu", [op.x, op.graph.scalar(diagonal, np.int64)], upper=int(op.type == "upperTriangular"))


def _diagonals(op: Layer, *names: str) -> list[int]:
    values = [int(getattr(op.params, name)) for name in names]
    if op.rank() < 2 or any(abs(value) > 1 << 40 for value in values):
        raise ModelDamaged(f"diagonals {values} of a tensor with {op.rank()} axes")
    return values
