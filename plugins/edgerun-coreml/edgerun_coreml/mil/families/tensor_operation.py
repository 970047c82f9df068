"""Making, joining, splitting, padding and sorting tensors."""

from __future__ import annotations

from typing import Final

import numpy as np

from edgerun_coreml.mil.kinds import BOOL, FLOAT32, computed
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.mil.values import Operand
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal

_MODES: Final = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}


@operation("concat")
def concat(op: Operation) -> Value | Operand:
    operands = op.operands("values")
    values = _common(op, op.values("values"))
    rank, axis = operands[0].rank, op.integer("axis")
    if rank == 0:
        values = [op.emit("Unsqueeze", [value, op.graph.int64(0)]) for value in values]
    if op.flag("interleave", False):
        return _interleaved(op, values, axis % rank)
    return op.emit("Concat", values, axis=axis) if len(values) > 1 else op.emit("Identity", values)


def _common(op: Operation, values: list[Value]) -> list[Value]:
    """Values of one type, that of the result."""
    dtype = computed(op.kind)
    return [op.graph.cast(value, dtype) for value in values]


def _interleaved(op: Operation, values: list[Value], axis: int) -> Value:
    """Element by element in turn: stack on a new axis, then merge it into the one before."""
    after = op.graph.int64(axis + 1)
    stacked = op.emit("Concat", [op.emit("Unsqueeze", [value, after]) for value in values], axis=axis + 1)
    size = op.graph.shape_of(values[0])
    factor = [1] * op.operands("values")[0].rank
    factor[axis] = len(values)
    return op.emit("Reshape", [stacked, op.emit("Mul", [size, op.graph.int64(factor)])])


@operation("stack")
def stack(op: Operation) -> Value:
    axis = op.integer("axis")
    if axis < 0:
        axis += op.operands("values")[0].rank + 1
    values = [op.emit("Unsqueeze", [v, op.graph.int64(axis)]) for v in _common(op, op.values("values"))]
    return op.emit("Concat", values, axis=axis)


@operation("split")
def split(op: Operation) -> list[Value]:
    x, axis, count = op.value(), op.axis(), len(op.outputs)
    if count == 1:
        return [op.emit("Identity", [x])]
    if op.has("split_sizes"):
        return op.graph.emit_many("Split", [x, op.int64("split_sizes")], count, axis=axis)
    return op.graph.emit_many("Split", [x], count, axis=axis, num_outputs=count)


@operation("tile")
def tile(op: Operation) -> Value:
    if op.is_constant("x") and op.is_constant("reps"):
        op.bounded(op.array("x").size, *op.integers("reps"))
    return op.emit("Tile", [op.value(), op.int64("reps")])


