"""Lists of tensors: one tensor with the elements along axis 0. Writing past the end makes it longer."""

from __future__ import annotations

import numpy as np

from edgerun_coreml.mil.kinds import computed
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.mil.values import Operand
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal


@operation("make_list")
def make_list(op: Operation) -> Operand:
    if not op.has("elem_shape"):
        raise Refusal("a list without the shape of its elements")
    sizes = [array.reshape(-1) for item in op.operands("elem_shape") if (array := item.array) is not None]
    if len(sizes) != len(op.operands("elem_shape")):
        raise Refusal("a list whose elements have a flexible shape")
    shape = [int(size) for part in sizes for size in part]
    kind = op.text("dtype", "fp32")
    if not op.has("init_length") or op.is_constant("init_length"):
        op.bounded(op.integer("init_length", 1), *shape)
    one = op.graph.int64(1)
    length = op.emit("Reshape", [op.int64("init_length"), one]) if op.has("init_length") else one
    full = op.emit("Concat", [length, op.graph.int64(shape)], axis=0)
    zero = np.zeros(1, computed(kind))
    value = op.emit("ConstantOfShape", [full], dtype=zero.dtype, value=zero)
    return Operand(kind, (None, *shape), value)


@operation("list_length")
def list_length(op: Operation) -> Value:
    return op.emit("Squeeze", [op.emit("Shape", [op.value("ls")], start=0, end=1), op.graph.int64(0)])


@operation("list_read")
def list_read(op: Operation) -> Value:
    return op.emit("Gather", [op.value("ls"), op.value("index")], axis=0)


@operation("list_gather")
def list_gather(op: Operation) -> Value:
    return op.emit("Gather", [op.value("ls"), op.value("indices")], axis=0)


def _grown(op: Operation, elements: Value, rank: int, length: Value) -> Value:
    """The list with zeros added at the end until it has ``length`` (int64 [1]) elements."""
    present = op.emit("Shape", [elements], start=0, end=1)
    missing = op.emit("Max", [op.emit("Sub", [length, present]), op.graph.int64(0)])
    parts = [op.graph.int64([0] * rank), missing, op.graph.int64([0] * (rank - 1))]
    return op.emit("Pad", [elements, op.emit("Concat", parts, axis=0), op.scalar(0, elements)])


def _written(op: Operation, indices: Value, updates: Value) -> Operand:
    """The list with elements replaced at ``indices``, int64 [N, 1]."""
    target = op.operand("ls")
    highest = op.emit("ReduceMax", [indices, op.graph.int64(0)], keepdims=0)
    length = op.emit("Add", [highest, op.graph.int64(1)])
    grown = _grown(op, target.in_graph(op.graph), target.rank, length)
    updates = op.graph.cast(updates, grown.dtype)
    return Operand(target.kind, target.shape, op.emit("ScatterND", [grown, indices, updates]))


@operation("list_write")
def list_write(op: Operation) -> Operand:
    index = op.emit("Reshape", [op.int64("index"), op.graph.int64(1, 1)])
    return _written(op, index, op.emit("Unsqueeze", [op.value("value"), op.graph.int64(0)]))


@operation("list_scatter")
def list_scatter(op: Operation) -> Operand:
    indices = op.emit("Reshape", [op.int64("indices"), op.graph.int64(-1, 1)])
    return _written(op, indices, op.value("value"))
