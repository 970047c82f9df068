"""What the numbers of a line of YOLO's are: a box, an outline, an oriented box, or a box and keypoints."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from edgerun.tensors import AnyArray

__all__ = ["BOX", "SHORTEST_OUTLINE", "around", "common_length", "may_be_outlines", "may_be_poses", "sides"]

BOX = 4
"""Numbers of a box."""
SHORTEST_OUTLINE = 6
"""Numbers of a triangle."""
ORIENTED_BOX = 8

VISIBILITIES = (0, 1, 2)
"""Not labelled, hidden, visible. Source: COCO, cocodataset.org/#format-data, keypoints."""

TOLERANCE = 0.002
"""By which numbers in 0..1 may be off, as they are rounded."""


def sides(line: AnyArray) -> AnyArray:
    """x1 y1 x2 y2 of a line that begins with cx cy w h."""
    centre, half = line[:2], line[2:BOX] / 2
    return np.concatenate((centre - half, centre + half))


def around(line: AnyArray) -> AnyArray:
    """x1 y1 x2 y2 around the corners x y x y … of an outline."""
    corners = line.reshape(-1, 2)
    return np.concatenate((corners.min(axis=0), corners.max(axis=0)))


def common_length(lines: Iterable[AnyArray]) -> int:
    """How many numbers all lines have that are more than a box; 0 where there are none, or they differ.

    Outlines have as many corners as they need, and poses of a data set are all alike.
    """
    lengths = {len(line) for line in lines} - {BOX}
    return lengths.pop() if len(lengths) == 1 else 0


def may_be_poses(table: AnyArray) -> bool:
    """Whether all lines, float [N, length], may be boxes with keypoints.

    They are where every third number behind the box is a visibility, which coordinates are not in all lines; and may
    be where points x y lie within their box.
    """
    return _begin_with_boxes(table) and (_have_visibilities(table) or _have_points_inside(table))


def may_be_outlines(table: AnyArray) -> bool:
    """Whether all lines, float [N, length], may be corners too, where they may be poses.

    They may where the second point is near the later ones, as neighbours are and a width and a height seldom are.
    """
    if table.shape[1] % 2 or (_begin_with_boxes(table) and _have_visibilities(table)):
        return False
    points = table.reshape(len(table), -1, 2)
    is_unlabelled = (points[:, 2:] == 0).all(axis=2, keepdims=True)
    later = np.where(is_unlabelled, np.nan, points[:, 2:])
    low, high = np.fmin.reduce(later, axis=1), np.fmax.reduce(later, axis=1)
    reach = high - low if points.shape[1] > 3 else np.ones_like(low)
    near = (points[:, 1] >= low - reach) & (points[:, 1] <= high + reach)
    return bool(near.all())


def _begin_with_boxes(table: AnyArray) -> bool:
    """Whether the first four numbers of all lines are boxes with an area, within the image."""
    centres, sizes = table[:, :2], table[:, 2:BOX]
    is_inside = (centres - sizes / 2 >= -TOLERANCE) & (centres + sizes / 2 <= 1 + TOLERANCE)
    return bool((is_inside & (sizes > 0)).all())


def _have_visibilities(table: AnyArray) -> bool:
    """Whether every third number behind the box is 0, 1 or 2."""
    if (table.shape[1] - BOX) % 3:
        return False
    return bool(np.isin(table[:, BOX + 2 :: 3], VISIBILITIES).all())


def _have_points_inside(table: AnyArray) -> bool:
    """Whether what follows the box are points x y within it, or 0 0 where one is not labelled."""
    if table.shape[1] % 2 or _are_parallelograms(table):
        return False
    points = table[:, BOX:].reshape(len(table), -1, 2)
    distances = np.abs(points - table[:, None, :2])
    is_inside = (distances <= table[:, None, 2:BOX] / 2 + TOLERANCE).all(axis=2)
    return bool((is_inside | (points == 0).all(axis=2)).all())


def _are_parallelograms(table: AnyArray) -> bool:
    """Whether all lines are the four corners of an oriented box."""
    if table.shape[1] != ORIENTED_BOX:
        return False
    first, second, third, fourth = table.reshape(len(table), 4, 2).transpose(1, 0, 2)
    return bool((np.abs(first + third - second - fourth) <= 2 * TOLERANCE).all())
