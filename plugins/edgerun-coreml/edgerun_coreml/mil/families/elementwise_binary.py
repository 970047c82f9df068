"""Operations on two tensors, element by element, with broadcasting."""

from __future__ import annotations

from typing import Final

import numpy as np

from edgerun_coreml.mil.kinds import BOOL, FLOAT32, INT32
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value

_ARITHMETIC: Final = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "pow": "Pow", "maximum": "Max", "minimum": "Min",
}  # fmt: skip
_COMPARISONS: Final = {
    "equal": "Equal", "greater": "Greater", "greater_equal": "GreaterOrEqual", "less": "Less",
    "less_equal": "LessOrEqual",
}  # fmt: skip
_LOGIC: Final = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}


def pair(op: Operation, first: str = "x", second: str = "y") -> tuple[Value, Value]:
    """Two inputs brought to one type: float32 before int32 before bool."""
    x, y = op.value(first), op.value(second)
    if x.dtype == y.dtype:
        return x, y
    common = FLOAT32 if "f" in (x.dtype.kind, y.dtype.kind) else INT32
    return op.graph.cast(x, common), op.graph.cast(y, common)


@operation(*_ARITHMETIC)
def arithmetic(op: Operation) -> Value:
    x, y = pair(op)
    if x.dtype == BOOL:
        x, y = op.graph.cast(x, INT32), op.graph.cast(y, INT32)
    return op.emit(_ARITHMETIC[op.type], [x, y])


@operation(*_COMPARISONS)
def comparison(op: Operation) -> Value:
    x, y = pair(op)
    if x.dtype == BOOL and op.type != "equal":  # ONNX orders numbers only
        x, y = op.graph.cast(x, INT32), op.graph.cast(y, INT32)
    return op.emit(_COMPARISONS[op.type], [x, y])


@operation("not_equal")
def not_equal(op: Operation) -> Value:
    return op.emit("Not", [op.emit("Equal", pair(op))])


@operation(*_LOGIC)
def logic(op: Operation) -> Value:
    x, y = (op.graph.cast(op.value(name), BOOL) for name in ("x", "y"))
    return op.emit(_LOGIC[op.type], [x, y])


@operation("real_div")
def real_div(op: Operation) -> Value:
    """Division in floats; a result declared as integer is cut off towards zero."""
    x, y = (op.floats(op.value(name)) for name in ("x", "y"))
    return op.emit("Div", [x, y])


@operation("floor_div")
def floor_div(op: Operation) -> Value:
    x, y = pair(op)
    if op.is_float:
        return op.emit("Floor", [op.emit("Div", [x, y])])
    wide = [op.graph.cast(item, np.float64) for item in (x, y)]  # exact for all of int32
    return op.emit("Floor", [op.emit("Div", wide)])


@operation("mod")
def mod(op: Operation) -> Value:
    """The remainder with the sign of the divisor: ``x - floor(x / y) * y``."""
    x, y = pair(op)
    if not op.is_float:
        return op.emit("Mod", [x, y], fmod=0)
    whole = op.emit("Floor", [op.emit("Div", [x, y])])
    return op.emit("Sub", [x, op.emit("Mul", [whole, y])])


@operation("select")
def select(op: Operation) -> Value:
    condition = op.graph.cast(op.value("cond"), BOOL)
    a, b = pair(op, "a", "b")
    if a.dtype == BOOL:  # ONNX Runtime has no Where for bool
        a, b = op.graph.cast(a, np.uint8), op.graph.cast(b, np.uint8)
    return op.emit("Where", [condition, a, b])
