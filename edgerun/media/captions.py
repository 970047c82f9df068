"""Where captions lie: on their boxes, such that they cover neither each other nor small objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgerun.tensors import AnyArray, FloatArray

__all__ = ["places"]

SMALL = 4.0
"""A box of fewer times the area of a caption is small: a caption would hide what it names."""

MAX_LINES = 12
"""Captions that are listed inside one box, below each other."""


def places(sizes: AnyArray, boxes: FloatArray, image: tuple[int, int]) -> AnyArray:
    """The top left corner of each caption, int [N, 2], x y.

    Each takes the first of these places that hides nothing, else the one that hides least: above its box, inside it at
    the top, a line lower, and so on, below it, right of it, left of it. The first captions choose first.

    Args:
        sizes: int [N, 2], width and height in pixels; a width of 0 is no caption.
        boxes: float32 [N, 4], x1 y1 x2 y2 in image pixels.
        image: its height and width.
    """
    taken = np.zeros((0, 4))
    corners = np.zeros((len(boxes), 2), int)
    extents = boxes[:, 2:] - boxes[:, :2]
    for row, (width, height) in enumerate(sizes.tolist()):
        if width == 0:
            continue
        small = boxes[extents.prod(axis=1) < SMALL * width * height]
        rectangles = _within(_candidates(boxes[row], width, height), image)
        hidden = 4 * _shared(rectangles, taken) + _shared(rectangles, small)
        best = rectangles[int(hidden.argmin())]
        corners[row] = best[:2]
        taken = np.concatenate((taken, best[None]))
    return corners


def _candidates(box: FloatArray, width: int, height: int) -> AnyArray:
    """Rectangles where a caption may lie, best first, [M, 4]."""
    x1, y1, x2, y2 = np.rint(box).tolist()
    lines = max(1, min(MAX_LINES, int((y2 - y1) // height)))
    starts: Sequence[tuple[float, float]] = [
        (x1, y1 - height),
        *((x1, y1 + line * height) for line in range(lines)),
        (x1, y2),
        (x2, y1),
        (x1 - width, y1),
        (x2 - width, y1 - height),
        (x2 - width, y2),
    ]
    corners = np.array(starts)
    return np.concatenate((corners, corners + np.array([width, height])), axis=1)


def _within(rectangles: AnyArray, image: tuple[int, int]) -> AnyArray:
    """Those that lie in the image from top to bottom, moved sideways into it; all are moved where none does."""
    height, width = image
    fits = (rectangles[:, 1] >= 0) & (rectangles[:, 3] <= height)
    chosen = rectangles[fits] if fits.any() else rectangles
    sizes = chosen[:, 2:] - chosen[:, :2]
    corners = np.maximum(np.minimum(chosen[:, :2], np.array([width, height]) - sizes), 0)
    return np.concatenate((corners, corners + sizes), axis=1)


def _shared(rectangles: AnyArray, others: AnyArray) -> AnyArray:
    """The area of each rectangle that others lie under, counted once for each of them, [M]."""
    low = np.maximum(rectangles[:, None, :2], others[None, :, :2])
    high = np.minimum(rectangles[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.maximum(high - low, 0).prod(axis=2).sum(axis=1))
