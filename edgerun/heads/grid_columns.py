"""What the columns of a row mean, in words, and how rows are read by them.

A layout is written as words in the order of the columns, such as "cxcywh objectness scores":

    cxcywh      centre x, centre y, width, height
    xyxy        x1 y1 x2 y2
    objectness  chance that there is an object at all, by which each score is multiplied
    ones        an objectness that the export has replaced by 1
    points      x y for each, between objectness and scores
    scores      one per class, after the sigmoid
    keypoints   x y for each, with or without a visibility
    weights     of the mask prototypes, which come as a second output
    angle       radians, clockwise where y points down; boxes are oriented
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy, enclosing
from edgerun.contract import Candidates
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["BOX_READERS", "TASKS", "Columns", "Layout", "points", "with_tail"]

BOXES, CONFIDENCES, TAILS = ("cxcywh", "xyxy"), ("objectness", "ones"), ("keypoints", "weights", "angle")
POINTS = "points"
WORDS = (*BOXES, *CONFIDENCES, POINTS, "scores", *TAILS)
"""All words, in the order in which a layout may have them."""

TASKS = {"keypoints": "pose", "weights": "segment", "angle": "obb"}
"""What a model with these columns is for; others detect."""


class Layout(NamedTuple):
    """A family's columns, before it is known how many there are of each.

    Attributes:
        words: in the order of the columns.
        optional: those of which there may be none.
    """

    words: tuple[str, ...]
    optional: frozenset[str]

    @staticmethod
    def of(text: str) -> Layout:
        """Words as a family writes them: "cxcywh scores [keypoints]"; brackets hold what may be missing.

        Raises:
            ValueError: for words that are unknown or not in the order above, and for layouts without a box.
        """
        optional = frozenset(word.strip("[]") for word in text.split() if word.startswith("["))
        words = tuple(word.strip("[]") for word in text.split())
        in_order = tuple(word for word in WORDS if word in words)
        if words != in_order or not text.startswith(BOXES):
            raise ValueError(f"columns must be of {' '.join(WORDS)}, in this order, not {text!r}")
        return Layout(words, optional)

    @property
    def box(self) -> str:
        """How boxes are written: "cxcywh" or "xyxy"."""
        return self.words[0]

    @property
    def confidence(self) -> str:
        """What stands between box and scores: "objectness", "ones" or ""."""
        return self._one_of(CONFIDENCES)

    @property
    def tail(self) -> str:
        """What stands behind the scores: "keypoints", "weights", "angle" or ""."""
        return self._one_of(TAILS)

    @property
    def tasks(self) -> tuple[str, ...]:
        """What the family's models are for."""
        own = "pose" if self.has_points else TASKS.get(self.tail, "detect")
        return ("detect", own) if self.tail in self.optional else (own,)

    @property
    def has_points(self) -> bool:
        """Whether points stand between objectness and scores."""
        return POINTS in self.words

    def _one_of(self, kinds: tuple[str, ...]) -> str:
        return next((word for word in self.words if word in kinds), "")


