"""Taking parts of tensors, and replacing them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal

Array = npt.NDArray[Any]

FAR: Final = 2**31 - 1
"""Beyond the end of any axis."""


class Masks:
    """Which axes ignore their begin or end, and which are taken at one index and dropped."""

    def __init__(self, op: Operation, rank: int) -> None:
        nowhere = [False] * rank
        self.begin = op.flags("begin_mask", nowhere)
        self.end = op.flags("end_mask", nowhere)
        self.squeeze = op.flags("squeeze_mask", nowhere)
        if not len(self.begin) == len(self.end) == len(self.squeeze) == rank:
            raise Refusal("masks that do not match the axes")

    @property
    def squeezed(self) -> list[int]:
        """The axes that are dropped."""
        return [axis for axis, dropped in enumerate(self.squeeze) if dropped]


@operation("slice_by_index")
def slice_by_index(op: Operation) -> Value:
    x, rank = op.value(), op.rank()
    masks = Masks(op, rank)
    strides = op.integers("stride", [1] * rank) if not op.has("stride") or op.is_constant("stride") else None
    if strides is not None and op.is_constant("begin") and op.is_constant("end"):
        result = _slice_constant(op, x, masks, strides)
    else:
        result = _slice_computed(op, x, masks, strides)
    return op.emit("Squeeze", [result, op.graph.int64(masks.squeezed)]) if masks.squeezed else result


def _slice_constant(op: Operation, x: Value, masks: Masks, strides: list[int]) -> Value:
    """A slice known in advance; axes that are taken whole are left out."""
    begins, ends = op.integers("begin"), op.integers("end")
    bounds: list[tuple[int, int, int, int]] = []
    for axis in range(len(strides)):
        begin, end, stride = begins[axis], ends[axis], strides[axis]
        if masks.begin[axis]:
            begin = 0 if stride > 0 or masks.squeeze[axis] else FAR
        if masks.squeeze[axis]:
            end, stride = (begin + 1 if begin != -1 else FAR), 1
        elif masks.end[axis]:
            end = FAR if stride > 0 else -FAR
        if (begin, end, stride) != (0, FAR, 1):
            bounds.append((begin, end, axis, stride))
    if not bounds:
        return op.emit("Identity", [x])
    begin_at, end_at, axes, steps = (op.graph.int64(column) for column in zip(*bounds, strict=True))
    return op.emit("Slice", [x, begin_at, end_at, axes, steps])


def _slice_computed(op: Operation, x: Value, masks: Masks, strides: list[int] | None) -> Value:
    """A slice whose bounds the program computes."""
    begin, end, step = _bounds(op, masks, strides)
    return op.emit("Slice", [x, begin, end, op.graph.int64(range(op.rank())), step])


def _bounds(op: Operation, masks: Masks, strides: list[int] | None) -> tuple[Value, Value, Value]:
    """Begin, end and step, int64 [rank], for ONNX's Slice; masked bounds are the axis's own ends."""
    rank = op.rank()
    begin, end = op.int64("begin"), op.int64("end")
    backwards = [stride < 0 for stride in strides or [1] * rank]
    step = op.graph.int64(strides) if strides is not None else op.int64("stride")
    if any(masks.begin):
        edge = op.graph.int64(FAR if back else 0 for back in backwards)
        begin = op.emit("Where", [op.graph.constant(masks.begin, np.bool_), edge, begin])
    if any(masks.end):
        edge = op.graph.int64(-FAR if back else FAR for back in backwards)
        end = op.emit("Where", [op.graph.constant(masks.end, np.bool_), edge, end])
    if masks.squeezed:
        dropped = op.graph.constant(masks.squeeze, np.bool_)
        end = op.emit("Where", [dropped, _next(op, begin), end])
        step = op.emit("Where", [dropped, op.graph.int64([1] * rank), step])
    return begin, end, step


def _next(op: Operation, begin: Value) -> Value:
    """The end of a slice of one element; after the last (-1) comes the far end, not 0."""
    after = op.emit("Add", [begin, op.scalar(1, begin)])
    return op.emit("Where", [op.emit("Equal", [begin, op.scalar(-1, begin)]), op.scalar(FAR, begin), after])


@operation("slice_by_size")
def slice_by_size(op: Operation) -> Value:
    """``size`` elements from ``begin``; -1 means all the rest."""
    x, rank = op.value(), op.rank()
    begin, size = op.int64("begin"), op.int64("size")
    sums = op.emit("Add", [begin, size])
    open_end = op.emit("Equal", [size, op.scalar(-1, size)])
    # a negative begin whose slice reaches the last element would end at 0, which is the first one
    wrapped = op.emit(
        "And", [op.emit("Less", [begin, op.scalar(0, begin)]), op.emit("Equal", [sums, op.scalar(0, sums)])]
    )
    end = op.emit("Where", [op.emit("Or", [open_end, wrapped]), op.scalar(FAR, sums), sums])
    return op.emit("Slice", [x, begin, end, op.graph.int64(range(rank))])


@operation("slice_update")
def slice_update(op: Operation) -> Value:
    """X with the part that ``slice_by_index`` would take replaced by ``update``, by way of ScatterND."""
    masks, rank = Masks(op, op.rank()), op.rank()
    strides = op.integers("stride", [1] * rank)
    fixed = op.is_constant("begin") and op.is_constant("end") and op.operand().dims is not None
    depth = _depth(op, masks, strides, fixed=fixed)
    if fixed:
        indices = op.graph.constant(_constant_indices(op, masks, strides, depth))
    else:
        indices = _computed_indices(op, masks, strides, depth)
    update = op.value("update")
    if masks.squeezed:
        update = op.emit("Unsqueeze", [update, op.graph.int64(masks.squeezed)])
    return op.emit("ScatterND", [op.value(), indices, update])


def _depth(op: Operation, masks: Masks, strides: list[int], *, fixed: bool) -> int:
    """How many leading axes the positions need: those behind the last partial one are taken whole."""
    for axis in reversed(range(len(strides))):
        begins = masks.begin[axis] or (fixed and op.integers("begin")[axis] == 0)
        ends = masks.end[axis] or (fixed and op.integers("end")[axis] >= op.dims()[axis])
        if not (begins and ends and strides[axis] == 1) or masks.squeeze[axis]:
            return axis + 1
    return 1


def _constant_indices(op: Operation, masks: Masks, strides: list[int], depth: int) -> Array:
    """The positions of the part along the first axes, int64 [*part, depth]."""
    begins, ends, axes = op.integers("begin"), op.integers("end"), []
    op.bounded(*op.dims()[:depth], depth)
    for axis, size in enumerate(op.dims()[:depth]):
        if masks.squeeze[axis]:
            axes.append(np.array([begins[axis] % size]))
            continue
        begin = None if masks.begin[axis] else begins[axis]
        end = None if masks.end[axis] else ends[axis]
        axes.append(np.arange(size)[begin : end : strides[axis]])
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).astype(np.int64)


def _computed_indices(op: Operation, masks: Masks, strides: list[int], depth: int) -> Value:
    """The same for bounds that the program computes, or a flexible shape: the slice is taken of 0, 1, 2, ..."""
    graph, size, first = op.graph, op.graph.shape_of(op.value()), op.graph.int64(0)
    bounds = _bounds(op, masks, strides)
    lines, counts = [], []
    for axis in range(depth):
        place = graph.scalar(axis, np.int64)
        length = op.emit("Gather", [size, place], axis=0)
        positions = op.emit("Range", [graph.scalar(0, np.int64), length, graph.scalar(1, np.int64)])
        begin, end, step = (op.emit("Gather", [bound, graph.int64(axis)], axis=0) for bound in bounds)
        line = op.emit("Slice", [positions, begin, end, first, step])
        counts.append(op.emit("Shape", [line]))
        lines.append(op.emit("Reshape", [line, graph.int64([1] * axis, -1, [1] * (depth - axis))]))
    full = op.emit("Concat", [*counts, graph.int64(1)], axis=0)
    return op.emit("Concat", [op.emit("Expand", [line, full]) for line in lines], axis=depth)


@operation("sliding_windows")
def sliding_windows(op: Operation) -> Value:
    """Windows of ``size`` along an axis, every ``stride``: a new axis follows it."""
    axis, size, stride = op.axis(), op.integer("size"), op.integer("stride", 1)
    x = op.value()
    shape = op.operand().shape
    length = shape[axis] if shape else None
    if isinstance(length, int):
        op.bounded(max(length - size, 0) // stride + 1, size)
        starts = np.arange((length - size) // stride + 1, dtype=np.int64)[:, None] * stride
        return op.emit("Gather", [x, op.graph.constant(starts + np.arange(size))], axis=axis)
    length_now = op.emit("Squeeze", [op.emit("Shape", [x], start=axis, end=axis + 1), op.graph.int64(0)])
    last = op.emit("Sub", [length_now, op.graph.scalar(size - 1, np.int64)])
    first = op.emit("Range", [op.graph.scalar(0, np.int64), last, op.graph.scalar(stride, np.int64)])
    windows = op.emit("Add", [op.emit("Unsqueeze", [first, op.graph.int64(1)]), op.graph.int64(range(size))])
    return op.emit("Gather", [x, windows], axis=axis)
