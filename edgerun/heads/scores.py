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
    least = np.float32(logit(conf) if logits else conf)
    if scores.flags.c_contiguous and scores.shape[1]:
        # one pass over memory, ten times as fast as a maximum per row
        hits = np.flatnonzero(scores.reshape(-1) >= least) // scores.shape[1]
        kept = hits[np.flatnonzero(np.diff(hits, prepend=-1))]
    else:
        kept = np.flatnonzero((scores >= least).any(axis=1))
    rows = scores[kept]
    classes = rows.argmax(axis=1) if rows.size else np.empty(0, np.intp)
    found = rows[np.arange(len(kept)), classes]
    good = found >= least  # false where the largest is no number
    if not good.all():
        kept, classes, found = kept[good], classes[good], found[good]
    return kept, sigmoid(found) if logits else np.asarray(found, np.float32), classes.astype(np.int32)
