"""Random numbers: the distribution is that of Core ML, the stream of numbers is not."""

from __future__ import annotations

import numpy as np

from edgerun_coreml.mil.kinds import FLOAT32, computed
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal


def _zeros(op: Operation) -> Value:
    if op.is_constant("shape"):
        op.bounded(*op.integers("shape"))
    return op.emit("ConstantOfShape", [op.int64("shape")], dtype=FLOAT32, value=np.zeros(1, np.float32))


def _seed(op: Operation) -> float | None:
    seed = op.integer("seed", -1)
    return float(seed) if seed > 0 else None


@operation("random_uniform")
def random_uniform(op: Operation) -> Value:
    low, high = op.number("low", 0.0), op.number("high", 1.0)
    return _scaled(op, _uniform(op), high - low, low)


@operation("random_normal")
def random_normal(op: Operation) -> Value:
    normal = op.emit("RandomNormalLike", [_zeros(op)], mean=0.0, scale=1.0, seed=_seed(op))
    return _scaled(op, normal, op.number("stddev", 1.0), op.number("mean", 0.0))


def _uniform(op: Operation) -> Value:
    return op.emit("RandomUniformLike", [_zeros(op)], low=0.0, high=1.0, seed=_seed(op))


def _scaled(op: Operation, standard: Value, scale: float, shift: float) -> Value:
    """Scale and shift by nodes of their own: no number of the file becomes an attribute of the random operator."""
    scaled = op.emit("Mul", [standard, op.scalar(scale, standard)])
    return op.emit("Add", [scaled, op.scalar(shift, scaled)])


@operation("random_bernoulli")
def random_bernoulli(op: Operation) -> Value:
    uniform = _uniform(op)
    hit = op.emit("Less", [uniform, op.scalar(op.number("prob", 0.5), uniform)])
    return op.graph.cast(hit, computed(op.kind))


@operation("random_categorical")
def random_categorical(op: Operation) -> Value:
    """Indices drawn from each row of x [N, classes] or [classes], given as logits or as probabilities."""
    x, size = op.floats(op.value()), op.integer("size", 1)
    if size < 1:
        raise Refusal(f"{size} samples")
    if op.rank() == 1:
        x = op.emit("Unsqueeze", [x, op.graph.int64(0)])
    if op.text("mode", "logits") == "probs":
        x = op.emit("Log", [x])
    drawn = op.emit("Multinomial", [x], dtype=np.int32, sample_size=size, seed=_seed(op))
    return drawn if op.rank() > 1 else op.emit("Squeeze", [drawn, op.graph.int64(0)])