class Columns(NamedTuple):
    """The columns of a row, counted.

    Attributes:
        box: "cxcywh" or "xyxy".
        confidence: "objectness", "ones" or "".
        classes: columns of scores; 0 where the objectness alone is the score.
        tail: "keypoints", "weights", "angle" or "".
        tail_width: columns behind the scores.
        keypoints: how many, in those columns or between confidence and scores.
        points_width: columns between confidence and scores.
    """

    box: str
    confidence: str
    classes: int
    tail: str = ""
    tail_width: int = 0
    keypoints: int = 0
    points_width: int = 0

    @property
    def first(self) -> int:
        """The first column of scores."""
        return (5 if self.confidence else 4) + self.points_width

    @property
    def points(self) -> slice:
        """The columns of points before the scores."""
        return slice(self.first - self.points_width, self.first)

    @property
    def scores(self) -> slice:
        """The columns of scores."""
        return slice(self.first, self.first + self.classes)

    @property
    def behind(self) -> slice:
        """The columns behind the scores."""
        return slice(self.first + self.classes, self.first + self.classes + self.tail_width)

    @property
    def confidences(self) -> slice:
        """The columns of an objectness, if there is one, and of scores."""
        return slice(4, self.first + self.classes)

    def promising(self, table: AnyArray, conf: float) -> AnyArray:
        """Indices of the rows of a table [C, N] that may score as much, without touching what is not needed for it."""
        if self.confidence == "objectness":
            return np.flatnonzero(table[4] >= conf)  # the product cannot be more than the objectness
        hits = table[self.scores] >= conf
        if hits.flags.c_contiguous:
            return np.flatnonzero(hits.any(axis=0))
        # the columns of a row lie side by side: one pass over memory is ten times as fast as one over each row
        rows = np.flatnonzero(hits.T) // self.classes
        return rows[np.flatnonzero(np.diff(rows, prepend=-1))]

    def read(self, table: AnyArray, conf: float) -> Candidates:
        """The candidates among a few rows, boxes in the units given.

        Args:
            table: [C, N].
            conf: least score.
        """
        scores, classes = self._best(table)
        good = np.flatnonzero(scores >= conf)
        rows = table[:, good].T
        boxes = rows[:, :4]
        found = Candidates(BOX_READERS[self.box](boxes), scores[good], classes[good])
        if self.points_width:
            return replace(found, keypoints=points(rows[:, self.points], self.keypoints))
        return with_tail(found, self.tail, boxes, rows[:, self.behind], self.keypoints)

    def _best(self, table: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Score and class of each row of a table [C, N], float32 [N] and int32 [N]."""
        if not self.classes:
            return table[4], np.zeros(table.shape[1], np.int32)
        scores = table[self.scores]
        classes = scores.argmax(axis=0).astype(np.int32)
        best = scores[classes, np.arange(len(classes))]
        return (best * table[4] if self.confidence == "objectness" else best), classes


def points(columns: AnyArray, count: int) -> FloatArray:
    """Keypoints [N, count, 3] from their columns [N, count · 2 or 3]; where there is no visibility it is 1."""
    dims = columns.shape[1] // count
    found = columns.reshape(len(columns), count, dims).astype(np.float32)
    if dims == 3:
        return found
    return np.concatenate((found, np.ones_like(found[..., :1])), axis=2)


def _corners(boxes: AnyArray) -> FloatArray:
    return np.ascontiguousarray(boxes, np.float32)


def with_tail(found: Candidates, tail: str, boxes: AnyArray, behind: AnyArray, keypoints: int) -> Candidates:
    """Candidates with what stands behind their scores.

    Args:
        found: of the same rows.
        tail: "keypoints", "weights", "angle" or "".
        boxes, behind: the columns [N, 4] and [N, …] of these rows.
        keypoints: how many there are in the columns behind.
    """
    return _TAILS[tail](found, boxes, behind, keypoints)


def _nothing(found: Candidates, boxes: AnyArray, behind: AnyArray, keypoints: int) -> Candidates:
    return found


def _keypoints(found: Candidates, boxes: AnyArray, behind: AnyArray, keypoints: int) -> Candidates:
    return replace(found, keypoints=points(behind, keypoints)) if keypoints else found


def _weights(found: Candidates, boxes: AnyArray, behind: AnyArray, keypoints: int) -> Candidates:
    return replace(found, coefficients=behind)


def _angle(found: Candidates, boxes: AnyArray, behind: AnyArray, keypoints: int) -> Candidates:
    """Centres and sizes stay with their angle; the box is the upright one around it."""
    rotated = np.ascontiguousarray(np.concatenate((boxes, behind), axis=1), np.float32)
    return replace(found, boxes=enclosing(rotated), rotated=rotated)


BOX_READERS: Mapping[str, Callable[[AnyArray], FloatArray]] = {"cxcywh": cxcywh_to_xyxy, "xyxy": _corners}
"""Word -> corners x1 y1 x2 y2, float32 [N, 4], of four columns."""

_TAILS: Mapping[str, Callable[[Candidates, AnyArray, AnyArray, int], Candidates]] = {
    "": _nothing, "keypoints": _keypoints, "weights": _weights, "angle": _angle,
}  # fmt: skip
