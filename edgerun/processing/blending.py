"""Weighted suppression: boxes that overlap become one, in the middle of them, instead of all but the best going."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edgerun.boxes import iou as overlaps
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["Groups", "groups"]


class Groups(NamedTuple):
    """Rows that stand for the same object.

    Attributes:
        best: intp [K], the row of each group that scores best, best group first.
        members: intp [M] per group, the best one among them.
    """

    best: AnyArray
    members: tuple[AnyArray, ...]

    def blend(self, values: AnyArray, scores: FloatArray) -> FloatArray:
        """The mean of each group's values, weighted by their scores. float32 [K, …] from [N, …]."""
        blended = np.empty((len(self.best), *values.shape[1:]), np.float32)
        for place, rows in enumerate(self.members):
            weights = scores[rows].astype(np.float64)
            blended[place] = np.tensordot(weights, values[rows].astype(np.float64), axes=1) / weights.sum()
        return blended


def groups(boxes: FloatArray, scores: FloatArray, classes: AnyArray, *, iou: float, max_det: int) -> Groups:
    """Rows together with the better row of their class that they overlap by more than `iou`.

    Source: MediaPipe, mediapipe/calculators/util/non_max_suppression_calculator.cc, `WeightedNonMaxSuppression`
    (Apache-2.0; commit 23b98e5). The score of a group is that of its best row. There a best row without an area ends
    the suppression; here it is a group of its own.

    Args:
        boxes: float32 [N, 4], x1 y1 x2 y2.
        scores: float32 [N].
        classes: int [N].
        iou: 0..1; exactly this much overlap is another group.
        max_det: at most so many groups.
    """
    left = np.argsort(-scores, kind="stable")
    best: list[int] = []
    members: list[AnyArray] = []
    while len(left) and len(best) < max_det:
        row = left[0]
        joins = (overlaps(boxes[row : row + 1], boxes[left])[0] > np.float32(iou)) & (classes[left] == classes[row])
        joins[0] = True
        best.append(int(row))
        members.append(left[joins])
        left = left[~joins]
    return Groups(np.array(best, np.intp), tuple(members))
