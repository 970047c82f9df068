"""Whether two ways of computing one model find the same: as a set, because near ties change places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edgerun.detections import Detections
from edgerun.tensors import AnyArray, Arrays

__all__ = ["MAX_ROWS", "Agreement", "comparable", "compare"]

MAX_ROWS = 300
"""Per image, that should be given, at a threshold of 0 and without suppression."""

MAX_WANTED_ROWS = 100
"""Per image, that are looked for in the other's."""

WEAK_FRACTION = 0.25
"""Of an image's best score: rows below it are not looked for."""

PIXELS, SIDE_FRACTION, SCORE, SCORE_FRACTION = 2.0, 0.05, 1e-4, 0.1
"""Two rows are the same where no edge lies further off than so many pixels plus this fraction of the box's longer side,
and scores differ by no more than this score plus this fraction of the image's best score. Of eight real models in half
floats, 98 % to 100 % of the rows stay below that."""

QUANTISED_PIXELS, QUANTISED_SCORE = 2.0, 0.02
"""Added for a model of eight bits: steps of its outputs, by which right kernels differ."""

MIN_CLASS_SCORE = 0.1
"""Below it the class may differ: it is a tie among many classes that all score next to nothing."""

CLASSIFIER_ROWS = 5
"""A classifier gives its best classes as so many rows of one and the same box, which only the class tells apart."""

ENOUGH, ENOUGH_QUANTISED = 0.9, 0.5
"""Fraction of the rows that must be found again, both sides together. Between LiteRT's plain kernels and XNNPACK, both
of which are right, ten real models of eight bits keep 72 % to 100 % of them on synthetic images; others keep all."""

SAME_MASK_IOU, MASK_PIXELS = 0.8, 8
"""Overlap of masks that are the same, and pixels that do not count."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far one answer is from a reference.

    Attributes:
        judged: rows that were looked for, on both sides.
        found: of them, those that the other side has too.
        pixels, score: the largest differences of these.
        fault: what is wrong, in half a sentence; "" where nothing is.
    """

    judged: int
    found: int
    pixels: float
    score: float
    fault: str = ""


def comparable(found: Detections) -> Arrays:
    """What is compared of one image's detections: columns of at most `MAX_ROWS` rows.

    Returns:
        boxes float32 [N, 4] in pixels, scores float32 [N], classes int32 [N], and, where there are any, keypoints
        [N, K, 3], rotated [N, 5], masks [N, h, w] as probabilities of the first rows.
    """
    columns: Arrays = {"boxes": found.xyxy, "scores": found.score, "classes": found.class_id}
    if found.keypoints is not None:
        columns["keypoints"] = found.keypoints
    if found.rotated is not None:
        columns["rotated"] = found.rotated
    if found.masks is not None:
        columns["masks"] = np.asarray(found.masks.shares[:MAX_WANTED_ROWS], np.float32)
    return columns


def compare(reference: Sequence[Arrays], other: Sequence[Arrays], *, quantised: bool = False) -> Agreement | None:
    """How well another way of computing agrees with the reference.

    Args:
        reference, other: of each image what `comparable` gives, at a threshold of 0 and without suppression.
        quantised: whether the model computes in eight bits, where right kernels differ by more.

    Returns:
        None where the reference finds too little in these images for a verdict.
    """
    tally = _Tally()
    for mine, theirs in zip(reference, other, strict=True):
        tolerance = _Tolerance.of(mine["scores"], quantised)
        if tolerance.score <= tolerance.top / 2:
            tally.look_for(mine, theirs, tolerance)
            tally.look_for(theirs, mine, tolerance)
    if not tally.judged:
        return None
    return tally.agreement(ENOUGH_QUANTISED if quantised else ENOUGH)


@dataclass(frozen=True, slots=True)
class _Tolerance:
    """By how much two rows of an image may differ.

    Attributes:
        top: the reference's best score.
        score: between scores.
        pixels: between edges, besides a fraction of the box's side.
    """

    top: float
    score: float
    pixels: float

    @staticmethod
    def of(scores: AnyArray, quantised: bool) -> _Tolerance:
        top = float(scores.max(initial=0))
        score = SCORE + SCORE_FRACTION * top
        if quantised:
            return _Tolerance(top, score + QUANTISED_SCORE, PIXELS + QUANTISED_PIXELS)
        return _Tolerance(top, score, PIXELS)


@dataclass(frozen=True, slots=True)
class _Nearest:
    """The most alike row of the other side.

    Attributes:
        pixels, score: by how much it is off; infinite where there is none.
        same: whether it is the same row.
    """

    pixels: float = np.inf
    score: float = np.inf
    same: bool = False


