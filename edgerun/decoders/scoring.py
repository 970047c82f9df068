"""From what a network computes to scores and distances: sigmoid, softmax, expectation, and the rows worth keeping."""

from __future__ import annotations

import math

import numpy as np

from edgerun.tensors import AnyArray, FloatArray

__all__ = ["best", "exp", "expectation", "logit", "sigmoid", "softmax"]


def sigmoid(values: AnyArray) -> FloatArray:
    """1 / (1 + e^-x), float32; never overflows."""
    return np.asarray(np.float32(0.5) * (np.tanh(values * np.float32(0.5)) + np.float32(1)), np.float32)


def exp(values: AnyArray) -> FloatArray:
    """e^x, float32, cut where no box is that large, so that it never overflows."""
    return np.exp(np.minimum(values, np.float32(20)), dtype=np.float32)


def logit(share: float) -> float:
    """The inverse of `sigmoid`; -Inf for 0, Inf for 1."""
    if not 0 < share < 1:
        return math.inf if share >= 1 else -math.inf
    return math.log(share / (1 - share))


@np.errstate(over="ignore", invalid="ignore")
def softmax(values: AnyArray) -> FloatArray:
    """e^x over their sum along the last axis, float32."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


@np.errstate(over="ignore", invalid="ignore")
def expectation(logits: AnyArray) -> FloatArray:
    """Mean of the distribution over 0, 1, … that the last axis gives as logits.

    Source: Li et al., Generalized Focal Loss, arXiv 2006.04388, equation 4.

    Returns:
        float32, one axis less.
    """
    bins = np.arange(logits.shape[-1], dtype=np.float32)
    return np.asarray((softmax(logits) * bins).sum(axis=-1), np.float32)


def best(scores: AnyArray, conf: float, *, logits: bool = False) -> tuple[AnyArray, FloatArray, AnyArray]:
    """Rows whose best class scores at least `conf`.

    Args:
        scores: [N, C].
        conf: 0..1.
        logits: whether scores are still to go through the sigmoid.

    Returns:
        rows intp [K], scores float32 [K], classes int32 [K].
    """
    # a row of many columns is read once; the arg max only for rows that count
    kept = np.flatnonzero(scores.max(axis=1) >= (logit(conf) if logits else conf)) if scores.size else np.empty(0, int)
    rows = scores[kept]
    classes = rows.argmax(axis=1).astype(np.int32) if len(kept) else np.empty(0, np.int32)
    found = rows[np.arange(len(kept)), classes]
    return kept, sigmoid(found) if logits else np.asarray(found, np.float32), classes
