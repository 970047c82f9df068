"""Functions of one tensor, element by element."""

from __future__ import annotations

from typing import Final

from edgerun_coreml.nn.families.activation import scaled
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import View, layer
from edgerun_coreml.onnx.graph import Value

_ONNX: Final = {
    "ceil": "Ceil", "floor": "Floor", "sign": "Sign", "round": "Round", "sin": "Sin", "cos": "Cos", "tan": "Tan",
    "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh",
    "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh", "erf": "Erf",
}  # fmt: skip

TINY: Final = 1e-40
"""What coremltools writes where it means no epsilon is smaller than this."""


@layer(*_ONNX, view=View.ANY)
def plain(op: Layer) -> Value:
    """Layers that ONNX has under another name."""
    return op.emit(_ONNX[op.type], [op.x])


@layer("exp2", view=View.ANY)
def exp2(op: Layer) -> Value:
    return op.emit("Pow", [op.number(2.0), op.x])


@layer("clip", view=View.ANY)
def clip(op: Layer) -> Value:
    return op.emit("Clip", [op.x, op.number(op.params.minVal), op.number(op.params.maxVal)])


@layer("copy", view=View.ANY)
def copy(op: Layer) -> Value:
    """The same tensor under another name. Only here may a name be given anew."""
    return op.x


@layer("unary", view=View.ANY)
def unary(op: Layer) -> Value:
    """The format gives epsilon a default of 1e-6; for ``LOG`` it names none, and coremltools writes 1e-45."""
    p = op.params
    x = scaled(op, op.x, p.scale or 1.0, p.shift)
    if p.type == "SQRT":
        return op.emit("Sqrt", [x])
    if p.type == "RSQRT":
        return op.emit("Reciprocal", [op.emit("Sqrt", [scaled(op, x, 1.0, p.epsilon or 1e-6)])])
    if p.type == "INVERSE":
        return op.emit("Reciprocal", [scaled(op, x, 1.0, p.epsilon or 1e-6)])
    if p.type == "POWER":
        return op.emit("Pow", [x, op.number(p.alpha)])
    if p.type == "LOG":
        return op.emit("Log", [scaled(op, x, 1.0, p.epsilon if p.epsilon > TINY else 0.0)])
    if p.type == "THRESHOLD":
        return op.emit("Max", [x, op.number(p.alpha)])
    return op.emit("Exp" if p.type == "EXP" else "Abs", [x])
