"""Boxes, captions, keypoints with their limbs, and outlines drawn into an image."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

from edgerun.media import captions as caption_places
from edgerun.media.images import Image
from edgerun.media.skeletons import Limbs
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["annotate", "colour"]

GOLDEN_RATIO = 0.618033988749895
FONT = cv2.FONT_HERSHEY_SIMPLEX
MARGIN = 3
"""Pixels left and right of a caption's text."""


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
    limbs: Sequence[Limbs] = (),
    polygons: Sequence[AnyArray] | None = None,
    masks: AnyArray | None = None,
    visible: float = 0.5,
) -> Image:
    """A copy of the image with everything drawn, worst row first, so that the best lies on top; captions come last.

    Args:
        image: uint8 [H, W, 3], blue-green-red.
        boxes: float32 [N, 4], x1 y1 x2 y2, image pixels.
        captions: one per row; "" for none.
        classes: int [N]; rows of a class share a colour.
        keypoints: float32 [N, K, 3], x y in image pixels, visibility 0..1.
        limbs: of each row, the pairs of keypoints that are joined; () for none at all.
        polygons: corners of oriented boxes, float [4, 2] each; drawn instead of the boxes.
        masks: bool [N, H, W], laid over the image.
        visible: keypoints below this visibility are left out, and so are their limbs.
    """
    canvas = image.copy()
    unit = max(1, round(min(canvas.shape[:2]) / 320))
    tints = [colour(int(number)) for number in classes]
    for row in reversed(range(len(boxes))):
        if masks is not None:
            covered = masks[row].astype(bool)
            canvas[covered] = (canvas[covered] * 0.55 + np.array(tints[row]) * 0.45).astype(np.uint8)
        outline = _corners(boxes[row]) if polygons is None else polygons[row]
        cv2.polylines(canvas, [_pixels(outline).reshape(-1, 1, 2)], True, tints[row], unit + 1, cv2.LINE_AA)
        if keypoints is not None:
            _skeleton(canvas, keypoints[row], limbs[row] if limbs else (), tints[row], unit, visible)
    _captions(canvas, captions, boxes, tints, unit)
    return canvas


def _corners(box: FloatArray) -> AnyArray:
    x1, y1, x2, y2 = box
    return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])


def _pixels(points: AnyArray) -> AnyArray:
    return np.rint(points).astype(np.int32)


def _skeleton(
    canvas: Image, points: FloatArray, limbs: Limbs, tint: tuple[int, int, int], unit: int, visible: float
) -> None:
    """The points that can be seen, and the limbs between two of them."""
    seen = points[:, 2] >= visible
    places = _pixels(np.nan_to_num(points[:, :2])).tolist()
    for first, second in limbs:
        if seen[first] and seen[second]:
            cv2.line(canvas, places[first], places[second], tint, unit, cv2.LINE_AA)
    for number in np.flatnonzero(seen):
        cv2.circle(canvas, places[number], unit + 2, tint, -1, cv2.LINE_AA)


def _captions(
    canvas: Image, captions: Sequence[str], boxes: FloatArray, tints: Sequence[tuple[int, int, int]], unit: int
) -> None:
    """A filled tab with the text of each row, where it hides nothing else."""
    texts = [text.encode("ascii", "replace").decode() for text in captions]  # OpenCV's fonts know ASCII alone
    scale = 0.4 * (unit + 0.25)
    (_, ascent), descent = cv2.getTextSize("Ag", FONT, scale, unit)  # the same for every line
    height = ascent + descent + 4
    widths = [cv2.getTextSize(text, FONT, scale, unit)[0][0] + 2 * MARGIN if text else 0 for text in texts]
    sizes = np.array([(width, height) for width in widths], int).reshape(-1, 2)
    corners = caption_places.places(sizes, boxes, (canvas.shape[0], canvas.shape[1]))
    for text, width, (left, top), tint in zip(texts, widths, corners.tolist(), tints, strict=True):
        if text:
            cv2.rectangle(canvas, (left, top), (left + width, top + height), tint, -1)
            place = (left + MARGIN, top + ascent + 2)
            cv2.putText(canvas, text, place, FONT, scale, _ink(tint), unit, cv2.LINE_AA)


def _ink(tint: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black on light colours, white on dark ones."""
    light = 0.114 * tint[0] + 0.587 * tint[1] + 0.299 * tint[2]
    return (0, 0, 0) if light > 140 else (255, 255, 255)
