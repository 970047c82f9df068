"""Oriented boxes compared as Gaussians: ProbIoU, and the suppression that its families use with it.

Source: Llerena et al., Gaussian Bounding Boxes and Probabilistic Intersection-over-Union, arXiv 2106.06072.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgerun.tensors import AnyArray, FloatArray

__all__ = ["similarity", "suppress"]

Reals = NDArray[np.float64]

BLOCK = 64
"""Rows that are compared with all better ones at a time."""


def similarity(first: AnyArray, second: AnyArray) -> Reals:
    """ProbIoU of every pair, float64 [N, M], 0..1; 0 where a box has no area.

    A box is the Gaussian with its own mean and covariance (sides² / 12 along its axes, as a uniform density has).
    ProbIoU = 1 - Hellinger distance = 1 - sqrt(1 - exp(-D)), D being the distance of Bhattacharyya:
    D = (d' S^-1 d) / 8 + ln(det S / sqrt(det S1 · det S2)) / 2, with d between the centres and S = (S1 + S2) / 2.

    Args:
        first: float [N, 5], centre x, centre y, width, height, angle in radians.
        second: float [M, 5].
    """
    one, other = _gaussians(first), _gaussians(second)
    across, down = (one[axis][:, None] - other[axis] for axis in (0, 1))
    xx, yy, xy = ((one[axis][:, None] + other[axis]) / 2 for axis in (2, 3, 4))
    determinant = xx * yy - xy**2
    areas = _determinants(first)[:, None] * _determinants(second)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = (yy * across**2 + xx * down**2 - 2 * xy * across * down) / determinant
        distance = apart / 8 + np.log(determinant / np.sqrt(areas)) / 2
        alike = 1 - np.sqrt(1 - np.exp(-np.maximum(distance, 0)))
    return np.where(areas > 0, alike, 0.0)


def _gaussians(rotated: AnyArray) -> tuple[Reals, ...]:
    """Mean x, mean y, variance of x, variance of y, covariance; each float64 [N]."""
    x, y, width, height, angle = np.asarray(rotated, np.float64).T
    along, across = width**2 / 12, height**2 / 12
    cosine, sine = np.cos(angle), np.sin(angle)
    xx = along * cosine**2 + across * sine**2
    yy = along * sine**2 + across * cosine**2
    return x, y, xx, yy, (along - across) * cosine * sine


def _determinants(rotated: AnyArray) -> Reals:
    """Of the covariances, which the angle does not change. float64 [N]."""
    sides = np.asarray(rotated, np.float64)[:, 2:4]
    variances: Reals = np.prod(sides**2 / 12, axis=1)
    return variances


def suppress(
    rotated: FloatArray,
    scores: FloatArray,
    classes: AnyArray,
    *,
    iou: float,
    max_det: int,
    mode: Literal["class", "agnostic", "none"] = "class",
) -> AnyArray:
    """Rows to keep, best first: a row goes where any better one, kept or not, is as similar as `iou` or more.

    That is Fast NMS (Bolya et al., YOLACT, arXiv 1904.02689, section 4), as Ultralytics' documentation says of its
    own suppression of oriented boxes: docs.ultralytics.com/reference/utils/nms, `fast_nms` with `batch_probiou`.

    Args:
        rotated: float32 [N, 5], centre x, centre y, width, height, angle in radians.
        scores: float32 [N]; equal ones keep their order of arrival.
        classes: int [N].
        iou: 0..1, of ProbIoU.
        max_det: at most so many rows.
        mode: "class" compares rows of one class, "agnostic" all; "none" only sorts and cuts.

    Returns:
        intp [K].
    """
    order = np.argsort(-scores, kind="stable")
    if mode == "none":
        return order[:max_det]
    ranked, groups = rotated[order], classes[order]
    kept: list[int] = []
    for start in range(0, len(order), BLOCK):
        stop = min(start + BLOCK, len(order))
        alike = similarity(ranked[start:stop], ranked[:stop]) >= iou
        if mode == "class":
            alike &= groups[start:stop, None] == groups[:stop]
        better = np.arange(stop) < np.arange(start, stop)[:, None]
        stays = ~(alike & better).any(axis=1)
        kept.extend(order[start:stop][stays].tolist())
        if len(kept) >= max_det:
            break
    return np.array(kept[:max_det], np.intp)
