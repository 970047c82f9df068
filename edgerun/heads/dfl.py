"""Heads that give each side of a box as a distribution over its distance from a point.

Source: Li et al., Generalized Focal Loss, arXiv 2006.04388. Families differ in strides, points and bins.
"""

from __future__ import annotations

import numpy as np

from edgerun.contract import Graph
from edgerun.graphs.view import GraphView, kind
from edgerun.heads import value_checks
from edgerun.heads.bound_outputs import Tables
from edgerun.heads.readings import Observed
from edgerun.heads.scores import expectation
from edgerun.heads.stride_outputs import Output
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["bins_of", "distances", "objection", "only_scores_in_0_to_1", "output", "plausible"]


PRODUCTS = ("conv", "conv2d", "matmul", "gemm", "fullyconnected", "linear")
"""Kinds of operator that can take the mean of a distribution."""


def bins_of(graph: Graph) -> set[int]:
    """The numbers of bins of the distributions whose mean a graph takes: it multiplies them with 0, 1, 2 …"""
    view = GraphView.of(graph)
    weights = [array for node in graph.nodes if kind(node) in PRODUCTS for array in view.constants(node)]
    return {array.size for array in weights if array.size > 1 and np.array_equal(array.ravel(), np.arange(array.size))}


def output(*bins: int) -> Output:
    """An output of distributions over four sides, for the numbers of bins that a family has."""
    return Output("distances", tuple(4 * each for each in bins))


def distances(logits: AnyArray) -> FloatArray:
    """Expected distances in bins, float32 [N, 4], from logits [N, 4 · bins], left top right bottom."""
    return expectation(logits.reshape(len(logits), 4, logits.shape[1] // 4))


def plausible(logits: AnyArray) -> bool:
    """Whether values [N, 4 · bins] of a trial run can be such logits: each side has a bin that stands out nearly
    everywhere, which class scores have not.
    """
    sides = logits.reshape(len(logits), 4, logits.shape[1] // 4)
    if any(value_checks.shares(sides[:, side]) for side in range(4)):
        return False
    return bool((np.median(sides.max(axis=2), axis=0) > 0).all())


def only_scores_in_0_to_1(tables: Tables) -> bool:
    """Whether scores are known from distances, where both may have either number of channels: only they are in 0..1."""
    return value_checks.shares(tables["scores"]) and not value_checks.shares(tables["distances"])


def objection(observed: Observed) -> str:
    """Why scores before their sigmoid are no such scores; "" where they may be."""
    if any(np.median(table) > 0 for table in observed.tables("logits")):
        return "what should be scores of a probe run are high nearly everywhere"
    return ""
