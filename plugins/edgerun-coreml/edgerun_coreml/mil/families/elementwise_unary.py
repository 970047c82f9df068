"""Operations on one tensor, element by element."""

from __future__ import annotations

from typing import Final

import numpy as np

from edgerun_coreml.mil.kinds import STORED, computed
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.mil.scope import rounded
from edgerun_coreml.mil.values import Operand
from edgerun_coreml.onnx.graph import ONNX_TYPES, Value

_ONNX: Final = {
    "abs": "Abs", "acos": "Acos", "asin": "Asin", "atan": "Atan", "atanh": "Atanh", "ceil": "Ceil",
    "cos": "Cos",
    "cosh": "Cosh", "erf": "Erf", "exp": "Exp", "floor": "Floor", "round": "Round", "sign": "Sign",
    "sin": "Sin",
    "sinh": "Sinh", "sqrt": "Sqrt", "tan": "Tan", "tanh": "Tanh",
}  # fmt: skip
_WITH_INTEGERS: Final = frozenset({"abs", "sign"})
_ON_INTEGERS_NOTHING: Final = frozenset({"ceil", "floor", "round"})


@operation(*_ONNX)
def plain(op: Operation) -> Value | Operand:
    """Operations that ONNX has under another name."""
    x = op.value()
    if x.dtype.kind == "i":
        if op.type in _ON_INTEGERS_NOTHING:
            return op.operand()
        if op.type not in _WITH_INTEGERS:
            x = op.floats(x)
    return op.emit(_ONNX[op.type], [x])


@operation("cast")
def cast(op: Operation) -> Value | Operand:
    """A cast to fp16 rounds whatever the precision: it is a part of the program.

    Narrow integers wrap around as their own type does, then go on as int32.
    """
    x, kind = op.operand(), op.kind
    if x.array is not None:
        with np.errstate(all="ignore"):
            return Operand(kind, x.shape, array=x.array.astype(STORED[kind]))
    if x.kind == kind:
        return x
    value = op.value()
    if kind == "fp16":
        return rounded(op.graph, op.floats(value))
    narrow = STORED[kind]
    if computed(kind) != narrow and computed(kind).kind == "i" and x.kind != "bool" and narrow.itemsize < 4:
        value = op.emit("Cast", [value], dtype=narrow, to=ONNX_TYPES[narrow])
    return op.graph.cast(value, computed(kind))


@operation("clip")
def clip(op: Operation) -> Value:
    x = op.value()
    return op.emit("Clip", [x, op.scalar(op.number("alpha"), x), op.scalar(op.number("beta"), x)])


@operation("exp2")
def exp2(op: Operation) -> Value:
    x = op.floats(op.value())
    return op.emit("Pow", [op.scalar(2.0, x), x])


def plus_epsilon(op: Operation, default: float) -> Value:
    """``x + epsilon``; an epsilon that float32 cannot tell from zero is left out."""
    x, epsilon = op.value(), op.number("epsilon", default)
    return op.emit("Add", [x, op.scalar(epsilon, x)]) if epsilon > 1e-40 else x


@operation("inverse")
def inverse(op: Operation) -> Value:
    return op.emit("Reciprocal", [plus_epsilon(op, 1e-4)])


@operation("log")
def log(op: Operation) -> Value:
    return op.emit("Log", [plus_epsilon(op, 1e-45)])


@operation("rsqrt")
def rsqrt(op: Operation) -> Value:
    return op.emit("Reciprocal", [op.emit("Sqrt", [plus_epsilon(op, 1e-12)])])


@operation("logical_not")
def logical_not(op: Operation) -> Value:
    return op.emit("Not", [op.graph.cast(op.value(), np.bool_)])


@operation("square")
def square(op: Operation) -> Value:
    x = op.value()
    return op.emit("Mul", [x, x])


@operation("threshold")
def threshold(op: Operation) -> Value:
    x = op.value()
    return op.emit("Max", [x, op.scalar(op.number("alpha"), x)])
