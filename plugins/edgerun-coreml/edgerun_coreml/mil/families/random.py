"""Random numbers: the distribution is that of Core ML, the stream of numbers is not."""

from __future__ import annotations

import numpy as np

from ...graph import Value
from ..kinds import FLOAT32, computed
from ..operation import Operation
from ..registry import operation


def _zeros(op: Operation) -> Value:
    return op.emit("ConstantOfShape", [op.int64("shape")], dtype=FLOAT32, value=np.zeros(1, np.float32))


def _seed(op: Operation) -> float | None:
    seed = op.integer("seed", -1)
    return float(seed) if seed > 0 else None


@operation("random_uniform")
def random_uniform(op: Operation) -> Value:
    low, high = op.number("low", 0.0), op.number("high", 1.0)
    return op.emit("RandomUniformLike", [_zeros(op)], low=low, high=high, seed=_seed(op))


@operation("random_normal")
def random_normal(op: Operation) -> Value:
    mean, scale = op.number("mean", 0.0), op.number("stddev", 1.0)
    return op.emit("RandomNormalLike", [_zeros(op)], mean=mean, scale=scale, seed=_seed(op))


@operation("random_bernoulli")
def random_bernoulli(op: Operation) -> Value:
    uniform = op.emit("RandomUniformLike", [_zeros(op)], low=0.0, high=1.0, seed=_seed(op))
    hit = op.emit("Less", [uniform, op.scalar(op.number("prob", 0.5), uniform)])
    return op.graph.cast(hit, computed(op.kind))


@operation("random_categorical")
def random_categorical(op: Operation) -> Value:
    """Indices drawn from each row of x [N, classes], given as logits or as probabilities."""
    x = op.value()
    if op.text("mode", "logits") == "probs":
        x = op.emit("Log", [x])
    size = op.integer("size", 1)
    return op.emit("Multinomial", [x], dtype=np.int32, sample_size=size, seed=_seed(op))
