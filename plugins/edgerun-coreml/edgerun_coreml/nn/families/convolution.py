"""Convolutions over images and volumes, and their transposes."""

from __future__ import annotations

from collections.abc import Sequence

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn.families.windows import (
    Windows,
    auto_pad,
    border,
    same_transposed,
    to_output_size,
    volume,
    volume_padding,
)
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import View, layer
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal


@layer("convolution", view=View.SPATIAL)
def convolution(op: Layer) -> Value:
    """Weights are [out, in / groups, height, width], transposed [in, out / groups, height, width], or an input."""
    p = op.params
    transposed = p.isDeconvolution
    windows = Windows(
        op.positive("kernelSize", [3, 3], 2),
        op.positive("stride", [1, 1], 2),
        op.positive("dilationFactor", [1, 1], 2),
    )
    groups, channels, depth = op.size("nGroups", 1), op.size("outputChannels"), op.size("kernelChannels")
    if channels < 1 or depth < 1 or channels % groups or (transposed and depth % groups):
        raise ModelDamaged(f"{channels} channels from {depth} in {groups} groups")
    if op.has_input(1):
        if transposed:
            raise Refusal("a transposed convolution whose weights are computed")
        weights = op.input(1)
    elif transposed:
        shape = [depth, channels // groups, *windows.kernel]
        weights = op.constant(op.weights("weights", shape, axis=1))
    else:
        weights = op.constant(op.weights("weights", [channels, depth, *windows.kernel]))
    bias = op.constant(op.weights("bias", [channels])) if p.hasBias else None
    if transposed:
        return _transposed(op, [op.x, weights, bias], windows, groups)
    kind = p.which("ConvolutionPaddingType")
    if kind == "same":
        padding = auto_pad(windows, op.x, p.same.asymmetryMode == "TOP_LEFT_HEAVY")
    else:
        padding = {"pads": border(p.valid.paddingAmounts)}
    return op.emit(
        "Conv",
        [op.x, weights, bias],
        kernel_shape=windows.kernel,
        strides=windows.strides,
        dilations=windows.dilations,
        group=groups,
        **padding,
    )


def _transposed(op: Layer, inputs: Sequence[Value | None], windows: Windows, groups: int) -> Value:
    p = op.params
    wanted = op.sizes("outputShape")
    sizes = (op.x.shape or ())[2:]
    top_left = p.same.asymmetryMode == "TOP_LEFT_HEAVY"
    extra = [0, 0]
    if wanted and len(wanted) == 2 and all(isinstance(size, int) for size in sizes):
        start = border(p.valid.paddingAmounts)[:2] if p.which("ConvolutionPaddingType") == "valid" else None
        pads, extra = to_output_size(windows, sizes, wanted, start)
    elif p.which("ConvolutionPaddingType") == "same":
        pads, extra = same_transposed(windows, top_left)
    elif wanted:
        raise Refusal("an output shape for a size only known at run time")
    else:
        pads = border(p.valid.paddingAmounts)
    return transpose(op, inputs, windows, groups, pads, extra)


def transpose(
    op: Layer, inputs: Sequence[Value | None], windows: Windows, groups: int, pads: list[int], extra: list[int]
) -> Value:
    """A transposed convolution. ONNX Runtime wants output padding below the stride or dilation."""
    limit = [max(stride, dilation) for stride, dilation in zip(windows.strides, windows.dilations, strict=True)]
    if any(more >= most for more, most in zip(extra, limit, strict=True)):
        raise Refusal("a transposed convolution with an output larger than its windows reach")
    return op.emit(
        "ConvTranspose",
        inputs,
        kernel_shape=windows.kernel,
        strides=windows.strides,
        dilations=windows.dilations,
        group=groups,
        pads=pads,
        output_padding=extra if any(extra) else None,
    )


@layer("convolution3d")
def convolution3d(op: Layer) -> Value:
    """Input [batch, channels, depth, height, width].

    Transposed weights are [in, out / groups, depth, height, width]: so coremltools writes them, whatever the format's
    description says.
    """
    p = op.params
    windows = Windows(volume(op, "kernel"), volume(op, "stride"), volume(op, "dilation"))
    groups, channels, inputs = op.size("nGroups", 1), op.size("outputChannels"), op.size("inputChannels")
    if op.rank() != 5:
        raise ModelDamaged(f"a tensor with {op.rank()} axes where five are needed")
    if channels < 1 or inputs < 1 or channels % groups or inputs % groups:
        raise ModelDamaged(f"{channels} channels from {inputs} in {groups} groups")
    bias = op.constant(op.weights("bias", [channels])) if p.hasBias else None
    if not p.isDeconvolution:
        weights = op.constant(op.weights("weights", [channels, inputs // groups, *windows.kernel]))
        return op.emit(
            "Conv",
            [op.x, weights, bias],
            kernel_shape=windows.kernel,
            strides=windows.strides,
            dilations=windows.dilations,
            group=groups,
            **volume_padding(op, windows),
        )
    weights = op.constant(op.weights("weights", [inputs, channels // groups, *windows.kernel], axis=1))
    wanted, sizes, extra = op.sizes("outputShape"), op.shape()[2:], [0, 0, 0]
    if p.paddingType == "SAME":
        pads, extra = same_transposed(windows, False)
    else:
        padding = volume_padding(op, windows)["pads"]
        assert isinstance(padding, list)
        pads = padding
    if len(wanted) == 3 and all(isinstance(size, int) for size in sizes):
        start = None if p.paddingType == "SAME" else pads[:3]
        pads, extra = to_output_size(windows, sizes, wanted, start)
    return transpose(op, [op.x, weights, bias], windows, groups, pads, extra)
