"""Boxes, captions, keypoints and outlines drawn into an image."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

from edgerun.media.images import Image
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["annotate", "colour"]

GOLDEN_RATIO = 0.618033988749895


def colour(number: int) -> tuple[int, int, int]:
    """A lively colour for a class, blue-green-red; neighbours differ clearly."""
    red, green, blue = colorsys.hsv_to_rgb((0.04 + number * GOLDEN_RATIO) % 1.0, 0.85, 0.95)
    return round(blue * 255), round(green * 255), round(red * 255)


def annotate(
    image: Image,
    boxes: FloatArray,
    captions: Sequence[str],
    classes: AnyArray,
    *,
    keypoints: FloatArray | None = None,
    polygons: Sequence[AnyArray] | None = None,
    masks: AnyArray | None = None,
    visible: float = 0.5,
) -> Image:
    """A copy of the image with everything drawn, worst row first, so that the best lies on top.

    Args:
        image: uint8 [H, W, 3], blue-green-red.
        boxes: float32 [N, 4], x1 y1 x2 y2, image pixels.
        captions: one per row.
        classes: int [N]; rows of a class share a colour.
        keypoints: float32 [N, K, 3], x y in image pixels, visibility 0..1.
        polygons: corners of oriented boxes, float [4, 2] each; drawn instead of the boxes.
        masks: bool [N, H, W], laid over the image.
        visible: keypoints below this visibility are left out.
    """
    canvas = image.copy()
    unit = max(1, round(min(canvas.shape[:2]) / 320))
    for row in reversed(range(len(boxes))):
        tint = colour(int(classes[row]))
        if masks is not None:
            covered = masks[row].astype(bool)
            canvas[covered] = (canvas[covered] * 0.55 + np.array(tint) * 0.45).astype(np.uint8)
        if polygons is not None:
            corners = np.rint(polygons[row]).astype(np.int32)
            cv2.polylines(canvas, [corners.reshape(-1, 1, 2)], True, tint, unit + 1, cv2.LINE_AA)
        else:
            x1, y1, x2, y2 = (round(float(side)) for side in boxes[row])
            cv2.rectangle(canvas, (x1, y1), (x2, y2), tint, unit + 1, cv2.LINE_AA)
        if keypoints is not None:
            for x, y, seen in keypoints[row]:
                if seen >= visible:
                    cv2.circle(canvas, (round(float(x)), round(float(y))), unit + 2, tint, -1, cv2.LINE_AA)
        better = int((boxes[:row] == boxes[row]).all(axis=1).sum())  # several classes of one box are listed
        _caption(canvas, captions[row], boxes[row], tint, unit, better)
    return canvas


def _caption(canvas: Image, text: str, box: FloatArray, tint: tuple[int, int, int], unit: int, line: int = 0) -> None:
    """A filled tab with the text on top of the box, inside it where there is no room above; further lines below it."""
    if not text:
        return
    # OpenCV's fonts know ASCII alone
    text = text.encode("ascii", "replace").decode()
    size = 0.4 * (unit + 0.25)
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, unit)
    (_, height), below = cv2.getTextSize("Ag", cv2.FONT_HERSHEY_SIMPLEX, size, unit)  # the same for every line
    tall = height + below + 4
    left = max(0, min(round(float(box[0])), canvas.shape[1] - width - 6))
    top = round(float(box[1])) - tall
    if top < 0:
        top = max(0, round(float(box[1])))
    top += line * tall
    cv2.rectangle(canvas, (left, top), (left + width + 6, top + tall), tint, -1)
    light = 0.114 * tint[0] + 0.587 * tint[1] + 0.299 * tint[2]
    ink = (0, 0, 0) if light > 140 else (255, 255, 255)
    cv2.putText(canvas, text, (left + 3, top + height + 2), cv2.FONT_HERSHEY_SIMPLEX, size, ink, unit, cv2.LINE_AA)