@operation("pad")
def pad(op: Operation) -> Value:
    """``pad`` has begin and end of the last axes in turn."""
    x, mode = op.value(), op.text("mode", "constant")
    if mode not in _MODES:
        raise Refusal(f"the mode {mode!r}")
    if op.is_constant("pad"):
        amounts = op.integers("pad")
        before = [0] * (op.rank() - len(amounts) // 2)
        if op.is_constant("x"):
            op.bounded(*(size + sum(amounts) for size in op.dims()))
        places = op.graph.int64(before, amounts[0::2], before, amounts[1::2])
    else:
        rows = op.emit("Reshape", [op.int64("pad"), op.graph.int64(-1, 2)])
        places = op.emit("Reshape", [op.emit("Transpose", [rows], perm=[1, 0]), op.graph.int64(-1)])
    filler = op.scalar(op.number("constant_val", 0.0), x) if mode == "constant" else None
    return op.emit("Pad", [x, places, filler], mode=_MODES[mode])


@operation("fill")
def fill(op: Operation) -> Value:
    if op.is_constant("shape"):
        op.bounded(*op.integers("shape"))
    return _filled(op, op.int64("shape"))


@operation("fill_like")
def fill_like(op: Operation) -> Value:
    return _filled(op, op.graph.shape_of(op.value("ref_tensor")))


def _filled(op: Operation, shape: Value) -> Value:
    dtype = computed(op.kind)
    value = op.array("value").reshape(-1)[:1] if op.has("value") else np.zeros(1)
    return op.emit("ConstantOfShape", [shape], dtype=dtype, value=value.astype(dtype))


@operation("range_1d")
def range_1d(op: Operation) -> Value:
    bounds = ("start", "end", "step")
    if all(op.is_constant(name) for name in bounds):
        start, end, step = map(op.number, bounds)
        op.bounded(int((end - start) / step))
    values = [op.graph.cast(op.value(name), computed(op.kind)) for name in bounds]
    return op.emit("Range", [op.emit("Reshape", [value, op.graph.int64()]) for value in values])


@operation("shape")
def shape(op: Operation) -> Value:
    """A constant where the shape is known."""
    dims = op.operand().dims
    return op.graph.int64(dims) if dims is not None else op.emit("Shape", [op.value()])


@operation("flatten2d")
def flatten2d(op: Operation) -> Value:
    return op.emit("Flatten", [op.value()], axis=op.integer("axis", 1))


@operation("cumsum")
def cumsum(op: Operation) -> Value:
    axis = op.graph.scalar(op.integer("axis", 0), np.int64)
    exclusive, reverse = op.flag("exclusive", False), op.flag("reverse", False)
    return op.emit("CumSum", [op.value(), axis], exclusive=exclusive, reverse=reverse)


@operation("band_part")
def band_part(op: Operation) -> Value:
    """The central band: ``lower`` diagonals below and ``upper`` above the main one, -1 for all."""
    x = op.value()
    lower, upper = op.integer("lower", -1), op.integer("upper", -1)
    if x.dtype == BOOL:
        x = op.floats(x)
    if lower >= 0:
        x = op.emit("Trilu", [x, op.graph.scalar(-lower, np.int64)], upper=1)
    if upper >= 0:
        x = op.emit("Trilu", [x, op.graph.scalar(upper, np.int64)], upper=0)
    return x


@operation("non_zero")
def non_zero(op: Operation) -> Value:
    return op.emit("Transpose", [op.emit("NonZero", [op.value()])], perm=[1, 0])


@operation("one_hot")
def one_hot(op: Operation) -> Value:
    """In float32, since ONNX Runtime has few types for OneHot."""
    on, off = op.number("on_value", 1), op.number("off_value", 0)
    if op.is_constant("indices") and op.is_constant("one_hot_vector_size"):
        op.bounded(op.array("indices").size, op.integer("one_hot_vector_size"))
    depth = op.emit("Reshape", [op.int64("one_hot_vector_size"), op.graph.int64(1)])
    indices = op.graph.cast(op.value("indices"), np.int64)
    values = op.graph.constant(np.array([off, on]), FLOAT32)
    return op.emit("OneHot", [indices, depth, values], axis=op.integer("axis", -1))


@operation("argsort")
def argsort(op: Operation) -> Value:
    x, axis = op.value(), op.axis(-1)
    count = _length(op, axis)
    types = [x.dtype, np.dtype(np.int64)]
    largest = not op.flag("ascending", False)
    return op.graph.emit_many("TopK", [x, count], types, axis=axis, largest=largest)[1]


def _length(op: Operation, axis: int) -> Value:
    """The size of an axis of x, int64 [1]."""
    dims = op.operand().shape
    size = dims[axis] if dims else None
    if isinstance(size, int):
        return op.graph.int64(size)
    return op.emit("Shape", [op.value()], start=axis, end=axis + 1)


@operation("topk")
def topk(op: Operation) -> list[Value]:
    """Values and indices, always sorted; equal values keep their order."""
    x, axis = op.value(), op.axis(-1)
    count = op.emit("Reshape", [op.int64("k"), op.graph.int64(1)]) if op.has("k") else op.graph.int64(1)
    if op.is_constant("k") and op.integer("k") == -1:
        count = _length(op, axis)
    types = [x.dtype, np.dtype(np.int64)]
    largest = not op.flag("ascending", False)
    return op.graph.emit_many("TopK", [x, count], types, axis=axis, largest=largest, sorted=1)
