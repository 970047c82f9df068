"""Reductions over axes."""

from __future__ import annotations

from typing import Final

import numpy as np

from edgerun_coreml.mil.kinds import BOOL
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value

_ONNX: Final = {
    "reduce_l1_norm": "ReduceL1", "reduce_l2_norm": "ReduceL2", "reduce_log_sum": "ReduceLogSum",
    "reduce_log_sum_exp": "ReduceLogSumExp", "reduce_max": "ReduceMax", "reduce_mean": "ReduceMean",
    "reduce_min": "ReduceMin", "reduce_prod": "ReduceProd", "reduce_sum": "ReduceSum",
    "reduce_sum_square": "ReduceSumSquare",
}  # fmt: skip
_WITH_INTEGERS: Final = frozenset({"reduce_max", "reduce_min", "reduce_prod", "reduce_sum", "reduce_sum_square"})


@operation(*_ONNX)
def reduce(op: Operation) -> Value:
    x, rank = op.value(), op.rank()
    axes = sorted({axis % rank for axis in op.integers("axes", list(range(rank)))}) if rank else []
    keep = op.flag("keep_dims", False)
    if x.dtype == BOOL or (x.dtype.kind == "i" and op.type not in _WITH_INTEGERS):
        x = op.floats(x)
    if op.type == "reduce_mean" and keep and rank == 4 and axes == [2, 3] and x.dtype.kind == "f":
        return op.emit("GlobalAveragePool", [x])  # several times faster in ONNX Runtime
    return op.emit(_ONNX[op.type], [x, op.graph.int64(axes)], keepdims=keep, noop_with_empty_axes=not axes)


@operation("reduce_argmax", "reduce_argmin")
def reduce_arg(op: Operation) -> Value:
    x = op.value()
    if x.dtype == BOOL:
        x = op.graph.cast(x, np.int32)
    kind = "ArgMax" if op.type == "reduce_argmax" else "ArgMin"
    return op.emit(kind, [x], axis=op.axis(-1), keepdims=op.flag("keep_dims", False))
