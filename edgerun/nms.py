"""Non-maximum suppression: of boxes that overlap, the best stays. In numpy, float32, stable for equal scores."""

from __future__ import annotations

from typing import Literal

import numpy as np

from edgerun.boxes import area
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["suppress"]


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

    Greedy: a row goes where a better kept row (of its class, unless agnostic) shares more than `iou` of their union.
    Equal scores keep their order of arrival. Empty boxes share nothing, so they neither go nor take others along.

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
    order = np.argsort(-scores, kind="stable")
    if mode == "none":
        return order[:max_det]
    if mode == "class" and len(order) and (classes == classes[0]).all():
        mode = "agnostic"
    x1, y1, x2, y2 = np.ascontiguousarray(boxes[order].T)
    areas = area(boxes)[order]
    groups = classes[order]
    places = np.arange(len(order))
    threshold = np.float32(iou)
    kept: list[int] = []
    while len(places) and len(kept) < max_det:
        kept.append(int(places[0]))
        shared = np.minimum(x2[0], x2[1:]) - np.maximum(x1[0], x1[1:])
        np.maximum(shared, 0, out=shared)
        tall = np.minimum(y2[0], y2[1:]) - np.maximum(y1[0], y1[1:])
        np.maximum(tall, 0, out=tall)
        shared *= tall
        # shared / union > iou, without the division that an empty union would spoil
        stays = shared <= threshold * (areas[0] + areas[1:] - shared)
        if mode == "class":
            stays |= groups[1:] != groups[0]
        x1, y1, x2, y2, areas = x1[1:][stays], y1[1:][stays], x2[1:][stays], y2[1:][stays], areas[1:][stays]
        groups, places = groups[1:][stays], places[1:][stays]
    return order[np.array(kept, np.intp)]