@dataclass
class _Tally:
    """What was looked for, and what of it was found."""

    same: list[_Nearest] = field(default_factory=list)
    strange: list[_Nearest] = field(default_factory=list)

    @property
    def judged(self) -> int:
        return len(self.same) + len(self.strange)

    def look_for(self, one: Arrays, two: Arrays, tolerance: _Tolerance) -> None:
        """Look for the rows of one side in the other."""
        for row in _wanted(one["scores"], two["scores"], tolerance):
            nearest = _nearest(one, two, row, tolerance)
            (self.same if nearest.same else self.strange).append(nearest)

    def agreement(self, enough: float) -> Agreement:
        """The result.

        Args:
            enough: fraction of the rows that must be the same.
        """
        return Agreement(
            judged=self.judged,
            found=len(self.same),
            pixels=max((nearest.pixels for nearest in self.same), default=0.0),
            score=max((nearest.score for nearest in self.same), default=0.0),
            fault="" if len(self.same) >= enough * self.judged else self._fault(),
        )

    def _fault(self) -> str:
        known = [(nearest.pixels, nearest.score) for nearest in self.strange if np.isfinite(nearest.pixels)]
        if known:
            pixels, score = np.median(known, axis=0)
            off = f"the others are off by {pixels:.3g} pixels and {score:.2g} of score"
            return f"{len(self.same)} of {self.judged} boxes agree with the reference, {off}"
        if self.same:
            return f"{len(self.same)} of {self.judged} boxes agree with the reference"
        return "it finds nothing where the reference does"


def _wanted(scores: AnyArray, others: AnyArray, tolerance: _Tolerance) -> list[int]:
    """Rows that the other side must have: strong ones, and not those that a full list may have cut off."""
    least = WEAK_FRACTION * tolerance.top
    if 0 < len(others) <= len(scores):
        cut_off = float(others.min()) + tolerance.score
        least = max(least, min(cut_off, tolerance.top / 2))
    order: AnyArray = np.argsort(-scores, kind="stable")[:MAX_WANTED_ROWS]
    strong: list[int] = order[scores[order] > least].tolist()
    return strong


def _nearest(one: Arrays, two: Arrays, row: int, tolerance: _Tolerance) -> _Nearest:
    if not len(two["scores"]):
        return _Nearest()
    box, score = one["boxes"][row], float(one["scores"][row])
    far: AnyArray = np.abs(two["boxes"] - box).max(axis=1)
    off: AnyArray = np.abs(two["scores"] - score)
    reach = tolerance.pixels + SIDE_FRACTION * float(max(box[2] - box[0], box[3] - box[1]))
    cost = np.maximum(far / reach, off / tolerance.score)
    if score >= MIN_CLASS_SCORE or len(one["scores"]) <= CLASSIFIER_ROWS:
        cost = np.where(two["classes"] == one["classes"][row], cost, np.inf)
        if not np.isfinite(cost).any():
            return _Nearest()
    best = int(cost.argmin())
    same = bool(cost[best] <= 1) and _is_alike(one, two, row, best, reach)
    return _Nearest(float(far[best]), float(off[best]), same)


# ------------------------------------------------------------------------------------- further columns


def _is_alike(one: Arrays, two: Arrays, row: int, other: int, reach: float) -> bool:
    """Whether the further columns of two rows agree."""
    for name in _FURTHER.keys() & one.keys() & two.keys():
        agrees = _FURTHER[name]
        if not agrees(one[name], two[name], row, other, reach):
            return False
    return True


def _keypoints_agree(one: AnyArray, two: AnyArray, row: int, other: int, reach: float) -> bool:
    far = np.abs(one[row, :, :2] - two[other, :, :2]).max(initial=0)
    return bool(far <= 2 * reach)


def _centres_agree(one: AnyArray, two: AnyArray, row: int, other: int, reach: float) -> bool:
    return bool(np.abs(one[row] - two[other])[:2].max() <= reach)


def _masks_agree(one: AnyArray, two: AnyArray, row: int, other: int, _: float) -> bool:
    if max(row, other) >= min(len(one), len(two)):
        return True
    mine, theirs = one[row] > 0.5, two[other] > 0.5
    union, overlap = int((mine | theirs).sum()), int((mine & theirs).sum())
    return union == 0 or overlap >= SAME_MASK_IOU * union - MASK_PIXELS


_FURTHER: Mapping[str, Callable[[AnyArray, AnyArray, int, int, float], bool]] = {
    "keypoints": _keypoints_agree,
    "rotated": _centres_agree,
    "masks": _masks_agree,
}
"""Column -> whether a row of the one side agrees with a row of the other, within so many pixels."""
