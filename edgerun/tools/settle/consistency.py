"""How far a hypothesis on a model holds when a photo is moved: what is right moves along with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgerun import boxes as box_arithmetic
from edgerun.detections import Detections
from edgerun.media.images import Image
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["MIN_CONF", "Measure", "View", "measured"]

MIN_CONF = 0.1
"""Rows below this say nothing about a hypothesis."""
SAME_IOU = 0.5
"""From which two boxes are of one thing."""
WHOLE_IOU = 0.9
"""With the whole image, from which a box says nothing: it is there however the image is moved."""
VISIBLE_FRACTION = 0.7
"""Of a box that a view must show for the box to be missed there."""
CUT_WIDTH, CUT_HEIGHT = 0.15, 0.1
"""Fractions of an image's width and height that a view leaves out."""


@dataclass(frozen=True, slots=True)
class View:
    """An image mirrored, and without a strip on two sides, so that things move and grow in the input.

    Attributes:
        image: uint8 [H, W, 3], blue-green-red.
        place: x1 y1 x2 y2 of what is shown, in the plain image's pixels.
    """

    image: Image
    place: tuple[int, int, int, int]

    @staticmethod
    def of(image: Image, *, left_top: bool) -> View:
        """Without a strip on the left and at the top, or on the right and at the bottom."""
        height, width = image.shape[:2]
        across, down = round(width * CUT_WIDTH), round(height * CUT_HEIGHT)
        x1, y1, x2, y2 = (across, down, width, height) if left_top else (0, 0, width - across, height - down)
        return View(np.ascontiguousarray(image[y1:y2, x1:x2][:, ::-1]), (x1, y1, x2, y2))

    def to_plain(self, boxes: FloatArray) -> FloatArray:
        """Boxes of this view in the pixels of the plain image, float32 [N, 4]."""
        x1, y1, x2, _ = self.place
        moved = boxes + np.array([0, y1, 0, y1], np.float32)
        moved[:, [0, 2]] = (x2 - x1) - boxes[:, [2, 0]] + x1
        return np.asarray(moved, np.float32)

    def clipped(self, boxes: FloatArray) -> FloatArray:
        """What this view shows of boxes of the plain image, in its pixels, float32 [N, 4]."""
        x1, y1, x2, y2 = self.place
        shown = boxes.copy()
        shown[:, 0::2] = shown[:, 0::2].clip(x1, x2)
        shown[:, 1::2] = shown[:, 1::2].clip(y1, y2)
        return shown


@dataclass(frozen=True, slots=True)
class Measure:
    """What a photo says about a hypothesis.

    Attributes:
        expected: sum of the squared scores, the mean of the plain image's and of another view's.
        matched: sum of score · score · IoU of the rows that were found again.
    """

    expected: float = 0.0
    matched: float = 0.0

    def __add__(self, other: Measure) -> Measure:
        return Measure(self.expected + other.expected, self.matched + other.matched)

    @property
    def repeatability(self) -> float:
        """Matched / expected, 0..1."""
        return self.matched / self.expected if self.expected > 0 else 0.0

    def score(self, grey: float) -> float:
        """sqrt(matched · repeatability), with what is found in a grey image taken off `matched`."""
        return float(np.sqrt(max(0.0, self.matched - grey) * self.repeatability))


def measured(plain: Detections, view: View, again: Detections, *, classify: bool) -> Measure:
    """How much of what was found in an image is found again where it must be in another view of it.

    Args:
        plain: what was found in the image.
        view: the other view.
        again: what was found in the view, in its pixels.
        classify: whether rows are classes of the whole image.
    """
    return _of_classes(plain, again) if classify else _of_boxes(plain, view, again)


def _of_classes(plain: Detections, again: Detections) -> Measure:
    first = dict(zip(plain.class_id.tolist(), plain.score.tolist(), strict=True))
    second = dict(zip(again.class_id.tolist(), again.score.tolist(), strict=True))
    matched = sum(first[number] * second[number] for number in first.keys() & second.keys())
    return Measure((_energy(plain.score) + _energy(again.score)) / 2, matched)


def _energy(scores: AnyArray) -> float:
    return float((scores**2).sum())


def _of_boxes(plain: Detections, view: View, again: Detections) -> Measure:
    place = np.array([view.place], np.float32)
    shown, there = view.clipped(plain.xyxy), view.to_plain(again.xyxy)
    counts = box_arithmetic.iou(shown, place)[:, 0] < WHOLE_IOU
    counts_there = box_arithmetic.iou(there, place)[:, 0] < WHOLE_IOU
    overlap = box_arithmetic.iou(shown, there)
    overlap[plain.class_id[:, None] != again.class_id[None]] = 0
    overlap[~counts] = 0
    overlap[:, ~counts_there] = 0
    partners = _partners(overlap)
    matched = sum(float(plain.score[row] * again.score[other] * overlap[row, other]) for row, other in partners.items())
    visible = box_arithmetic.area(shown) >= VISIBLE_FRACTION * np.maximum(box_arithmetic.area(plain.xyxy), 1e-6)
    wanted = visible & counts
    wanted[list(partners)] = True
    return Measure((_energy(plain.score[wanted]) + _energy(again.score[counts_there])) / 2, matched)


def _partners(overlap: AnyArray) -> dict[int, int]:
    """Row of the plain image -> row of the view that it is found again in, each at most once, in the rows' order."""
    left = overlap.copy()
    partners: dict[int, int] = {}
    if not left.size:
        return partners
    for row in range(len(left)):
        other = int(left[row].argmax())
        if left[row, other] >= SAME_IOU:
            partners[row] = other
            left[:, other] = 0
    return partners
