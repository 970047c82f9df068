"""What was found in an image as lines of a YOLO text file, to be corrected by hand and trained on.

Format: a class number, then cx cy w h in 0..1 of the image; behind them x y v for each keypoint (v 2 visible, 0 not
labelled); instead of the box x y … for an outline, or the four corners of an oriented box.
Source: docs.ultralytics.com/datasets/{detect,pose,segment,obb}; what `edgerun.tools.yolo_labels` reads.
"""

from __future__ import annotations

import cv2
import numpy as np

from edgerun.boxes import corners
from edgerun.detections import Detection, Detections
from edgerun.tensors import AnyArray

__all__ = ["lines"]

VISIBLE = 0.5
"""Visibility from which a keypoint counts, as in drawings."""
FINE = 0.002
"""By how much of the image's longer side an outline may be simplified."""


def lines(found: Detections) -> list[str]:
    """A line for each row, best first."""
    height, width = found.shape
    size = np.array([width, height], float)
    return [_line(row, size) for row in found]


def _line(row: Detection, size: AnyArray) -> str:
    numbers = _numbers(row, size)
    return " ".join([str(row.class_id), *(f"{number:.6f}".rstrip("0").rstrip(".") for number in numbers)])


def _numbers(row: Detection, size: AnyArray) -> AnyArray:
    """The numbers behind the class."""
    if row.rotated is not None:
        return _normalised(corners(np.array(row.rotated, np.float32)), size)
    outline = None if row.mask is None else _outline(row.mask)
    if outline is not None:
        return _normalised(outline, size)
    ends = np.array(row.box, float).reshape(2, 2) / size
    box = np.concatenate((ends.mean(axis=0), ends[1] - ends[0]))
    return box if row.keypoints is None else np.concatenate((box, _points(row.keypoints, size)))


def _normalised(points: AnyArray, size: AnyArray) -> AnyArray:
    """Points as x y … in 0..1, float [2 K]."""
    return np.asarray(np.clip(points / size, 0, 1)).ravel()


def _points(keypoints: AnyArray, size: AnyArray) -> AnyArray:
    """Keypoints as x y v …, float [3 K]; 0 0 0 for those that are not seen."""
    seen = keypoints[:, 2:] >= VISIBLE
    table = np.hstack((np.clip(keypoints[:, :2] / size, 0, 1), np.full_like(seen, 2, float)))
    return np.asarray(table * seen).ravel()


def _outline(mask: AnyArray) -> AnyArray | None:
    """Corners of the largest part of a mask, float [K, 2]; None where it is less than a triangle."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not found:
        return None
    largest = cv2.approxPolyDP(max(found, key=cv2.contourArea), FINE * max(mask.shape), True)
    return None if len(largest) < 3 else largest[:, 0].astype(float)
