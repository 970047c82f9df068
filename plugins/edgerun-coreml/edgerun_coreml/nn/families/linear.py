"""Matrix products, with weights or between tensors, and lookups in a table of vectors.

``int8DynamicQuantize`` lets a device round its input to int8; here the input stays exact.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import View, layer
from edgerun_coreml.nn.views import in_view
from edgerun_coreml.nn.weights import Array
from edgerun_coreml.onnx.graph import Value


@layer("innerProduct")
def inner_product(op: Layer) -> Value:
    """Rank 4 and 5 count the last three axes as one; below that the product is over the last axis."""
    outputs, inputs = op.size("outputChannels"), op.size("inputChannels")
    weights = op.weights("weights", [outputs, inputs])
    bias = op.constant(op.weights("bias", [outputs])) if op.params.hasBias else None
    if op.rank() < 4:
        return product(op, weights, bias)

    def flat(op: Layer) -> Value:
        rows = op.emit("Flatten", [op.x], axis=1)
        return op.unsqueeze(op.emit("Gemm", [rows, op.constant(weights), bias], transB=1), [2, 3])

    result = in_view(op, View.SPATIAL, flat)
    return result[0]


def product(op: Layer, weights: Array, bias: Value | None) -> Value:
    """The product of the last axis with weights [out, in]."""
    if op.rank() == 2:
        return op.emit("Gemm", [op.x, op.constant(weights), bias], transB=1)
    result = op.emit("MatMul", [op.x, op.constant(np.ascontiguousarray(weights.T))])
    return result if bias is None else op.emit("Add", [result, bias])


@layer("batchedMatmul")
def batched_matmul(op: Layer) -> Value:
    """Vectors become matrices of one row, or of one column on the right. Weights are stored [columns, rows]."""
    p = op.params
    if not op.has_input(1):
        columns = op.size("weightMatrixSecondDimension")
        weights = op.weights("weights", [columns, op.size("weightMatrixFirstDimension")])
        bias = op.constant(op.weights("bias", [columns])) if p.hasBias else None
        return product(op, weights, bias)
    left, right = op.inputs[:2]
    if op.rank(0) == 1:
        left = op.unsqueeze(left, [0])
    elif p.transposeA:
        left = op.transpose(left, _swapped(op.rank(0)))
    if op.rank(1) == 1:
        right = op.unsqueeze(right, [1])
    elif p.transposeB:
        right = op.transpose(right, _swapped(op.rank(1)))
    return op.emit("MatMul", [left, right])


def _swapped(rank: int) -> list[int]:
    return [*range(rank - 2), rank - 1, rank - 2]


def _look_up(op: Layer, indices: Value, sizes: Sequence[int]) -> Value:
    """Rows of the table [vector size, number of vectors], stored with its axes in this order."""
    table = op.constant(np.ascontiguousarray(op.weights("weights", sizes).T))
    rows = op.emit("Gather", [table, op.int64(indices)], axis=0)
    if op.params.hasBias:
        rows = op.emit("Add", [rows, op.constant(op.weights("bias", sizes[:1]))])
    return rows


@layer("embedding", view=View.SPATIAL)
def embedding(op: Layer) -> Value:
    rows = _look_up(op, op.squeeze(op.x, [1, 2, 3]), [op.size("outputChannels"), op.size("inputDim")])
    return op.unsqueeze(rows, [2, 3])


@layer("embeddingND")
def embedding_nd(op: Layer) -> Value:
    return _look_up(op, op.squeeze(op.x, [op.rank() - 1]), [op.size("embeddingSize"), op.size("vocabSize")])
