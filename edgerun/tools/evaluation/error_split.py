"""What kinds of mistakes cost a detector its average precision.

Source: Bolya et al., TIDE: A General Toolbox for Identifying Object Detection Errors, arXiv 2008.08115, section 2. A
row that is wrong at an IoU of .5 is of one of five kinds, asked in this order; an object that nobody found is a sixth:

- box: it overlaps an object of its class by .1 to .5;
- class: it overlaps an object of another class by at least .5;
- duplicate: it overlaps an object of its class by at least .5, which a better row has found;
- background: it overlaps nothing by more than .1;
- both: anything else, that is an object of another class by .1 to .5;
- missed: an object that no row found, and that no box or class mistake was meant for.

What a kind costs is the average precision at .5 if all its mistakes were mended, less that of now: a box or class
mistake becomes a hit of its object, or goes where the object has one already; rows of the other kinds go; missed
objects are no longer asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from edgerun.boxes import iou as overlaps
from edgerun.tensors import AnyArray, FloatArray
from edgerun.tools.average_precision import ANY_CLASS, Labelled, Matched

__all__ = ["KINDS", "Split", "split"]

KINDS = ("box", "class", "duplicate", "background", "both", "missed")

FOUND, NOTHING = 0.5, 0.1
"""IoU from which a row has found an object, and up to which it has found nothing (the paper's t_f and t_b)."""

RIGHT, IGNORED = "right", "ignored"

RECALLS = np.linspace(0, 1, 101)
"""Where precision is read, as COCO does."""


@dataclass(frozen=True, slots=True)
class Split:
    """What mistakes there are and what each kind costs.

    Attributes:
        ap50: average precision at an IoU of .5, mean over the classes of the labels, 0..1.
        counts: kind -> how many.
        costs: kind -> average precision at .5 that mending it would add.
    """

    ap50: float
    counts: Mapping[str, int]
    costs: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of all images.

    Attributes:
        scores: float [N].
        classes: int [N].
        kinds: str [N]: right, ignored, or a kind of mistake.
        meant: int [N], the object that a right row found or a box or class mistake was meant for; -1 for none.
    """

    scores: AnyArray
    classes: AnyArray
    kinds: AnyArray
    meant: AnyArray

    def take(self, rows: AnyArray) -> _Rows:
        return _Rows(self.scores[rows], self.classes[rows], self.kinds[rows], self.meant[rows])


def split(found: Sequence[Matched], truth: Sequence[Labelled]) -> Split:
    """The mistakes in what was found, by kind.

    Args:
        found: in each image; the best 100 rows of an image count, as in the authors' tidecv 1.0.1.
        truth: what is in each image; what lies in a crowd region is neither right nor wrong.

    Where any row is of `ANY_CLASS`, classes do not count at all.
    """
    if any((rows.classes == ANY_CLASS).any() for rows in found):
        found, truth = [_of_one_class(rows) for rows in found], [_of_one_class(labels) for labels in truth]
    objects = np.concatenate([labels.classes[~labels.crowd] for labels in truth] or [np.empty(0, int)])
    parts: list[_Rows] = []
    before = 0
    for in_image, labels in zip(found, truth, strict=True):
        part = _judged(in_image, labels)
        meant = np.where(part.meant >= 0, part.meant + before, -1)
        parts.append(replace(part, meant=meant))
        before += int((~labels.crowd).sum())
    rows = _joined(parts)
    missed = _missed(rows, len(objects))
    now = _ap50(rows, objects)
    counts = {kind: int((rows.kinds == kind).sum()) for kind in KINDS} | {"missed": int(missed.sum())}
    costs = {kind: _ap50(_mended(rows, kind, objects), objects) - now for kind in KINDS[:-1]}
    costs["missed"] = _ap50(rows, objects[~missed]) - now
    return Split(now, counts, costs)


Photo = TypeVar("Photo", Matched, Labelled)


def _of_one_class(photo: Photo) -> Photo:
    return replace(photo, classes=np.zeros_like(photo.classes))


def _joined(parts: Iterable[_Rows]) -> _Rows:
    """All rows, best first."""
    parts = [*parts, _Rows(np.empty(0), np.empty(0, int), np.empty(0, "<U10"), np.empty(0, int))]
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in _Rows.__slots__]
    return _Rows(*columns).take(np.argsort(-columns[0], kind="stable"))


# --------------------------------------------------------------------------------------------- one image

MOST_ROWS = 100


def _judged(found: Matched, labels: Labelled) -> _Rows:
    """Of the rows of one image what each is; objects are counted from 0, without crowds."""
    order = np.argsort(-found.scores, kind="stable")[:MOST_ROWS]
    boxes, classes = found.xyxy[order], found.classes[order]
    things = ~labels.crowd
    overlap = overlaps(boxes, labels.xyxy[things])
    same = classes[:, None] == labels.classes[things]
    owner = _owners(np.where(same, overlap, 0))
    kinds = np.full(len(order), RIGHT, "<U10")
    meant = owner.copy()
    in_crowd = _in_crowd(boxes, classes, labels)
    taken = set(owner.tolist())
    for row in np.flatnonzero(owner < 0).tolist():
        if in_crowd[row]:
            kinds[row] = IGNORED
        else:
            kinds[row], meant[row] = _mistake(overlap[row], same[row], taken)
    return _Rows(found.scores[order].astype(np.float64), classes.astype(int), kinds, meant)


def _owners(overlap: FloatArray) -> AnyArray:
    """The object that each row finds, best rows first: of those still free the one that it overlaps most. -1: none."""
    owner = np.full(len(overlap), -1)
    free = np.ones(overlap.shape[1], bool)
    for row in np.flatnonzero((overlap >= FOUND).any(axis=1)).tolist():
        reach = np.where(free, overlap[row], 0)
        best = int(reach.argmax())
        if reach[best] >= FOUND:
            owner[row] = best
            free[best] = False
    return owner


def _in_crowd(boxes: FloatArray, classes: AnyArray, labels: Labelled) -> AnyArray:
    """Rows of which at least half lies in a crowd region of their class. bool [N]."""
    regions = labels.xyxy[labels.crowd]
    if not len(regions):
        return np.zeros(len(boxes), bool)
    low = np.maximum(boxes[:, None, :2], regions[:, :2])
    high = np.minimum(boxes[:, None, 2:], regions[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    inside = shared >= FOUND * np.maximum(area, np.finfo(np.float32).tiny)[:, None]
    covered: AnyArray = (inside & (classes[:, None] == labels.classes[labels.crowd])).any(axis=1)
    return covered


def _mistake(overlap: FloatArray, same: AnyArray, taken: set[int]) -> tuple[str, int]:
    """The kind of a wrong row, and the object that it was meant for, -1 for none."""
    own, other = np.where(same, overlap, 0), np.where(same, 0, overlap)
    nearest = int(own.argmax()) if own.size else -1
    nearest_other = int(other.argmax()) if other.size else -1
    own_reach, other_reach = own.max(initial=0), other.max(initial=0)
    if NOTHING <= own_reach <= FOUND:
        return "box", nearest
    if other_reach >= FOUND:
        return "class", nearest_other
    if own_reach >= FOUND and nearest in taken:
        return "duplicate", -1
    if overlap.max(initial=0) <= NOTHING:
        return "background", -1
    return "both", -1


# ------------------------------------------------------------------------------------------- all images


def _missed(rows: _Rows, objects: int) -> AnyArray:
    """Objects that no row was meant for. bool [objects]."""
    missed = np.ones(objects, bool)
    missed[rows.meant[rows.meant >= 0]] = False
    return missed


def _mended(rows: _Rows, kind: str, objects: AnyArray) -> _Rows:
    """The rows without the mistakes of a kind."""
    wrong = rows.kinds == kind
    if kind not in ("box", "class"):
        return rows.take(np.flatnonzero(~wrong))
    free = np.ones(len(objects), bool)
    free[rows.meant[rows.kinds == RIGHT]] = False
    kinds, classes = rows.kinds.copy(), rows.classes.copy()
    stays = ~wrong
    for row in np.flatnonzero(wrong).tolist():
        target = rows.meant[row]
        if free[target]:
            free[target] = False
            stays[row] = True
            kinds[row], classes[row] = RIGHT, objects[target]
    return replace(rows, kinds=kinds, classes=classes).take(np.flatnonzero(stays))


def _ap50(rows: _Rows, objects: AnyArray) -> float:
    """Mean over the classes of the objects of COCO's average precision of these rows, which come best first."""
    counted = rows.take(np.flatnonzero(rows.kinds != IGNORED))
    values = [_of_class(counted, number, int((objects == number).sum())) for number in np.unique(objects).tolist()]
    return float(np.mean(values)) if values else 0.0


def _of_class(rows: _Rows, number: int, objects: int) -> float:
    right = rows.kinds[rows.classes == number] == RIGHT
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(hits / objects, RECALLS, side="left")
    return float(np.append(envelope, 0)[np.minimum(places, len(envelope))].mean())
