"""Arithmetic, comparisons and logic on several tensors, element by element."""

from __future__ import annotations

from typing import Final

import numpy as np

from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import View, layer
from edgerun_coreml.onnx.graph import Value

_VARIADIC: Final = {
    "add": "Add", "multiply": "Mul", "max": "Max", "min": "Min", "average": "Mean",
    "addBroadcastable": "Add", "multiplyBroadcastable": "Mul", "maxBroadcastable": "Max", "minBroadcastable": "Min",
}  # fmt: skip
_BINARY: Final = {"subtractBroadcastable": "Sub", "divideBroadcastable": "Div", "powBroadcastable": "Pow"}
_COMPARISONS: Final = {
    "equal": "Equal",
    "notEqual": "Equal",
    "lessThan": "Less",
    "lessEqual": "LessOrEqual",
    "greaterThan": "Greater",
    "greaterEqual": "GreaterOrEqual",
}
_LOGIC: Final = {"logicalAnd": "And", "logicalOr": "Or", "logicalXor": "Xor"}


@layer(*_VARIADIC, view=View.ANY)
def variadic(op: Layer) -> Value:
    """Any number of tensors; a lone one is added to, or multiplied with, ``alpha``."""
    values = op.need_inputs(1)
    onnx = _VARIADIC[op.type]
    if len(values) == 1:
        if op.type not in ("add", "multiply"):
            return values[0]
        return op.emit(onnx, [values[0], op.number(op.params.alpha)])
    if onnx in ("Max", "Min", "Mean"):
        return op.emit(onnx, values)
    result = values[0]
    for value in values[1:]:
        result = op.emit(onnx, [result, value])
    return result


@layer(*_BINARY, view=View.ANY)
def binary(op: Layer) -> Value:
    return op.emit(_BINARY[op.type], op.need_inputs(2, 2))


@layer("floorDivBroadcastable", view=View.ANY)
def floor_divide(op: Layer) -> Value:
    return op.emit("Floor", [op.emit("Div", op.need_inputs(2, 2))])


@layer("modBroadcastable", view=View.ANY)
def modulo(op: Layer) -> Value:
    """The remainder with the sign of the divisor, as numpy has it."""
    left, right = op.need_inputs(2, 2)
    whole = op.emit("Floor", [op.emit("Div", [left, right])])
    return op.emit("Sub", [left, op.emit("Mul", [whole, right])])


@layer(*_COMPARISONS, view=View.ANY)
def comparison(op: Layer) -> Value:
    """1 or 0, comparing with a second tensor or with ``alpha``."""
    right = op.input(1) if op.has_input(1) else op.number(op.params.alpha)
    result = op.emit(_COMPARISONS[op.type], [op.x, right])
    if op.type == "notEqual":
        result = op.emit("Not", [result])
    return op.floats(result)


def truth(op: Layer, value: Value) -> Value:
    """Whether elements differ from 0, as bool."""
    return op.graph.cast(value, np.bool_)


@layer(*_LOGIC, view=View.ANY)
def logic(op: Layer) -> Value:
    left, right = op.need_inputs(2, 2)
    return op.floats(op.emit(_LOGIC[op.type], [truth(op, left), truth(op, right)]))


@layer("logicalNot", view=View.ANY)
def logical_not(op: Layer) -> Value:
    return op.floats(op.emit("Not", [truth(op, op.x)]))


@layer("whereBroadcastable", view=View.ANY)
def where(op: Layer) -> Value:
    condition, left, right = op.need_inputs(3, 3)
    return op.emit("Where", [truth(op, condition), left, right])
