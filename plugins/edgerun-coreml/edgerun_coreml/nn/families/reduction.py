"""Reductions along axes, indices of extremes, and dot products."""

from __future__ import annotations

from typing import Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import View, layer
from edgerun_coreml.onnx.graph import Value

_ONNX: Final = {
    "reduceL1": "ReduceL1",
    "reduceL2": "ReduceL2",
    "reduceMax": "ReduceMax",
    "reduceMin": "ReduceMin",
    "reduceSum": "ReduceSum",
    "reduceProd": "ReduceProd",
    "reduceMean": "ReduceMean",
    "reduceLogSum": "ReduceLogSum",
    "reduceSumSquare": "ReduceSumSquare",
    "reduceLogSumExp": "ReduceLogSumExp",
}
_MODES: Final = {
    "SUM": "ReduceSum",
    "AVG": "ReduceMean",
    "PROD": "ReduceProd",
    "SUMSQUARE": "ReduceSumSquare",
    "L1": "ReduceL1",
    "L2": "ReduceL2",
    "MAX": "ReduceMax",
    "MIN": "ReduceMin",
}
_AXES: Final = {"CHW": [-3, -2, -1], "HW": [-2, -1], "C": [-3], "H": [-2], "W": [-1]}


@layer(*_ONNX)
def reduce_nd(op: Layer) -> Value:
    rank = op.rank()
    axes = [] if op.params.reduceAll else sorted({op.normal(axis, rank) for axis in op.indices("axes")})
    keep = int(op.params.keepDims)
    if _ONNX[op.type] == "ReduceMean" and rank == 4 and axes == [2, 3] and keep:
        return op.emit("GlobalAveragePool", [op.x])  # the same, and faster
    return op.emit(_ONNX[op.type], [op.x, op.int64s(axes or range(rank))], keepdims=keep)


@layer("reduce", view=View.ANY)
def reduce(op: Layer) -> Value:
    """``LOGSUM`` is the sum of logarithms, unlike ``reduceLogSum``."""
    mode, axes = op.params.mode, _AXES.get(op.params.axis)
    if axes is None:
        raise ModelDamaged(f"a reduction along {op.params.axis}")
    axes = [op.normal(axis, op.rank()) for axis in axes]
    if mode == "ARGMAX":
        if len(axes) > 1:
            raise ModelDamaged("the index of the maximum along several axes")
        return op.floats(op.emit("ArgMax", [op.x], axis=axes[0], keepdims=1))
    x, onnx = op.x, _MODES.get(mode, "ReduceSum")
    if mode == "LOGSUM":
        x = op.emit("Log", [op.emit("Add", [x, op.number(float(op.params.epsilon) or 1e-6)])])
    elif mode not in _MODES:
        raise ModelDamaged(f"a reduction of kind {mode}")
    if mode == "AVG" and op.rank() == 4 and axes == [2, 3]:
        return op.emit("GlobalAveragePool", [x])
    return op.emit(onnx, [x, op.int64s(axes)], keepdims=1)


@layer("argMax", "argMin", counts=True)
def arg_extreme(op: Layer) -> Value:
    onnx = "ArgMax" if op.type == "argMax" else "ArgMin"
    index = op.emit(onnx, [op.x], axis=op.axis(), keepdims=int(not op.params.removeDim))
    return op.graph.cast(index, np.float32)


@layer("dot", view=View.SPATIAL)
def dot(op: Layer) -> Value:
    left, right = op.need_inputs(2, 2)
    if op.params.cosineSimilarity:
        left, right = _unit(op, left), _unit(op, right)
    return op.emit("ReduceSum", [op.emit("Mul", [left, right]), op.int64s(1)], keepdims=1)


def _unit(op: Layer, x: Value) -> Value:
    return op.emit("Div", [x, op.emit("ReduceL2", [x, op.int64s(1)], keepdims=1)])
