"""Matrix products: linear layers, matmul, einsum, attention."""

from __future__ import annotations

import math

import numpy as np

from edgerun_coreml.mil.families.elementwise_binary import pair
from edgerun_coreml.mil.kinds import BOOL
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value


def transposed(op: Operation, value: Value, rank: int) -> Value:
    """The value with its last two axes swapped; a constant is swapped at once."""
    if value.array is not None:
        return op.graph.constant(np.ascontiguousarray(np.swapaxes(value.array, -1, -2)), value.dtype)
    order = [*range(rank - 2), rank - 1, rank - 2]
    return op.emit("Transpose", [value], perm=order)


@operation("linear")
def linear(op: Operation) -> Value:
    """``x @ weight.T + bias``; weight is [out, in]."""
    x, weight, bias = op.value(), op.value("weight"), op.optional("bias")
    if x.dtype.kind == "i" or weight.dtype.kind == "i":
        x, weight = op.floats(x), op.floats(weight)
        bias = None if bias is None else op.floats(bias)
    if op.rank() == 2:
        return op.emit("Gemm", [x, weight, bias], transB=1)
    product = op.emit("MatMul", [x, transposed(op, weight, 2)])
    return product if bias is None else op.emit("Add", [product, bias])


@operation("matmul")
def matmul(op: Operation) -> Value:
    x, y = pair(op)
    if x.dtype.kind == "i":
        x, y = op.floats(x), op.floats(y)
    if op.flag("transpose_x", False) and op.rank("x") > 1:
        x = transposed(op, x, op.rank("x"))
    if op.flag("transpose_y", False) and op.rank("y") > 1:
        y = transposed(op, y, op.rank("y"))
    return op.emit("MatMul", [x, y])


@operation("einsum")
def einsum(op: Operation) -> Value:
    return op.emit("Einsum", op.values("values"), equation=op.text("equation"))


@operation("scaled_dot_product_attention")
def scaled_dot_product_attention(op: Operation) -> Value:
    """``softmax(query @ key.T / sqrt(E) + mask) @ value``; a bool mask keeps where it is true."""
    query, key, value = op.value("query"), op.value("key"), op.value("value")
    width = op.operand("query").shape
    size = width[-1] if width else None
    if isinstance(size, int):
        scale = op.scalar(1 / math.sqrt(size), query)
    else:
        last = op.emit("Gather", [op.emit("Shape", [query]), op.graph.scalar(-1, np.int64)], axis=0)
        scale = op.emit("Reciprocal", [op.emit("Sqrt", [op.floats(last)])])
    scores = op.emit("MatMul", [op.emit("Mul", [query, scale]), transposed(op, key, op.rank("key"))])
    mask = op.optional("attn_mask")
    if mask is not None:
        if mask.dtype == BOOL:
            mask = op.emit("Where", [mask, op.scalar(0.0, query), op.scalar(-1e30, query)])
        scores = op.emit("Add", [scores, mask])
    return op.emit("MatMul", [op.emit("Softmax", [scores], axis=-1), value])
