"""The shapes that ONNX operators give which choose, reduce or multiply; completes :mod:`shapes`."""

from __future__ import annotations

from collections.abc import Sequence

from edgerun_coreml.nn.shapes import Attributes, Inputs, broadcast, integers, normal, rule, shape_of
from edgerun_coreml.onnx.graph import Shape

# choosing ------------------------------------------------------------------------------------------------------------


@rule("Gather")
def _gather(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    data, indices = shape_of(inputs[0]), shape_of(inputs[1])
    if data is None or indices is None:
        return [None]
    axis = normal(attributes.get("axis", 0), len(data))
    return [(*data[:axis], *indices, *data[axis + 1 :])]


@rule("GatherElements")
def _gather_elements(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    return [shape_of(inputs[1])]


@rule("GatherND")
def _gather_nd(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    data, indices = shape_of(inputs[0]), shape_of(inputs[1])
    if data is None or not indices or not isinstance(indices[-1], int):
        return [None]
    batch = attributes.get("batch_dims", 0)
    if indices[-1] + batch > len(data):
        raise ValueError(f"an index of {indices[-1]} numbers into a tensor with {len(data)} axes")
    return [(*indices[:-1], *data[batch + indices[-1] :])]


@rule("TopK")
def _top_k(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, count = shape_of(inputs[0]), integers(inputs[1])
    if shape is None:
        return [None, None]
    axis = normal(attributes.get("axis", -1), len(shape))
    size = shape[axis]
    if count and isinstance(size, int) and not 0 <= count[0] <= size:
        raise ValueError(f"the first {count[0]} of {size}")
    return [(*shape[:axis], count[0] if count else None, *shape[axis + 1 :])] * 2


# computing -----------------------------------------------------------------------------------------------------------


@rule("ReduceSum", "ReduceMean", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2")
@rule("ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare", "ArgMax", "ArgMin")
def _reduce(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape = shape_of(inputs[0])
    if shape is None:
        return [None]
    axes = integers(inputs[1]) if len(inputs) > 1 else None
    if "axis" in attributes:
        axes = [attributes["axis"]]
    gone = {normal(axis, len(shape)) for axis in axes} if axes else set(range(len(shape)))
    if attributes.get("keepdims", 1):
        return [tuple(1 if axis in gone else size for axis, size in enumerate(shape))]
    return [tuple(size for axis, size in enumerate(shape) if axis not in gone)]


@rule("MatMul")
def _matmul(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    left, right = shape_of(inputs[0]), shape_of(inputs[1])
    if left is None or right is None:
        return [None]
    if not left or not right:
        raise ValueError("a matrix product with a scalar")
    inner = left[-1], right[-2] if len(right) > 1 else right[-1]
    if isinstance(inner[0], int) and isinstance(inner[1], int) and inner[0] != inner[1]:
        raise ValueError(f"a matrix product of shapes {left} and {right}")
    batch = broadcast(left[:-2], right[:-2]) or ()
    rows = (left[-2],) if len(left) > 1 else ()
    columns = (right[-1],) if len(right) > 1 else ()
    return [(*batch, *rows, *columns)]


@rule("Gemm")
def _gemm(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    left, right = shape_of(inputs[0]), shape_of(inputs[1])
    if left is None or right is None:
        return [(None, None)]
    inner, columns = (right[1], right[0]) if attributes.get("transB") else (right[0], right[1])
    if isinstance(left[1], int) and isinstance(inner, int) and left[1] != inner:
        raise ValueError(f"{left[1]} values for a matrix that takes {inner}")
    return [(left[0], columns)]
