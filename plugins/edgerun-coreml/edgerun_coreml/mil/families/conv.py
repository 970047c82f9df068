"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal


def same_padding(
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    *,
    lower: bool,
) -> list[int]:
    """ONNX pads (all starts, then all ends) so that ``ceil(size / stride)`` outputs come out.

    An odd remainder goes to the end, or to the start when ``lower``.
    """
    starts, ends = [], []
    for size, k, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        extent = (k - 1) * dilation + 1
        total = max((-(-size // stride) - 1) * stride + extent - size, 0)
        less, more = total // 2, total - total // 2
        starts.append(more if lower else less)
        ends.append(less if lower else more)
    return starts + ends


def padding(op: Operation, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> dict[str, Any]:
    """The padding attribute of convolution and pooling: ``pads``, or ``auto_pad`` for unknown sizes."""
    kind, axes = op.text("pad_type", "valid").lower(), len(kernel)
    if kind == "valid":
        return {"pads": [0] * 2 * axes}
    if kind == "custom":
        pad = op.integers("pad", [0] * 2 * axes)
        return {"pads": pad[0::2] + pad[1::2]}
    if kind not in ("same", "same_lower"):
        raise Refusal(f"the padding {kind!r}")
    lower = kind == "same_lower"
    sizes = [size for size in (op.operand().shape or ())[2:] if isinstance(size, int)]
    if len(sizes) != axes:
        return {"auto_pad": "SAME_LOWER" if lower else "SAME_UPPER"}
    return {"pads": same_padding(sizes, kernel, strides, dilations, lower=lower)}


@operation("conv")
def conv(op: Operation) -> Value:
    return _convolution(op, op.value("weight"))


@operation("conv_quantized")
def conv_quantized(op: Operation) -> Value:
    """Weights ``quantised * scale + bias``, with one number for all or one for each output channel."""
    if op.text("quantization_type") != "linear":
        raise Refusal(f"the quantization {op.text('quantization_type')!r}")
    weight = op.array("weight").astype(np.float32)
    scale, shift = (
        op.array(name).astype(np.float32).reshape([-1] + [1] * (weight.ndim - 1))
        for name in ("quant_scale", "quant_bias")
    )
    return _convolution(op, op.graph.constant(weight * scale + shift))


def _convolution(op: Operation, weight: Value) -> Value:
    kernel = list(op.dims("weight")[2:])
    strides = op.integers("strides", [1] * len(kernel))
    dilations = op.integers("dilations", [1] * len(kernel))
    bias = op.optional("bias")
    return op.emit(
        "Conv",
        [op.value(), weight, None if bias is None else op.floats(bias)],
        kernel_shape=kernel,
        strides=strides,
        dilations=dilations,
        group=op.integer("groups", 1),
        **padding(op, kernel, strides, dilations),
    )


@operation("conv_transpose")
def conv_transpose(op: Operation) -> Value:
    """Transposed convolution. The output's size follows from padding, or from ``output_shape`` if given."""
    kernel = list(op.dims("weight")[2:])
    strides = op.integers("strides", [1] * len(kernel))
    dilations = op.integers("dilations", [1] * len(kernel))
    starts, ends, extra = _output_padding(op, kernel, strides, dilations)
    return op.emit(
        "ConvTranspose",
        [op.value(), op.value("weight"), op.optional("bias")],
        kernel_shape=kernel,
        strides=strides,
        dilations=dilations,
        group=op.integer("groups", 1),
        pads=starts + ends,
        output_padding=extra if any(extra) else None,
    )


def _output_padding(
    op: Operation, kernel: list[int], strides: list[int], dilations: list[int]
) -> tuple[list[int], list[int], list[int]]:
    """Padding at the start and the end, and what is added at the end, per axis."""
    kind, axes = op.text("pad_type", "valid").lower(), len(kernel)
    extra = [0] * axes
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    pad = op.integers("pad", [0] * 2 * axes) if kind == "custom" else [0] * 2 * axes
    starts, ends = pad[0::2], pad[1::2]
    wanted = op.integers("output_shape")[2:] if op.has("output_shape") else None
    if wanted is None and kind in ("valid", "custom"):
        return starts, ends, extra
    if wanted is None:  # same: size * stride, whatever the size
        surplus = [extent - stride for extent, stride in zip(extents, strides, strict=True)]
    else:
        sizes = op.dims()[2:]
        surplus = [
            (size - 1) * stride + extent - target
            for size, stride, extent, target in zip(sizes, strides, extents, wanted, strict=True)
        ]
    for axis, more in enumerate(surplus):
        if kind == "custom":
            extra[axis] = starts[axis] + ends[axis] - more
        else:
            starts[axis], ends[axis] = max(more, 0) // 2, max(more, 0) - max(more, 0) // 2
            extra[axis] = max(-more, 0)
    return starts, ends, extra
