"""Normalization, and scales and biases with one value for each channel."""

from __future__ import annotations

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn import weights
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import View, layer
from edgerun_coreml.onnx.graph import Value

EPSILON = 1e-6
"""What the format gives where epsilon is 0 or left out."""


@layer("batchnorm", view=View.SPATIAL)
def batchnorm(op: Layer) -> Value:
    """With given mean and variance, or with those of each image, or of the whole batch."""
    p, count = op.params, op.size("channels")
    epsilon = float(p.epsilon) or 1e-5
    gamma = op.weights("gamma", [count]) if weights.given(p.gamma) else np.ones(count, np.float32)
    beta = op.weights("beta", [count]) if weights.given(p.beta) else np.zeros(count, np.float32)
    scale, offset = op.constant(gamma), op.constant(beta)
    if not p.computeMeanVar:
        mean, variance = op.constant(op.weights("mean", [count])), op.constant(op.weights("variance", [count]))
        return op.emit("BatchNormalization", [op.x, scale, offset, mean, variance], epsilon=epsilon)
    if p.instanceNormalization:
        return op.emit("InstanceNormalization", [op.x, scale, offset], epsilon=epsilon)
    normalized = _normalize(op, op.x, [0, 2, 3], epsilon)
    column = [count, 1, 1]
    scaled = op.emit("Mul", [normalized, op.constant(gamma.reshape(column))])
    return op.emit("Add", [scaled, op.constant(beta.reshape(column))])


def _normalize(op: Layer, x: Value, axes: list[int], epsilon: float | None) -> Value:
    """``x`` less its mean, over the root of its variance plus epsilon unless that is None."""
    centred = op.emit("Sub", [x, op.emit("ReduceMean", [x, op.int64s(axes)], keepdims=1)])
    if epsilon is None:
        return centred
    squares = op.emit("ReduceMean", [op.emit("Mul", [centred, centred]), op.int64s(axes)], keepdims=1)
    return op.emit("Div", [centred, op.emit("Sqrt", [op.emit("Add", [squares, op.number(epsilon)])])])


@layer("mvn", view=View.SPATIAL)
def mvn(op: Layer) -> Value:
    epsilon = float(op.params.epsilon) or EPSILON
    axes = [1, 2, 3] if op.params.acrossChannels else [2, 3]
    return _normalize(op, op.x, axes, epsilon if op.params.normalizeVariance else None)


@layer("l2normalize", view=View.SPATIAL)
def l2_normalize(op: Layer) -> Value:
    squares = op.emit("ReduceSumSquare", [op.x, op.int64s(1, 2, 3)], keepdims=1)
    shifted = op.emit("Add", [squares, op.number(float(op.params.epsilon) or EPSILON)])
    return op.emit("Div", [op.x, op.emit("Sqrt", [shifted])])


@layer("layerNormalization")
def layer_normalization(op: Layer) -> Value:
    p, shape = op.params, op.indices("normalizedShape")
    if not shape or len(shape) > op.rank() or min(shape) < 1:
        raise ModelDamaged(f"normalizedShape is {shape} for a tensor with {op.rank()} axes")
    gamma = op.weights("gamma", shape) if weights.given(p.gamma) else np.ones(shape, np.float32)
    beta = op.weights("beta", shape) if weights.given(p.beta) else np.zeros(shape, np.float32)
    inputs = [op.x, op.constant(gamma), op.constant(beta)]
    return op.emit("LayerNormalization", inputs, axis=op.rank() - len(shape), epsilon=float(p.eps))


@layer("lrn", view=View.SPATIAL)
def lrn(op: Layer) -> Value:
    """``x / (k + alpha / size * sum of squares over neighbouring channels) ** beta``.

    ONNX Runtime knows odd windows and positive factors only. An even one reaches further to the
    lower channels, as Core ML shows in the expected values of coremltools' tests.
    """
    p, size = op.params, op.size("localSize", 1)
    if size % 2 and p.alpha > 0 and p.beta > 0:
        return op.emit("LRN", [op.x], size=size, alpha=float(p.alpha), beta=float(p.beta), bias=float(p.k) or 1.0)
    if size > 1 << 16:
        raise ModelDamaged(f"localSize is {size}")
    means = op.emit(
        "AveragePool",
        [_planes(op)],
        kernel_shape=[size, 1],
        strides=[1, 1],
        pads=[size // 2, 0, (size - 1) // 2, 0],
        count_include_pad=1,
    )
    means = op.emit("Reshape", [means, op.shape_of(op.x)])
    base = op.emit("Add", [op.emit("Mul", [means, op.number(p.alpha)]), op.number(float(p.k) or 1.0)])
    return op.emit("Div", [op.x, op.emit("Pow", [base, op.number(p.beta)])])


def _planes(op: Layer) -> Value:
    """Squares as [batch, 1, channels, height * width], for a window over channels."""
    squares = op.emit("Mul", [op.x, op.x])
    target = op.emit("Concat", [op.sizes_of(op.x, 0, 1), op.int64s(1), op.sizes_of(op.x, 1, 2), op.int64s(-1)], axis=0)
    return op.reshape(squares, target)


def _channelled(op: Layer, weights_name: str, shape_name: str) -> Value:
    """A scale or bias of shape [1], [C], [1, H, W] or [C, H, W], ready to broadcast."""
    shape = op.sizes(shape_name, [1])
    if len(shape) not in (1, 3):
        raise ModelDamaged(f"{shape_name} is {shape}")
    array = op.weights(weights_name, shape)
    return op.constant(array.reshape(()) if array.size == 1 else array.reshape(-1, 1, 1) if len(shape) == 1 else array)


@layer("bias", view=View.ANY)
def bias(op: Layer) -> Value:
    return op.emit("Add", [op.x, _channelled(op, "bias", "shape")])


@layer("scale", view=View.ANY)
def scale(op: Layer) -> Value:
    result = op.emit("Mul", [op.x, _channelled(op, "scale", "shapeScale")])
    if op.params.hasBias:
        result = op.emit("Add", [result, _channelled(op, "bias", "shapeBias")])
    return result


@layer("softmax", view=View.ANY)
def softmax(op: Layer) -> Value:
    return op.emit("Softmax", [op.x], axis=op.normal(-3, op.rank()))


@layer("softmaxND")
def softmax_nd(op: Layer) -> Value:
    return op.emit("Softmax", [op.x], axis=op.axis())
