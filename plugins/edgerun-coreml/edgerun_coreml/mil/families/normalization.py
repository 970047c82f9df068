"""Normalisation layers."""

from __future__ import annotations

import numpy as np

from edgerun_coreml.mil.kinds import FLOAT32
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal


def vector(op: Operation, name: str, length: int, default: float) -> Value:
    """A constant parameter [length], or the default all along."""
    given = op.optional_array(name)
    return op.graph.constant(np.full(length, default) if given is None else given.reshape(-1), FLOAT32)


@operation("batch_norm")
def batch_norm(op: Operation) -> Value:
    channels = op.dims("mean")[0]
    parameters = [
        vector(op, name, channels, default)
        for name, default in (("gamma", 1), ("beta", 0), ("mean", 0), ("variance", 1))
    ]
    return op.emit("BatchNormalization", [op.value(), *parameters], epsilon=op.number("epsilon", 1e-5))


@operation("instance_norm")
def instance_norm(op: Operation) -> Value:
    shape = op.operand().shape
    channels = shape[1] if shape else None
    if not isinstance(channels, int):
        raise Refusal("an unknown number of channels")
    gamma, beta = vector(op, "gamma", channels, 1), vector(op, "beta", channels, 0)
    return op.emit("InstanceNormalization", [op.value(), gamma, beta], epsilon=op.number("epsilon", 1e-5))


@operation("layer_norm")
def layer_norm(op: Operation) -> Value:
    """``(x - mean) / sqrt(variance + epsilon) * gamma + beta`` over ``axes``."""
    x, rank = op.value(), op.rank()
    axes = sorted(axis % rank for axis in op.integers("axes", list(range(rank))))
    shape = op.operand().shape or ()
    sizes = [shape[axis] for axis in axes]
    epsilon = op.number("epsilon", 1e-5)
    if axes == list(range(rank - len(axes), rank)) and all(isinstance(size, int) for size in sizes):
        known = [size for size in sizes if isinstance(size, int)]
        gamma = op.optional("gamma") or op.graph.constant(np.ones(known), FLOAT32)
        inputs = [x, gamma, op.optional("beta")]
        return op.emit("LayerNormalization", inputs, axis=rank - len(axes), epsilon=epsilon)
    over = op.graph.int64(axes)
    centred = op.emit("Sub", [x, op.emit("ReduceMean", [x, over], keepdims=1)])
    variance = op.emit("ReduceMean", [op.emit("Mul", [centred, centred]), over], keepdims=1)
    deviation = op.emit("Sqrt", [op.emit("Add", [variance, op.scalar(epsilon, x)])])
    result = op.emit("Div", [centred, deviation])
    for name, kind in (("gamma", "Mul"), ("beta", "Add")):
        parameter = op.optional_array(name)
        if parameter is not None:
            lengths = iter(parameter.shape)
            spread = parameter.reshape([next(lengths) if axis in axes else 1 for axis in range(rank)])
            result = op.emit(kind, [result, op.graph.constant(spread, FLOAT32)])
    return result


@operation("l2_norm")
def l2_norm(op: Operation) -> Value:
    """``x / sqrt(sum(x * x) + epsilon)`` over the last three axes."""
    x = op.value()
    total = op.emit("ReduceSumSquare", [x, op.graph.int64(-3, -2, -1)], keepdims=1)
    length = op.emit("Sqrt", [op.emit("Add", [total, op.scalar(op.number("epsilon", 1e-6), x)])])
    return op.emit("Div", [x, length])


@operation("local_response_norm")
def local_response_norm(op: Operation) -> Value:
    """``x / (k + alpha / size * sum of squares of neighbours) ** beta``; an even window leans to the left."""
    x, size = op.value(), op.integer("size")
    shape = op.operand().shape or ()
    channels = shape[1] if len(shape) > 1 else None
    if not isinstance(channels, int):
        raise Refusal("an unknown number of channels")
    squares = op.emit("Reshape", [op.emit("Mul", [x, x]), op.graph.int64(0, 1, channels, -1)])
    pads = [size // 2, 0, (size - 1) // 2, 0]
    mean = op.emit("AveragePool", [squares], kernel_shape=[size, 1], pads=pads, count_include_pad=1)
    scaled = op.emit("Mul", [mean, op.scalar(op.number("alpha", 1e-4), x)])
    base = op.emit("Add", [scaled, op.scalar(op.number("k", 1.0), x)])
    power = op.emit("Pow", [base, op.scalar(op.number("beta", 0.75), x)])
    return op.emit("Div", [x, op.emit("Reshape", [power, op.emit("Shape", [x])])])
