"""Activations."""

from __future__ import annotations

import numpy as np

from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal


@operation("relu")
def relu(op: Operation) -> Value:
    return op.emit("Relu", [op.value()])


@operation("relu6")
def relu6(op: Operation) -> Value:
    x = op.value()
    return op.emit("Clip", [x, op.scalar(0, x), op.scalar(6, x)])


@operation("clamped_relu")
def clamped_relu(op: Operation) -> Value:
    """``min(beta, x if x >= 0 else alpha * x)``."""
    x = op.value()
    leaky = op.emit("LeakyRelu", [x], alpha=op.number("alpha"))
    return op.emit("Min", [op.scalar(op.number("beta"), x), leaky])


@operation("elu")
def elu(op: Operation) -> Value:
    return op.emit("Elu", [op.value()], alpha=op.number("alpha", 1.0))


@operation("gelu")
def gelu(op: Operation) -> Value:
    x, mode = op.value(), op.text("mode", "EXACT")
    if mode == "SIGMOID_APPROXIMATION":
        gate = op.emit("Sigmoid", [op.emit("Mul", [x, op.scalar(1.702, x)])])
        return op.emit("Mul", [x, gate])
    return op.emit("Gelu", [x], approximate="none" if mode == "EXACT" else "tanh")


@operation("leaky_relu")
def leaky_relu(op: Operation) -> Value:
    return op.emit("LeakyRelu", [op.value()], alpha=op.number("alpha", 0.01))


@operation("linear_activation")
def linear_activation(op: Operation) -> Value:
    x = op.value()
    scaled = op.emit("Mul", [x, op.scalar(op.number("alpha"), x)])
    beta = op.number("beta", 0.0)
    return op.emit("Add", [scaled, op.scalar(beta, x)]) if beta else scaled


def per_channel(op: Operation, name: str) -> Value:
    """A constant [C] shaped to go along axis 1 of x."""
    values = op.array(name).reshape([-1] + [1] * (op.rank() - 2))
    return op.graph.constant(values, op.value().dtype)


@operation("prelu")
def prelu(op: Operation) -> Value:
    return op.emit("PRelu", [op.value(), per_channel(op, "alpha")])


@operation("scaled_tanh")
def scaled_tanh(op: Operation) -> Value:
    """``alpha * tanh(beta * x)``."""
    x = op.value()
    inner = op.emit("Mul", [x, op.scalar(op.number("beta", 1.0), x)])
    return op.emit("Mul", [op.scalar(op.number("alpha", 1.0), x), op.emit("Tanh", [inner])])


@operation("sigmoid")
def sigmoid(op: Operation) -> Value:
    return op.emit("Sigmoid", [op.value()])


@operation("sigmoid_hard")
def sigmoid_hard(op: Operation) -> Value:
    return op.emit("HardSigmoid", [op.value()], alpha=op.number("alpha", 0.2), beta=op.number("beta", 0.5))


@operation("silu")
def silu(op: Operation) -> Value:
    x = op.value()
    return op.emit("Mul", [x, op.emit("Sigmoid", [x])])


@operation("softmax")
def softmax(op: Operation) -> Value:
    return op.emit("Softmax", [op.value()], axis=op.integer("axis", -1))


@operation("softplus")
def softplus(op: Operation) -> Value:
    return op.emit("Softplus", [op.value()])


@operation("softplus_parametric")
def softplus_parametric(op: Operation) -> Value:
    """``alpha * log(1 + exp(beta * x))``, per channel."""
    inner = op.emit("Mul", [op.value(), per_channel(op, "beta")])
    return op.emit("Mul", [per_channel(op, "alpha"), op.emit("Softplus", [inner])])


@operation("softsign")
def softsign(op: Operation) -> Value:
    return op.emit("Softsign", [op.value()])


@operation("thresholded_relu")
def thresholded_relu(op: Operation) -> Value:
    """``x if x >= alpha else 0``; ONNX compares with ``>``, so the threshold is the float just below."""
    alpha = np.float32(op.number("alpha", 1.0))
    if not np.isfinite(alpha):
        raise Refusal("a threshold that is not finite")
    return op.emit("ThresholdedRelu", [op.value()], alpha=float(np.nextafter(alpha, np.float32(-np.inf))))
