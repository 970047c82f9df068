"""Greedy suppression of upright boxes, by the way that is fastest for their number and for how close they lie.

All three give the same rows. OpenCV compares every row with every kept one, in C++: best for few rows, or few that
stay. Where most stay, most of these comparisons are of boxes far apart: a sweep from left to right finds the pairs that
can meet. Where very many lie close together, numpy compares a block of rows with all that are left.
`benchmarks/nms.py` measures where one way overtakes the other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np

from edgerun.boxes import area
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["kept_rows"]

FEW = 200
"""Up to so many rows nothing is faster than OpenCV."""

MANY = 400
"""From so many rows blocks in numpy are faster than OpenCV."""

MANY_CROWDED = 8000
"""The same where less than a quarter stays."""

SAMPLE = 64
"""The best so many rows tell whether most rows stay."""

SPARSE = 64
"""Up to so many pairs a row the sweep is faster than blocks where most rows stay."""

FAR = 1e6
"""Boxes that reach further than this are compared by blocks: the other ways set classes apart by moving boxes."""

BLOCK = 64
"""Rows that are compared with all that are left at a time."""

TINY = 1e-6
"""Sides from which OpenCV tells a box from an empty one."""

CELLS = 1 << 16
"""Comparisons in one array: it stays in the processor's cache."""


def kept_rows(boxes: FloatArray, scores: FloatArray, classes: AnyArray | None, *, iou: float, max_det: int) -> AnyArray:
    """The rows that stay, best first: a row goes where a better kept row of its class overlaps it by more than `iou`.

    Args:
        boxes: float32 [N, 4], x1 y1 x2 y2, finite.
        scores: float32 [N]; equal ones keep their order of arrival.
        classes: int [N], from 0; None compares rows of all classes.
        iou: 0..1; exactly this much overlap still stays.
        max_det: at most so many rows.

    Returns:
        intp [K].
    """
    if not len(boxes):
        return np.empty(0, np.intp)
    if len(boxes) <= FEW and (rows := _by_opencv(boxes, scores, classes, iou)) is not None:
        return rows[:max_det]
    order = np.argsort(-scores, kind="stable")
    ranked, groups = boxes[order], None if classes is None else classes[order]
    return order[_kept_ranks(ranked, groups, iou, max_det)[:max_det]]


def _kept_ranks(boxes: FloatArray, groups: AnyArray | None, iou: float, max_det: int) -> AnyArray:
    """Of rows that come best first."""
    ranks = np.arange(len(boxes), 0, -1, dtype=np.float32)
    sample = _by_opencv(boxes[:SAMPLE], ranks[:SAMPLE], None if groups is None else groups[:SAMPLE], iou)
    if sample is None or np.abs(boxes).max() > FAR:
        return _by_blocks(boxes, groups, iou, max_det)
    if 2 * len(sample) > SAMPLE:
        sweep = _Sweep.over(boxes, groups)
        if sweep.pairs <= SPARSE * len(boxes):
            return _undefeated(len(boxes), *sweep.overlapping(iou))
    limit = MANY if 4 * len(sample) > SAMPLE else MANY_CROWDED
    rows = _by_opencv(boxes, ranks, groups, iou) if len(boxes) < limit else None
    return _by_blocks(boxes, groups, iou, max_det) if rows is None else rows


def _at_least(iou: float) -> np.float32:
    """The float32 at or next above: a product that is exactly `iou` of a union is then never above it."""
    nearest = np.float32(iou)
    return nearest if float(nearest) >= iou else np.nextafter(nearest, np.float32(2))


def _by_opencv(boxes: FloatArray, scores: FloatArray, classes: AnyArray | None, iou: float) -> AnyArray | None:
    """By OpenCV's suppression, best first; None for what it does not compare as we do.

    Two boxes without an area are the same one to it, and it sets classes apart by moving boxes to the right of all
    others, which takes coordinates from 0 up that are not so large that small boxes would vanish beside them. Scores
    of 0 are no rows to it.
    """
    rectangles = boxes.astype(np.float64)
    rectangles[:, 2:] -= rectangles[:, :2]
    if classes is not None:
        rectangles[:, :2] -= rectangles[:, :2].min()
    # OpenCV compares 1 - float32(1 - IoU), which may be half a step of float32 below 1 too high
    threshold = float(_at_least(iou)) + float(np.finfo(np.float32).eps) / 2
    if scores.min() <= 0 or rectangles[:, 2:].min() <= TINY or rectangles.max() > FAR:
        return None
    opencv: Any = cv2.dnn  # whose stubs know sequences alone
    if classes is None:
        return np.asarray(opencv.NMSBoxes(rectangles, scores, 0.0, threshold), np.intp)
    return np.asarray(opencv.NMSBoxesBatched(rectangles, scores, classes.astype(np.int32), 0.0, threshold), np.intp)


