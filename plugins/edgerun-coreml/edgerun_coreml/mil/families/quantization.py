"""Quantised activations."""

from __future__ import annotations

import numpy as np

from edgerun_coreml.mil.kinds import STORED
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import ONNX_TYPES, Value


def _scale_and_zero_point(op: Operation, kind: str) -> tuple[Value, Value]:
    scale = op.array("scale").astype(np.float32)
    given = op.optional_array("zero_point")
    zero = np.zeros(scale.shape) if given is None else np.broadcast_to(given, scale.shape)
    return op.graph.constant(scale), op.graph.constant(zero, STORED[kind])


@operation("quantize")
def quantize(op: Operation) -> Value:
    """``round(input / scale) + zero_point``, saturated to the output's type."""
    scale, zero = _scale_and_zero_point(op, op.text("output_dtype"))
    return op.emit("QuantizeLinear", [op.value("input"), scale, zero], dtype=zero.dtype, axis=op.integer("axis", 1))


@operation("dequantize")
def dequantize(op: Operation) -> Value:
    """``(input - zero_point) * scale``."""
    scale, zero = _scale_and_zero_point(op, op.operand("input").kind)
    narrow = op.emit("Cast", [op.value("input")], dtype=zero.dtype, to=ONNX_TYPES[zero.dtype])
    return op.emit("DequantizeLinear", [narrow, scale, zero], dtype=np.float32, axis=op.integer("axis", 1))
