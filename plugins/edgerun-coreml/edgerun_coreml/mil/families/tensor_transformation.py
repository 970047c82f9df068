"""Changing the shape of tensors, or the order of their axes."""

from __future__ import annotations

import numpy as np

from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal


@operation("reshape")
def reshape(op: Operation) -> Value:
    """A size of 0 copies that of the input, counted from the last axis; -1 is what is left."""
    x = op.value()
    if not op.is_constant("shape"):
        return op.emit("Reshape", [x, op.int64("shape")])
    wanted, declared = op.integers("shape"), op.shape
    if declared is not None and all(isinstance(size, int) for size in declared):
        wanted = [size for size in declared if isinstance(size, int)]
    elif 0 in wanted and len(wanted) != op.rank():
        sizes, shift = op.operand().shape or (), op.rank() - len(wanted)
        copied = [sizes[axis + shift] if axis + shift >= 0 else 1 for axis in range(len(wanted))]
        filled = [copy if size == 0 else size for size, copy in zip(wanted, copied, strict=True)]
        if not all(isinstance(size, int) for size in filled):
            raise Refusal("copying a flexible size between different axes")
        wanted = [size for size in filled if isinstance(size, int)]
    return op.emit("Reshape", [x, op.graph.int64(wanted)], shape=op.shape)


@operation("reshape_like")
def reshape_like(op: Operation) -> Value:
    """Parts of several tensors' shapes, one after the other."""
    sizes = []
    for reference, begin, end, to_end in zip(
        op.operands("ref_tensors"),
        op.operands("begins"),
        op.operands("ends"),
        op.operands("end_masks"),
        strict=True,
    ):
        if begin.array is None or end.array is None or to_end.array is None:
            raise Refusal("bounds that the program computes")
        stop = reference.rank if to_end.array.item() else int(end.array.item())
        part = op.graph.int64(int(begin.array.item())), op.graph.int64(stop)
        sizes.append(op.emit("Slice", [op.graph.shape_of(reference.in_graph(op.graph)), *part]))
    return op.emit("Reshape", [op.value(), op.emit("Concat", sizes, axis=0)])


@operation("expand_dims")
def expand_dims(op: Operation) -> Value:
    axes = op.integers("axes")
    rank = op.rank() + len(axes)
    return op.emit("Unsqueeze", [op.value(), op.graph.int64(sorted(axis % rank for axis in axes))])


@operation("squeeze")
def squeeze(op: Operation) -> Value:
    """Without ``axes``, all those of size 1."""
    shape = op.operand().shape
    if shape is None:
        raise Refusal("an operand of unknown rank")
    given = op.integers("axes") if op.has("axes") else [i for i, size in enumerate(shape) if size == 1]
    axes = sorted({axis % len(shape) for axis in given})
    if not axes:
        return op.emit("Identity", [op.value()])
    return op.emit("Squeeze", [op.value(), op.graph.int64(axes)])


@operation("transpose")
def transpose(op: Operation) -> Value:
    rank = op.rank()
    return op.emit("Transpose", [op.value()], perm=[axis % rank for axis in op.integers("perm")])


@operation("reverse")
def reverse(op: Operation) -> Value:
    axes = op.integers("axes", list(range(op.rank())))
    ones, far = op.graph.int64([-1] * len(axes)), op.graph.int64([-(2**31)] * len(axes))
    return op.emit("Slice", [op.value(), ones, far, op.graph.int64(axes), ones])


@operation("reverse_sequence")
def reverse_sequence(op: Operation) -> Value:
    """Reverses the first ``lengths[b]`` steps of each batch entry, with both axes brought to the front."""
    rank = op.rank()
    batch, steps = op.axis(0, "batch_axis"), op.axis(0, "seq_axis")
    order = [batch, steps, *(axis for axis in range(rank) if axis not in (batch, steps))]
    moved = op.emit("Transpose", [op.value()], perm=order)
    result = op.emit("ReverseSequence", [moved, op.int64("lengths")], batch_axis=0, time_axis=1)
    return op.emit("Transpose", [result], perm=[int(axis) for axis in np.argsort(order)])
