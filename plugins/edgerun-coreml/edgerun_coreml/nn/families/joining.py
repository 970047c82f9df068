"""Several tensors made one, one made several, and tensors repeated."""

from __future__ import annotations

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import View, layer
from edgerun_coreml.nn.views import in_view
from edgerun_coreml.onnx.graph import Value


@layer("concat")
def concat(op: Layer) -> Value:
    """Along the channels, or along the sequence."""
    if op.params.sequenceConcat:
        return op.emit("Concat", op.need_inputs(1), axis=op.normal(-5, op.rank()))

    def channels(op: Layer) -> Value:
        return op.emit("Concat", op.need_inputs(1), axis=op.normal(-3, op.rank()))

    made = in_view(op, View.ANY, channels)
    return made[0]


@layer("concatND")
def concat_nd(op: Layer) -> Value:
    """End to end, or by turns (``interleave``)."""
    values, axis = op.need_inputs(1), op.axis()
    if not op.params.interleave:
        return op.emit("Concat", values, axis=axis)
    stacked = op.emit("Concat", [op.unsqueeze(value, [axis + 1]) for value in values], axis=axis + 1)
    parts = [op.sizes_of(op.x, 0, axis), op.int64s(-1), op.sizes_of(op.x, axis + 1)]
    return op.reshape(stacked, op.emit("Concat", parts, axis=0))


@layer("stack")
def stack(op: Layer) -> Value:
    values = op.need_inputs(1)
    axis = op.axis(rank=op.rank() + 1)
    return op.emit("Concat", [op.unsqueeze(value, [axis]) for value in values], axis=axis)


@layer("split", view=View.ANY)
def split(op: Layer) -> list[Value]:
    return _equal(op, op.normal(-3, op.rank()))


def _equal(op: Layer, axis: int) -> list[Value]:
    count = len(op.outputs)
    if count < 1:
        raise ModelDamaged("a split into nothing")
    return op.emit_many("Split", [op.x], count, axis=axis, num_outputs=count)


@layer("splitND")
def split_nd(op: Layer) -> list[Value]:
    """In given sizes, or in equal parts of which the first take one more each if there is a rest."""
    axis, sizes = op.axis(), op.sizes("splitSizes")
    count = len(sizes) or len(op.outputs)
    if count < 1:
        raise ModelDamaged("a split into nothing")
    size = op.shape()[axis]
    if not sizes and isinstance(size, int):
        sizes = [size // count + (place < size % count) for place in range(count)]
    parts = op.int64s(sizes)
    if not sizes:
        whole, number = op.size_of(op.x, axis), op.int64s(count)
        part = op.emit("Div", [whole, number])
        rest = op.emit("Sub", [whole, op.emit("Mul", [part, number])])
        more = op.emit("Sub", [rest, op.graph.constant(np.arange(count, dtype=np.int64))])
        parts = op.emit("Add", [part, op.emit("Min", [op.emit("Max", [more, op.int64s(0)]), op.int64s(1)])])
    return op.emit_many("Split", [op.x, parts], count, axis=axis)


@layer("tile")
def tile(op: Layer) -> Value:
    """Fewer repetitions than axes count for the last ones."""
    rank = op.rank()
    if op.has_input(1):
        given = op.vector(op.input(1))
        count = None if given.shape is None else given.shape[0]
        if isinstance(count, int) and count < rank:
            given = op.emit("Concat", [op.int64s([1] * (rank - count)), given], axis=0)
        return op.emit("Tile", [op.x, op.reshape(given, [rank])])
    times = op.sizes("reps")
    if not 1 <= len(times) <= rank:
        raise ModelDamaged(f"reps is {times} for a tensor with {rank} axes")
    return op.emit("Tile", [op.x, op.int64s([1] * (rank - len(times)) + times)])


@layer("sequenceRepeat")
def sequence_repeat(op: Layer) -> Value:
    axis = op.normal(-5, op.rank())
    times = [1] * op.rank()
    times[axis] = op.size("nRepetitions", 1)
    return op.emit("Tile", [op.x, op.int64s(times)])
