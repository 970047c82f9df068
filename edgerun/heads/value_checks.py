"""What the values of a trial run tell: scores, units, kinds of column."""

from __future__ import annotations

import math

import numpy as np

from edgerun.tensors import AnyArray, TensorSpec

__all__ = [
    "TOLERANCE",
    "clipped",
    "coarse",
    "corners",
    "integers",
    "percentile",
    "shares",
    "spans",
    "sum_to_one",
    "unit",
]

TOLERANCE = 0.02
"""How far quantised scores may leave 0..1."""

UNIT_LIMIT = 2.0
"""Boxes in 0..1 may stick out of the image, but hardly by a whole image; boxes in pixels go far beyond."""

LARGEST_UNIT = 16.0
"""Largest plausible box in units of the image: the biggest YOLO anchor (373 px) times 4, on a small input."""

CORNERED = 0.9
"""Of the rows, where all but a few degenerate ones are boxes."""

CLIPPED = 0.05
"""A network's own numbers hardly ever meet in their largest one."""

COARSE = 0.1
"""Steps beyond which stored scores say nothing."""

SPAN = 0.3
"""Of the input: boxes of a full grid differ by more in each of their sides."""


def percentile(values: AnyArray, percent: float, axis: int = -1) -> AnyArray:
    """What numpy's own gives, interpolated, and NaN where any value is. That one and its median import numpy.ma."""
    if not values.size:
        return np.asarray(np.nan)
    place = (values.shape[axis] - 1) * percent / 100
    ends = math.floor(place), math.ceil(place)
    ordered = np.partition(values, (*ends, -1), axis)  # NaN come last
    below, above, last = (ordered.take(end, axis) for end in (*ends, -1))
    found: AnyArray = np.where(np.isnan(last), last, below + (above - below) * (place - ends[0]))
    return found


def shares(values: AnyArray) -> bool:
    """Whether all values lie in 0..1: scores after a sigmoid or a softmax."""
    if not values.size:
        return False
    low, high = values.min(), values.max()  # NaN comes through, and is neither
    return bool(low >= -TOLERANCE and high <= 1 + TOLERANCE)


def unit(boxes: AnyArray) -> bool:
    """Whether boxes [N, 4] are in 0..1 of the input rather than in pixels; rows of nothing do not count."""
    reach = np.abs(boxes).max(axis=-1, initial=0)
    reach = reach[reach > 0]
    if not reach.size:
        return False
    return bool(percentile(reach, 90) <= UNIT_LIMIT and reach.max() <= LARGEST_UNIT)


def spans(boxes: AnyArray, height: int, width: int) -> bool:
    """Whether corners x1 y1 x2 y2 [N, 4] in pixels lie all over the input, as those of a full grid do."""
    size = np.array([width, height] * 2, np.float32)
    low, high = (percentile(boxes / size, percent, axis=0) for percent in (5, 95))
    return bool((high - low > SPAN).all())


def corners(boxes: AnyArray) -> bool:
    """Whether boxes [N, 4] all over a grid are x1 y1 x2 y2: for centres, sizes beyond them are rare.

    Among cells to the right and the bottom no object is as wide as it is far from the left.
    """
    ends_after_start = (boxes[:, 2:4] > boxes[:, :2]).all(axis=1)
    return bool(ends_after_start.sum() > CORNERED * len(boxes))


def integers(values: AnyArray) -> bool:
    """Whether all values are whole numbers from 0: classes, places in a batch."""
    whole = (values >= 0) & (values == np.rint(values))
    return bool(values.size and whole.all())


def clipped(values: AnyArray) -> bool:
    """Whether the largest value is that of many, as where a quantisation made for scores cuts off boxes beside them."""
    return bool(values.size and (values == values.max()).mean() > CLIPPED)


def coarse(spec: TensorSpec) -> str:
    """Why the numbers of an output that holds scores are stored too coarsely; "" where they are fine enough."""
    if spec.quantization is None:
        return ""
    step = max(spec.quantization.scale, default=0.0)
    return f"{spec.name} is stored in steps of {step:.3g}, in which scores of 0..1 are lost" if step > COARSE else ""


def sum_to_one(rows: AnyArray) -> bool:
    """Whether each row [N, C] holds probabilities that add up to 1, as after a softmax."""
    return shares(rows) and bool(np.abs(rows.sum(axis=1) - 1).max() < 0.05)
