"""Axes turned around, whole or in part."""

from __future__ import annotations

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn.layer import LARGEST, Layer
from edgerun_coreml.nn.registry import layer
from edgerun_coreml.onnx.graph import Value


@layer("reverse")
def reverse(op: Layer) -> Value:
    flags = [bool(item) for item in op.params.reverseDim]
    if len(flags) != op.rank():
        raise ModelDamaged(f"{len(flags)} flags for a tensor with {op.rank()} axes")
    axes = [axis for axis, flag in enumerate(flags) if flag]
    return flipped(op, op.x, axes) if axes else op.x


def flipped(op: Layer, x: Value, axes: list[int]) -> Value:
    back = op.int64s([-1] * len(axes))
    return op.emit("Slice", [x, back, op.int64s([-LARGEST] * len(axes)), op.int64s(axes), back])


@layer("reverseSeq")
def reverse_seq(op: Layer) -> Value:
    """The first so many entries of each batch turned around; ONNX wants batch and sequence in front."""
    rank = op.rank()
    batch, sequence = op.axis("batchAxis"), op.axis("sequenceAxis")
    if batch == sequence:
        raise ModelDamaged(f"axis {batch} for batch and sequence")
    order = [batch, sequence, *(at for at in range(rank) if at not in (batch, sequence))]
    lengths = op.reshape(op.int64(op.input(1)), [-1])
    turned = op.emit("ReverseSequence", [op.transpose(op.x, order), lengths], batch_axis=0, time_axis=1)
    return op.transpose(turned, [order.index(at) for at in range(rank)])
