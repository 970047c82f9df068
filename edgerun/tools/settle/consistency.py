"""How far a reading of a model holds when a photo is moved: what is right moves along, what is not does otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgerun import boxes as box_arithmetic
from edgerun.detections import Detections
from edgerun.media.images import Image
from edgerun.tensors import FloatArray

__all__ = ["CONF", "Measure", "View", "compare"]

CONF = 0.1
"""Rows below this say nothing of a reading."""
SAME = 0.5
"""IoU from which two boxes are of one thing."""
WHOLE = 0.9
"""IoU with the whole picture from which a box says nothing: it is there however the picture is moved."""
SEEN = 0.7
"""Share of a box that a view must show for it to be missed there."""


@dataclass(frozen=True, slots=True)
class View:
    """A picture seen otherwise: mirrored, and without a strip on two sides, so that things move and grow in the input.

    Attributes:
        image: uint8 [H, W, 3], blue-green-red.
        place: x1 y1 x2 y2 of what is shown, in the plain picture's pixels.
    """

    image: Image
    place: tuple[int, int, int, int]

    @staticmethod
    def of(image: Image, *, left_top: bool) -> View:
        """Without a strip on the left and at the top, or on the right and at the bottom."""
        height, width = image.shape[:2]
        across, down = round(width * 0.15), round(height * 0.1)
        x1, y1, x2, y2 = (across, down, width, height) if left_top else (0, 0, width - across, height - down)
        return View(np.ascontiguousarray(image[y1:y2, x1:x2][:, ::-1]), (x1, y1, x2, y2))

    def to_plain(self, boxes: FloatArray) -> FloatArray:
        """Boxes of this view in the pixels of the plain picture, float32 [N, 4]."""
        x1, y1, x2, _ = self.place
        moved = boxes + np.array([0, y1, 0, y1], np.float32)
        moved[:, [0, 2]] = (x2 - x1) - boxes[:, [2, 0]] + x1
        return np.asarray(moved, np.float32)


@dataclass(frozen=True, slots=True)
class Measure:
    """What a photo says of a reading.

    Attributes:
        expected: sum of the squared scores, the mean of the plain picture's and of another view's.
        met: sum of score · score · IoU of the rows that were found again.
    """

    expected: float = 0.0
    met: float = 0.0

    def __add__(self, other: Measure) -> Measure:
        return Measure(self.expected + other.expected, self.met + other.met)

    @property
    def steady(self) -> float:
        """0..1: the share of what was found that was found again."""
        return self.met / self.expected if self.expected > 0 else 0.0

    def score(self, nothing: float) -> float:
        """How much was found again, of what was found, beyond what is found in a picture of nothing."""
        return float(np.sqrt(max(0.0, self.met - nothing) * self.steady))


def compare(plain: Detections, view: View, seen: Detections, *, classify: bool) -> Measure:
    """How much of what was found in a picture is found again where it must be in another view of it."""
    if classify:
        both = set(plain.class_id.tolist()) & set(seen.class_id.tolist())
        first = dict(zip(plain.class_id.tolist(), plain.score.tolist(), strict=True))
        second = dict(zip(seen.class_id.tolist(), seen.score.tolist(), strict=True))
        met = sum(first[number] * second[number] for number in both)
        return Measure(float((plain.score**2).sum() + (seen.score**2).sum()) / 2, met)
    place = np.array([view.place], np.float32)
    shown = plain.xyxy.copy()
    shown[:, 0::2] = shown[:, 0::2].clip(view.place[0], view.place[2])
    shown[:, 1::2] = shown[:, 1::2].clip(view.place[1], view.place[3])
    there = view.to_plain(seen.xyxy)
    overlap = box_arithmetic.iou(shown, there)
    overlap[plain.class_id[:, None] != seen.class_id[None]] = 0
    telling = box_arithmetic.iou(shown, place)[:, 0] < WHOLE
    telling_there = box_arithmetic.iou(there, place)[:, 0] < WHOLE
    overlap[~telling] = 0
    overlap[:, ~telling_there] = 0
    met, partners, free = 0.0, set(), set(range(len(seen)))
    for row in range(len(plain)):
        fitting = [other for other in np.flatnonzero(overlap[row] >= SAME) if other in free]
        if fitting:
            other = max(fitting, key=lambda other: overlap[row, other])
            free.discard(other)
            partners.add(row)
            met += float(plain.score[row] * seen.score[other] * overlap[row, other])
    whole = box_arithmetic.area(plain.xyxy)
    kept = box_arithmetic.area(shown) >= SEEN * np.maximum(whole, 1e-6)
    missed = [row for row in range(len(plain)) if row in partners or (kept[row] and telling[row])]
    expected = float((plain.score[missed] ** 2).sum() + (seen.score[telling_there] ** 2).sum())
    return Measure(expected / 2, met)
