"""Activations: the layer ``activation`` with its many kinds, ``gelu`` and ``clampedReLU``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.wire import Message
from edgerun_coreml.nn import weights
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import View, layer
from edgerun_coreml.onnx.graph import Value


def _per_channel(op: Layer, params: Message, name: str) -> Value:
    """A parameter with one value for each channel or one for all, as [channels, 1, 1]."""
    message = getattr(params, name)
    for count in (1, op.shape()[-3] if op.rank() >= 3 else 1):
        if isinstance(count, int) and _count(message) == count:
            return op.constant(op.scope.stored(weights.read(message, [count, 1, 1], name)))
    if op.rank() >= 3 and not isinstance(op.shape()[-3], int):
        return op.constant(op.scope.stored(weights.read(message, [_count(message), 1, 1], name)))
    raise ModelDamaged(f"{name} has {_count(message)} values for a tensor of shape {list(op.shape())}")


def _count(message: Message) -> int:
    return int(message.floatValue.size) or len(message.float16Value) // 2


def scaled(op: Layer, x: Value, factor: float, offset: float) -> Value:
    """Multiply and shift, leaving out what changes nothing."""
    if factor != 1.0:
        x = op.emit("Mul", [x, op.number(factor)])
    return op.emit("Add", [x, op.number(offset)]) if offset else x


def below(threshold: float) -> float:
    """The largest float32 less than a threshold; ONNX compares with ``>`` where Core ML has ``>=``."""
    return float(np.nextafter(np.float32(threshold), np.float32(-np.inf)))


def _linear(op: Layer, x: Value, p: Message) -> Value:
    return scaled(op, x, p.alpha, p.beta)


def _scaled_tanh(op: Layer, x: Value, p: Message) -> Value:
    return scaled(op, op.emit("Tanh", [scaled(op, x, p.beta, 0.0)]), p.alpha, 0.0)


def _parametric_softplus(op: Layer, x: Value, p: Message) -> Value:
    inner = op.emit("Mul", [x, _per_channel(op, p, "beta")])
    return op.emit("Mul", [op.emit("Softplus", [inner]), _per_channel(op, p, "alpha")])


_KINDS: Final[dict[str, Callable[[Layer, Value, Message], Value]]] = {
    "linear": _linear,
    "ReLU": lambda op, x, _: op.emit("Relu", [x]),
    "leakyReLU": lambda op, x, p: op.emit("LeakyRelu", [x], alpha=float(p.alpha)),
    "thresholdedReLU": lambda op, x, p: op.emit("ThresholdedRelu", [x], alpha=below(p.alpha)),
    "PReLU": lambda op, x, p: op.emit("PRelu", [x, _per_channel(op, p, "alpha")]),
    "tanh": lambda op, x, _: op.emit("Tanh", [x]),
    "scaledTanh": _scaled_tanh,
    "sigmoid": lambda op, x, _: op.emit("Sigmoid", [x]),
    "sigmoidHard": lambda op, x, p: op.emit("HardSigmoid", [x], alpha=float(p.alpha), beta=float(p.beta)),
    "ELU": lambda op, x, p: op.emit("Elu", [x], alpha=float(p.alpha)),
    "softsign": lambda op, x, _: op.emit("Softsign", [x]),
    "softplus": lambda op, x, _: op.emit("Softplus", [x]),
    "parametricSoftplus": _parametric_softplus,
}


@layer("activation", view=View.ANY)
def activation(op: Layer) -> Value:
    kind = op.params.which("NonlinearityType")
    if kind not in _KINDS:
        raise ModelDamaged("an activation of no kind")
    return _KINDS[kind](op, op.x, getattr(op.params, kind))


@layer("gelu", view=View.ANY)
def gelu(op: Layer) -> Value:
    if op.params.mode == "SIGMOID_APPROXIMATION":
        return op.emit("Mul", [op.x, op.emit("Sigmoid", [scaled(op, op.x, 1.702, 0.0)])])
    return op.emit("Gelu", [op.x], approximate="none" if op.params.mode == "EXACT" else "tanh")


@layer("clampedReLU", view=View.ANY)
def clamped_relu(op: Layer) -> Value:
    leaky = op.emit("LeakyRelu", [op.x], alpha=float(op.params.alpha))
    return op.emit("Min", [leaky, op.number(op.params.beta)])
