"""From what a network computes to scores and distances: sigmoid, softmax, expectation, and the rows worth keeping."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from edgerun.tensors import AnyArray, FloatArray

__all__ = [
    "Best",
    "best",
    "best_behind_background",
    "best_of",
    "best_of_softmax_behind_background",
    "exp",
    "expectation",
    "face_of_two",
    "least_logit",
    "logit",
    "of_one_class",
    "sigmoid",
    "softmax",
]

Best: TypeAlias = tuple[AnyArray, FloatArray, AnyArray]
"""Rows worth keeping: their numbers intp [K], scores float32 [K] in 0..1, classes int32 [K]."""


def sigmoid(values: AnyArray) -> FloatArray:
    """1 / (1 + e^-x), float32; never overflows."""
    return np.asarray(np.float32(0.5) * (np.tanh(values * np.float32(0.5)) + np.float32(1)), np.float32)


def exp(values: AnyArray) -> FloatArray:
    """e^x, float32, cut where no box is that large, so that it never overflows."""
    return np.exp(np.minimum(values, np.float32(20)), dtype=np.float32)


def logit(probability: float) -> float:
    """The inverse of `sigmoid`; -Inf for 0, Inf for 1."""
    if probability <= 0:
        return -math.inf
    if probability >= 1:
        return math.inf
    return math.log(probability / (1 - probability))


ROUNDING = 5e-7
"""By which a float32 sigmoid may be off: eight of its steps below 1."""


def least_logit(conf: float) -> float:
    """A logit whose sigmoid is surely below `conf`, though hardly; scores themselves are compared after it."""
    return logit(conf - ROUNDING)


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


def best(scores: AnyArray, conf: float, *, logits: bool = False) -> Best:
    """Rows whose best class scores at least `conf`.

    Args:
        scores: [N, C].
        conf: 0..1.
        logits: whether scores are still to go through the sigmoid.

    Returns:
        rows intp [K], scores float32 [K], classes int32 [K].
    """
    least = np.float32(least_logit(conf) if logits else conf)
    if scores.flags.c_contiguous and scores.shape[1]:
        # one pass over memory, ten times as fast as a maximum per row
        hits = np.flatnonzero(scores.reshape(-1) >= least) // scores.shape[1]
        kept = hits[np.flatnonzero(np.diff(hits, prepend=-1))]
    else:
        kept = np.flatnonzero((scores >= least).any(axis=1))
    rows = scores[kept]
    classes = rows.argmax(axis=1) if rows.size else np.empty(0, np.intp)
    found = rows[np.arange(len(kept)), classes]
    if logits:
        found = sigmoid(found)
    good = found >= np.float32(conf)  # false where the largest is no number
    if not good.all():
        kept, classes, found = kept[good], classes[good], found[good]
    return kept, np.asarray(found, np.float32), classes.astype(np.int32)


def best_of(tables: Mapping[str, AnyArray], conf: float) -> Best:
    """The same for the rows [N, C] that have the role "logits", before the sigmoid, or "scores"."""
    logits = tables.get("logits")
    if logits is None:
        return best(tables["scores"], conf)
    return best(logits, conf, logits=True)


def of_one_class(scores: AnyArray, conf: float) -> Best:
    """Rows of a head for one kind of object that score at least `conf`; scores: [N], 0..1."""
    rows = np.flatnonzero(scores >= conf)
    return rows, scores[rows].astype(np.float32, copy=False), np.zeros(len(rows), np.int32)


def face_of_two(tables: Mapping[str, AnyArray], conf: float) -> Best:
    """The same for rows [N, 2] of a background and one kind of object; a softmax of two logits is the sigmoid of their
    difference.
    """
    if "logits" in tables:
        logits = tables["logits"]
        return of_one_class(sigmoid(logits[:, 1] - logits[:, 0]), conf)
    return of_one_class(tables["scores"][:, 1], conf)


def best_behind_background(tables: Mapping[str, AnyArray], conf: float) -> Best:
    """The same for rows [N, 1 + C] whose first column is the background, each column with its own sigmoid."""
    logits = tables.get("logits")
    if logits is None:
        return best(tables["scores"][:, 1:], conf)
    return best(logits[:, 1:], conf, logits=True)


def best_of_softmax_behind_background(tables: Mapping[str, AnyArray], conf: float) -> Best:
    """The same for rows [N, 1 + C] whose columns go through one softmax."""
    logits = tables.get("logits")
    probabilities = tables["scores"] if logits is None else softmax(logits)
    return best(probabilities[:, 1:], conf)
