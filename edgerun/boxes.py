"""Arithmetic of boxes. Every function takes and gives float32 [N, 4] unless it says otherwise."""

from __future__ import annotations

import numpy as np

from edgerun.tensors import AnyArray, FloatArray

__all__ = [
    "area",
    "clip",
    "corners",
    "cxcywh_to_xyxy",
    "distances_to_xyxy",
    "enclosing",
    "iou",
    "xyxy_to_xywh",
    "yxyx_to_xyxy",
]


def cxcywh_to_xyxy(boxes: AnyArray) -> FloatArray:
    """Centre x, centre y, width, height to x1 y1 x2 y2, in the units given."""
    result = np.empty((len(boxes), 4), np.float32)
    half = boxes[:, 2:4] * np.float32(0.5)
    np.subtract(boxes[:, :2], half, out=result[:, :2], casting="same_kind")
    np.add(boxes[:, :2], half, out=result[:, 2:], casting="same_kind")
    return result


def yxyx_to_xyxy(boxes: AnyArray) -> FloatArray:
    """TensorFlow's y1 x1 y2 x2 to x1 y1 x2 y2."""
    return boxes[:, [1, 0, 3, 2]].astype(np.float32)


def distances_to_xyxy(points: AnyArray, distances: AnyArray) -> FloatArray:
    """Points [N, 2] and their distances left, top, right, bottom [N, 4] to x1 y1 x2 y2."""
    return np.concatenate((points - distances[:, :2], points + distances[:, 2:]), axis=1).astype(np.float32)


def xyxy_to_xywh(boxes: FloatArray) -> FloatArray:
    """x1 y1 x2 y2 to left, top, width, height (COCO's order)."""
    result = boxes.copy()
    result[:, 2:] -= boxes[:, :2]
    return result


def area(boxes: FloatArray) -> FloatArray:
    """Areas, float32 [N]; a box turned inside out has area 0."""
    x1, y1, x2, y2 = boxes.T
    size: FloatArray = np.maximum(x2 - x1, 0) * np.maximum(y2 - y1, 0)
    return size


def clip(boxes: FloatArray, height: float, width: float) -> FloatArray:
    """x1 y1 x2 y2 cut to the image 0..width, 0..height."""
    limits = np.array([width, height, width, height], np.float32)
    clipped: FloatArray = np.clip(boxes, np.float32(0), limits)
    return clipped


def iou(first: FloatArray, second: FloatArray) -> FloatArray:
    """Intersection over union of every pair, float32 [N, M]; 0 where both boxes are empty."""
    x1, y1, x2, y2 = (column[:, None] for column in first.T)
    u1, v1, u2, v2 = second.T
    shared = np.maximum(np.minimum(x2, u2) - np.maximum(x1, u1), 0)
    shared = shared * np.maximum(np.minimum(y2, v2) - np.maximum(y1, v1), 0)
    union = area(first)[:, None] + area(second) - shared
    ratio: FloatArray = shared / np.where(union > 0, union, np.float32(1))
    return ratio


def corners(rotated: AnyArray) -> FloatArray:
    """The four corners of one oriented box, float32 [4, 2].

    Args:
        rotated: float [5]: centre x, centre y, width, height, angle in radians, clockwise where y points down.
    """
    x, y, width, height, angle = (float(value) for value in rotated)
    along = np.array([np.cos(angle), np.sin(angle)]) * width / 2
    across = np.array([-np.sin(angle), np.cos(angle)]) * height / 2
    centre = np.array([x, y])
    return np.array(
        [centre - along - across, centre + along - across, centre + along + across, centre - along + across], np.float32
    )


def enclosing(rotated: AnyArray) -> FloatArray:
    """The upright boxes around oriented ones, float32 [N, 4] from float [N, 5]; units as given."""
    x, y, width, height, angle = np.asarray(rotated, np.float32).reshape(-1, 5).T
    cosine, sine = np.abs(np.cos(angle)), np.abs(np.sin(angle))
    half_width, half_height = (width * cosine + height * sine) / 2, (width * sine + height * cosine) / 2
    return np.stack((x - half_width, y - half_height, x + half_width, y + half_height), axis=1)