class _Sweep(NamedTuple):
    """Rows from left to right, group by group, and how many of those that follow begin before each of them ends.

    Attributes:
        order: intp [N], the rows.
        columns: float32 [5, N], x1 y1 x2 y2 area in that order.
        following: intp [N].
        pairs: how many pairs that makes.
    """

    order: AnyArray
    columns: FloatArray
    following: AnyArray
    pairs: int

    @classmethod
    def over(cls, boxes: FloatArray, groups: AnyArray | None) -> _Sweep:
        span = float(boxes.max()) - float(boxes.min()) + 1
        moved = np.zeros(len(boxes)) if groups is None else groups * span
        starts = boxes[:, 0] + moved
        order = np.argsort(starts)
        ends = np.searchsorted(starts[order], (boxes[:, 2] + moved)[order])
        following = np.maximum(ends - np.arange(1, len(order) + 1), 0)
        columns = _columns(boxes)[:, order]
        return cls(order, columns, following, int(following.sum()))

    def overlapping(self, iou: float) -> tuple[AnyArray, AnyArray]:
        """Of each pair that overlaps by more than `iou`, the better row and the worse one. intp [M] each."""
        x1, y1, x2, y2, areas = self.columns
        rows = np.repeat(np.arange(len(self.order)), self.following)
        before = np.cumsum(self.following) - self.following
        others = rows + 1 + np.arange(self.pairs) - np.repeat(before, self.following)
        height = np.minimum(y2[rows], y2[others]) - np.maximum(y1[rows], y1[others])
        meet = np.flatnonzero(height > 0)
        rows, others = rows[meet], others[meet]
        # the other one begins further right, and before this one ends
        width = np.maximum(np.minimum(x2[rows], x2[others]) - x1[others], 0)
        shared = width * height[meet]
        over = np.flatnonzero(shared > _at_least(iou) * (areas[rows] + areas[others] - shared))
        first, second = self.order[rows[over]], self.order[others[over]]
        return np.minimum(first, second), np.maximum(first, second)


def _columns(boxes: FloatArray) -> FloatArray:
    """Corners and areas, float32 [5, N]."""
    table: FloatArray = np.concatenate((boxes.T, area(boxes)[None]))
    return table


def _undefeated(count: int, better: AnyArray, worse: AnyArray) -> AnyArray:
    """Rows that no kept row defeats: those without a rival stay, what they defeat goes, and so on with the rest."""
    stays = np.ones(count, bool)
    while len(better):
        open_rows = np.zeros(count, bool)
        open_rows[worse] = True
        settled = ~open_rows[better]
        stays[worse[settled]] = False
        left = stays[better] & stays[worse]
        better, worse = better[left], worse[left]
    return np.flatnonzero(stays)


def _by_blocks(boxes: FloatArray, groups: AnyArray | None, iou: float, max_det: int) -> AnyArray:
    """The best rows among themselves, then all others against what stays of them, and so on with the rest."""
    columns = _columns(boxes)
    threshold = _at_least(iou)
    left = np.arange(len(boxes))
    kept: list[AnyArray] = []
    count = 0
    while len(left) and count < max_det:
        block, left = left[:BLOCK], left[BLOCK:]
        ahead = np.triu(_overlap(columns, groups, block, block, threshold), 1)
        best = block[_undefeated(len(block), *np.nonzero(ahead))]
        kept.append(best)
        count += len(best)
        step = max(BLOCK, CELLS // len(best))
        parts = [left[start : start + step] for start in range(0, len(left), step)]
        clear = [part[~_overlap(columns, groups, best, part, threshold).any(axis=0)] for part in parts]
        left = np.concatenate(clear) if clear else left
    return np.concatenate(kept)[:max_det] if kept else left


def _overlap(
    columns: FloatArray, groups: AnyArray | None, first: AnyArray, second: AnyArray, threshold: np.float32
) -> AnyArray:
    """Whether each pair of a group overlaps by more than the threshold. bool [N, M]."""
    u1, v1, u2, v2, areas = columns[:, first][..., None]
    x1, y1, x2, y2, others = columns[:, second][:, None]
    shared, side = np.minimum(u2, x2), np.maximum(u1, x1)
    shared -= side
    np.maximum(shared, 0, out=shared)
    height = np.minimum(v2, y2)
    np.maximum(v1, y1, out=side)
    height -= side
    np.maximum(height, 0, out=height)
    shared *= height
    union = np.add(areas, others, out=side)
    union -= shared
    union *= threshold
    over: AnyArray = shared > union
    if groups is not None:
        over &= groups[first][:, None] == groups[second]
    return over
