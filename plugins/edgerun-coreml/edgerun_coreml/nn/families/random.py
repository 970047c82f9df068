"""Random tensors: right in distribution, not in their numbers, which depend on the device."""

from __future__ import annotations

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn.families.activation import scaled
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import layer
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal


def _template(op: Layer) -> Value:
    """A tensor of the shape that is asked for: static, of an input, or given by an input."""
    if op.type.endswith("Like"):
        return op.x
    shape = op.int64s(op.sizes("outputShape")) if op.type.endswith("Static") else op.vector(op.x)
    return op.emit("ConstantOfShape", [shape], dtype=np.float32, value=np.zeros(1, np.float32))


def _seed(op: Layer) -> float | None:
    """Below 0 means a seed of the runtime's choice."""
    return float(op.params.seed) if op.params.seed >= 0 else None


@layer("randomNormalLike", "randomNormalStatic", "randomNormalDynamic")
def random_normal(op: Layer) -> Value:
    """Drawn from the standard distribution, then scaled: no number of the file becomes an attribute of the operator."""
    draws = op.emit("RandomNormalLike", [_template(op)], mean=0.0, scale=1.0, seed=_seed(op))
    return scaled(op, draws, float(op.params.stdDev), float(op.params.mean))


@layer("randomUniformLike", "randomUniformStatic", "randomUniformDynamic")
def random_uniform(op: Layer) -> Value:
    low, high = float(op.params.minVal), float(op.params.maxVal)
    draws = op.emit("RandomUniformLike", [_template(op)], low=0.0, high=1.0, seed=_seed(op))
    return scaled(op, draws, high - low, low)


@layer("randomBernoulliLike", "randomBernoulliStatic", "randomBernoulliDynamic", counts=True)
def random_bernoulli(op: Layer) -> Value:
    draws = op.emit("RandomUniformLike", [_template(op)], low=0.0, high=1.0, seed=_seed(op))
    return op.floats(op.emit("Less", [draws, op.number(op.params.prob)]))


@layer("categoricalDistribution", counts=True)
def categorical_distribution(op: Layer) -> Value:
    """Draws [..., samples] from the distributions along the last axis, by the largest of logits plus Gumbel noise."""
    p, count, rank = op.params, op.size("numSamples", 1), op.rank()
    size = op.shape()[-1]
    if not isinstance(size, int):
        raise Refusal("a number of categories only known at run time")
    if rank < 1 or size < 1:
        raise ModelDamaged(f"a distribution over {size} categories")
    logits = op.x
    if not p.isLogits:
        logits = op.emit("Log", [op.emit("Add", [logits, op.number(float(p.eps) or 1e-10)])])
    logits = op.emit("Mul", [logits, op.number(1.0 / (float(p.temperature) or 1.0))])
    repeated = op.emit("Tile", [op.unsqueeze(logits, [rank - 1]), op.int64s([1] * (rank - 1) + [count, 1])])
    draws = op.emit("RandomUniformLike", [repeated], low=1e-7, high=1.0, seed=_seed(op))
    noise = op.emit("Neg", [op.emit("Log", [op.emit("Neg", [op.emit("Log", [draws])])])])
    return op.floats(op.emit("ArgMax", [op.emit("Add", [repeated, noise])], axis=rank, keepdims=0))
