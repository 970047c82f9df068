"""Non-maximum suppression: of boxes that overlap, the best stays. In numpy, float32, stable for equal scores."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from edgerun.boxes import area, enclosing
from edgerun.boxes import iou as overlaps
from edgerun.processing.greedy import kept_rows
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["soften", "suppress", "suppress_poses", "suppress_rotated"]

COCO_SIGMAS = np.array(
    [.26, .25, .25, .35, .35, .79, .79, .72, .72, .62, .62, 1.07, 1.07, .87, .87, .89, .89], np.float32
) / 10  # fmt: skip
"""How far people differ about each of COCO's 17 joints. Source: cocoapi, cocoeval.py (BSD-2)."""

OTHER_SIGMA = 0.05
"""For keypoints without a published value: about the mean of COCO's without hips and knees."""


def suppress(
    boxes: FloatArray,
    scores: FloatArray,
    classes: AnyArray,
    *,
    iou: float,
    max_det: int,
    mode: Literal["class", "agnostic", "none"] = "class",
) -> AnyArray:
    """Rows to keep, best first.

    Greedy: a row goes where a better kept row (of its class, unless agnostic) overlaps it by more than `iou`.
    Equal scores keep their order of arrival. Empty boxes overlap nothing, so they neither go nor make others go.

    Args:
        boxes: float32 [N, 4], x1 y1 x2 y2.
        scores: float32 [N].
        classes: int [N].
        iou: 0..1; exactly this much overlap still stays.
        max_det: at most so many rows.
        mode: "none" only sorts and cuts.

    Returns:
        intp [K].
    """
    if mode == "none":
        return np.argsort(-scores, kind="stable")[:max_det]
    compared = classes if mode == "class" and (classes != classes[:1]).any() else None
    return kept_rows(boxes, scores, compared, iou=iou, max_det=max_det)


def suppress_rotated(
    rotated: FloatArray,
    scores: FloatArray,
    classes: AnyArray,
    *,
    iou: float,
    max_det: int,
    mode: Literal["class", "agnostic", "none"] = "class",
) -> AnyArray:
    """Rows to keep, best first, by the true overlap of oriented boxes.

    Args:
        rotated: float32 [N, 5], centre x, centre y, width, height, angle in radians.
        scores, classes, iou, max_det, mode: as in `suppress`.

    Returns:
        intp [K].
    """
    order = np.argsort(-scores, kind="stable")
    if mode == "none":
        return order[:max_det]
    upright = enclosing(rotated)
    outlines: list[_Outline] = [
        ((float(x), float(y)), (float(w), float(h)), float(np.degrees(a))) for x, y, w, h, a in rotated
    ]
    kept: list[int] = []
    for row in order.tolist():
        if len(kept) == max_det:
            break
        rivals = [other for other in kept if mode == "agnostic" or classes[other] == classes[row]]
        near = touching(upright[row], upright[rivals]) if rivals else ()
        if not any(_overlap(outlines[row], outlines[rivals[index]]) > iou for index in near):
            kept.append(row)
    return np.array(kept, np.intp)


def suppress_poses(
    keypoints: FloatArray,
    boxes: FloatArray,
    scores: FloatArray,
    classes: AnyArray,
    *,
    iou: float,
    max_det: int,
) -> AnyArray:
    """Rows to keep, best first, by the similarity of keypoints instead of the overlap of boxes.

    OKS = mean over the keypoints of exp(-d² / (2 · area · (2 · sigma)²)), the area being the mean of both boxes'.
    Source: https://cocodataset.org/#keypoints-eval.

    Args:
        keypoints: float32 [N, K, 3], x y visibility; only the places count.
        boxes, scores, classes, max_det: as in `suppress`.
        iou: a row goes where a better one of its class is more similar than this.

    Returns:
        intp [K].
    """
    order = np.argsort(-scores, kind="stable")
    count = keypoints.shape[1]
    sigmas = COCO_SIGMAS if count == len(COCO_SIGMAS) else np.full(count, OTHER_SIGMA, np.float32)
    areas = area(boxes)
    kept: list[int] = []
    while len(order) and len(kept) < max_det:
        best, order = int(order[0]), order[1:]
        kept.append(best)
        squared = ((keypoints[order, :, :2] - keypoints[best, :, :2]) ** 2).sum(axis=2)
        spread = np.maximum((areas[order] + areas[best]) / 2, 1e-6)[:, None] * (2 * sigmas) ** 2
        similar = np.exp(-squared / (2 * spread)).mean(axis=1)
        order = order[(similar <= iou) | (classes[order] != classes[best])]
    return np.array(kept, np.intp)


def touching(box: FloatArray, others: FloatArray) -> AnyArray:
    """Indices of upright boxes that overlap one."""
    x1, y1, x2, y2 = others.T
    return np.flatnonzero((x1 < box[2]) & (x2 > box[0]) & (y1 < box[3]) & (y2 > box[1]))


_Outline = tuple[tuple[float, float], tuple[float, float], float]
"""An oriented box as OpenCV writes it: centre, size, degrees."""


def _overlap(first: _Outline, second: _Outline) -> float:
    """IoU of two oriented boxes."""
    kind, polygon = cv2.rotatedRectangleIntersection(first, second)
    if kind == cv2.INTERSECT_NONE or polygon is None:
        return 0.0
    shared = cv2.contourArea(cv2.convexHull(polygon))
    union = first[1][0] * first[1][1] + second[1][0] * second[1][1] - shared
    return float(shared / union) if union > 0 else 0.0


def soften(
    boxes: FloatArray, scores: FloatArray, classes: AnyArray, *, conf: float, max_det: int, sigma: float = 0.5
) -> tuple[AnyArray, FloatArray]:
    """Soft suppression with a Gaussian: instead of going, a row that overlaps a better one of its class loses score.

    score · exp(-IoU² / sigma), again and again. Source: Bodla et al., Soft-NMS, arXiv 1704.04503.

    Returns:
        intp [K], best first, and their new float32 [K] scores, all at least `conf`.
    """
    left = scores.astype(np.float32, copy=True)
    places = np.arange(len(left))
    kept: list[int] = []
    values: list[float] = []
    while len(places) and len(kept) < max_det:
        best = int(np.argmax(left[places]))
        row = int(places[best])
        if left[row] < conf:
            break
        kept.append(row)
        values.append(float(left[row]))
        places = np.delete(places, best)
        overlap = overlaps(boxes[row : row + 1], boxes[places])[0]
        overlap[classes[places] != classes[row]] = 0
        left[places] *= np.exp(-(overlap**2) / np.float32(sigma))
    return np.array(kept, np.intp), np.array(values, np.float32)
