"""Sorted values, their indices, and running sums."""

from __future__ import annotations

import numpy as np

from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import layer
from edgerun_coreml.onnx.graph import Value


@layer("topK")
def top_k(op: Layer) -> list[Value]:
    """The largest or smallest values along an axis, best first, and their indices."""
    count = op.reshape(op.int64(op.input(1)), [1]) if op.has_input(1) else op.int64s(op.size("K"))
    largest = int(not op.params.useBottomK)
    values, indices = op.emit_many("TopK", [op.x, count], [np.float32, np.int64], axis=op.axis(), largest=largest)
    return [values, whole(op, indices)]


def whole(op: Layer, indices: Value) -> Value:
    """Indices as float32 that no precision rounds."""
    result = op.floats(indices)
    op.scope.context.whole.add(result.name)
    return result


@layer("argSort", counts=True)
def arg_sort(op: Layer) -> Value:
    axis = op.axis()
    largest = int(op.params.descending)
    inputs = [op.x, op.size_of(op.x, axis)]
    return op.floats(op.emit_many("TopK", inputs, [np.float32, np.int64], axis=axis, largest=largest)[1])


@layer("cumSum")
def cum_sum(op: Layer) -> Value:
    p = op.params
    axis = op.reshape(op.int64(op.input(1)), []) if op.has_input(1) else op.graph.scalar(op.axis(), np.int64)
    return op.emit("CumSum", [op.x, axis], exclusive=int(p.excludeFinalSum), reverse=int(p.reverse))
