"""Whether two ways of computing one model find the same: as a set, because near ties change places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.detections import Detections
from edgerun.tensors import AnyArray, Arrays

__all__ = ["MAX_ROWS", "Agreement", "comparable", "compare"]

MAX_ROWS = 300
"""Rows of a picture that should be given, at a threshold of 0 and without suppression."""

JUDGED = 100
"""Rows of a picture that are looked for in the other's."""

WEAK = 0.25
"""Rows below this share of a picture's best score are not looked for."""

PIXELS, SIDES, SCORE, SHARE = 2.0, 0.05, 1e-4, 0.1
"""Two rows are the same where no edge lies further off than so many pixels and so many sides of the box, and scores
differ by no more than this and this share of the picture's best score. Of eight real models in half floats,
98 % to 100 % of the rows stay below that."""

QUANTISED = 2.0, 0.02
"""Pixels and score that are added for a model of eight bits: steps of its outputs, by which right kernels differ."""

NAMED = 0.1
"""Below this score the class may differ: it is a tie among many classes that all score next to nothing."""

ENOUGH, ENOUGH_QUANTISED = 0.9, 0.5
"""Share of the rows that must be found again, both sides together. Between LiteRT's plain kernels and XNNPACK, both of
which are right, ten real models of eight bits keep 72 % to 100 % of them on made-up pictures; others keep all."""


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
    """What is compared of one picture's detections: columns of at most `MAX_ROWS` rows."""
    columns: Arrays = {"boxes": found.xyxy, "scores": found.score, "classes": found.class_id}
    if found.keypoints is not None:
        columns["keypoints"] = found.keypoints
    if found.rotated is not None:
        columns["rotated"] = found.rotated
    if found.masks is not None:
        columns["masks"] = np.asarray(found.masks.shares[:JUDGED], np.float32)
    return columns


def compare(reference: Sequence[Arrays], other: Sequence[Arrays], *, quantised: bool = False) -> Agreement | None:
    """How well another way of computing agrees with the reference.

    Args:
        reference, other: of each picture what `comparable` gives, at a threshold of 0 and without suppression.
        quantised: whether the model computes in eight bits, where right kernels differ by more.

    Returns:
        None where the reference finds too little in these pictures for a verdict.
    """
    judged = found = 0
    pixels, score = [0.0], [0.0]
    strange: list[tuple[float, float]] = []
    for mine, theirs in zip(reference, other, strict=True):
        top = float(mine["scores"].max(initial=0))
        more_pixels, more_score = QUANTISED if quantised else (0.0, 0.0)
        allowed = SCORE + more_score + SHARE * top
        if allowed > top / 2:
            continue
        for one, two in ((mine, theirs), (theirs, mine)):
            for row in _wanted(one, two, top, allowed):
                judged += 1
                far, off, same = _nearest(one, two, row, PIXELS + more_pixels, allowed)
                if same:
                    found += 1
                    pixels.append(far)
                    score.append(off)
                else:
                    strange.append((far, off))
    if not judged:
        return None
    fault = ""
    if found < (ENOUGH_QUANTISED if quantised else ENOUGH) * judged:
        fault = f"{found} of {judged} boxes agree with the reference"
        known = [entry for entry in strange if np.isfinite(entry).all()]
        if known:
            far, off = np.median(known, axis=0)
            fault += f", the others are off by {far:.3g} pixels and {off:.2g} of score"
        elif not found:
            fault = "it finds nothing where the reference does"
    return Agreement(judged, found, max(pixels), max(score), fault)


def _wanted(one: Arrays, two: Arrays, top: float, allowed: float) -> list[int]:
    """Rows that the other side must have: strong ones, and not those that a full list may have cut off."""
    scores = one["scores"]
    order = np.argsort(-scores, kind="stable")[:JUDGED]
    least = max(WEAK * top, 0.0)
    if len(two["scores"]) and len(two["scores"]) <= len(scores):
        least = max(least, min(float(two["scores"].min()) + allowed, top / 2))
    return [int(row) for row in order if scores[row] > least]


def _nearest(one: Arrays, two: Arrays, row: int, pixels: float, allowed: float) -> tuple[float, float, bool]:
    """The most alike row of the other side: by how many pixels and how much score it is off, and whether it will do."""
    if not len(two["scores"]):
        return np.inf, np.inf, False
    box, score = one["boxes"][row], float(one["scores"][row])
    far: AnyArray = np.abs(two["boxes"] - box).max(axis=1)
    off: AnyArray = np.abs(two["scores"] - score)
    reach = pixels + SIDES * float(max(box[2] - box[0], box[3] - box[1]))
    cost = np.maximum(far / reach, off / allowed)
    if score >= NAMED or len(one["scores"]) <= 5:  # classifiers give five classes of one and the same box
        cost = np.where(two["classes"] == one["classes"][row], cost, np.inf)
        if not np.isfinite(cost).any():
            return np.inf, np.inf, False
    best = int(cost.argmin())
    same = bool(cost[best] <= 1) and _alike(one, two, row, best, reach)
    return float(far[best]), float(off[best]), same


def _alike(one: Arrays, two: Arrays, row: int, other: int, reach: float) -> bool:
    """Whether the further columns of two rows agree."""
    if "keypoints" in one and "keypoints" in two:
        far = np.abs(one["keypoints"][row, :, :2] - two["keypoints"][other, :, :2]).max(initial=0)
        if not far <= 2 * reach:
            return False
    if (
        "rotated" in one
        and "rotated" in two
        and not np.abs(one["rotated"][row] - two["rotated"][other])[:2].max() <= reach
    ):
        return False
    if "masks" in one and "masks" in two and max(row, other) < min(len(one["masks"]), len(two["masks"])):
        mine, theirs = one["masks"][row] > 0.5, two["masks"][other] > 0.5
        union = int((mine | theirs).sum())
        return union == 0 or int((mine & theirs).sum()) >= 0.8 * union - 8
    return True
