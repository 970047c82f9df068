"""Constants as the real numbers that they stand for, and what a quantised input can hold.

Sources: QuantizeLinear and DequantizeLinear of ONNX's operators, docs/Operators.md of ONNX 1.23; of TFLite
https://ai.google.dev/edge/litert/models/quantization_spec. ONNX stores scale and zero point as inputs of the operator,
TFLite beside the tensor.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgerun.contract import Graph, Node
from edgerun.processing.quantization import dequantise, quantise
from edgerun.tensors import AnyArray, Quantization, TensorSpec

__all__ = ["dequantized_linear", "linear_parameters", "quantized_linear", "range_held", "real_numbers"]

Lookup = Callable[[str], AnyArray | None]
"""Name of a value -> its numbers where it is a constant."""

DEFAULT_AXIS = 1
"""Of the scales of QuantizeLinear and DequantizeLinear."""

STORED = ("uint8", "int8", "uint16", "int16")
"""Types that a quantised input is stored in."""


def real_numbers(graph: Graph, name: str) -> AnyArray | None:
    """A constant of the file; scale and zero point of its tensor are applied. None where it is not one."""
    stored = graph.constants.get(name)
    spec = graph.values.get(name)
    if stored is None or spec is None or spec.quantization is None:
        return stored
    return _restored(stored, spec.quantization)


def _restored(stored: AnyArray, quantization: Quantization) -> AnyArray | None:
    """Real numbers; None where scales and axis do not fit."""
    count, axis = len(quantization.scale), quantization.axis
    fits = count == 1 or (-stored.ndim <= axis < stored.ndim and stored.shape[axis] == count)
    return dequantise(stored, quantization) if fits else None


def linear_parameters(node: Node, constant: Lookup) -> TensorSpec | None:
    """Stored type, scale and zero point of a QuantizeLinear or DequantizeLinear; None where they are not known.

    Without a zero point the type is uint8 and the point 0. Scales of blocks are not read.
    """
    _, scale_name, zero_name = (*node.inputs, "", "", "")[:3]
    scale, zero = constant(scale_name), constant(zero_name) if zero_name else np.zeros(1, np.uint8)
    if scale is None or zero is None or node.attributes.get("block_size"):
        return None
    if zero.dtype.kind not in "iu" or zero.size not in (1, scale.size) or not (scale > 0).all():
        return None
    scales = tuple(map(float, scale.reshape(-1)))
    zeros = tuple(map(int, np.broadcast_to(zero.reshape(-1), scale.size)))
    axis = int(node.attributes.get("axis", DEFAULT_AXIS))
    return TensorSpec("", (), zero.dtype.name, Quantization(scales, zeros, axis))


def dequantized_linear(stored: AnyArray, node: Node, constant: Lookup) -> AnyArray | None:
    """What DequantizeLinear makes of a constant; None where that is not known."""
    spec = linear_parameters(node, constant)
    return None if spec is None or spec.quantization is None else _restored(stored, spec.quantization)


def quantized_linear(real: AnyArray, node: Node, constant: Lookup) -> AnyArray | None:
    """What QuantizeLinear makes of a constant; None where that is not known, or where it is done axis by axis."""
    spec = linear_parameters(node, constant)
    if spec is None or spec.quantization is None or len(spec.quantization.scale) > 1:
        return None
    return quantise(real, spec.quantization, spec.dtype)


def range_held(spec: TensorSpec) -> tuple[float, float] | None:
    """The least and the greatest real number that a tensor with one scale can store; None for others."""
    if spec.quantization is None or len(spec.quantization.scale) != 1 or spec.dtype not in STORED:
        return None
    (scale,), (zero,) = spec.quantization.scale, spec.quantization.zero_point
    limits = np.iinfo(spec.dtype)
    return (limits.min - zero) * scale, (limits.max - zero) * scale
