"""Which candidates of a frame stay: the choice among the suppressions, as a call and the card want it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edgerun.arguments import Wanted
from edgerun.card import Overlap
from edgerun.contract.candidates import Candidates
from edgerun.errors import InputError
from edgerun.processing import blending, nms, probiou
from edgerun.tensors import AnyArray

__all__ = ["suppressed"]


def suppressed(candidates: Candidates, wanted: Wanted, overlap: Overlap) -> Candidates:
    """The candidates that stay, best first.

    Args:
        candidates: that score enough, of classes that are wanted.
        wanted: which suppression, how much overlap, how many rows.
        overlap: how oriented boxes are compared.

    Raises:
        InputError: the suppression does not fit what the model gives.
    """
    if wanted.nms == "soft":
        return _softened(candidates, wanted)
    if wanted.nms == "weighted":
        return _blended(candidates, wanted)
    if wanted.nms == "oks":
        return candidates.take(_by_keypoints(candidates, wanted))
    if candidates.rotated is not None:
        return candidates.take(_by_orientation(candidates, candidates.rotated, wanted, overlap))
    boxes, scores, classes = candidates.boxes, candidates.scores, candidates.classes
    return candidates.take(
        nms.suppress(boxes, scores, classes, iou=wanted.iou, max_det=wanted.max_det, mode=wanted.nms)
    )


def _softened(candidates: Candidates, wanted: Wanted) -> Candidates:
    boxes, scores, classes = candidates.boxes, candidates.scores, candidates.classes
    rows, softened = nms.soften(boxes, scores, classes, conf=wanted.conf, max_det=wanted.max_det)
    kept = replace(candidates.take(rows), scores=softened)
    return kept.take(wanted.enough(kept.scores, kept.classes))


def _by_keypoints(candidates: Candidates, wanted: Wanted) -> AnyArray:
    if candidates.keypoints is None:
        raise InputError('nms = "oks" compares keypoints, and this model gives none.', hint='pass nms="class"')
    boxes, scores, classes = candidates.boxes, candidates.scores, candidates.classes
    return nms.suppress_poses(candidates.keypoints, boxes, scores, classes, iou=wanted.iou, max_det=wanted.max_det)


def _by_orientation(candidates: Candidates, rotated: AnyArray, wanted: Wanted, overlap: Overlap) -> AnyArray:
    compare = probiou.suppress if overlap == "probiou" else nms.suppress_rotated
    mode: Any = wanted.nms
    return compare(rotated, candidates.scores, candidates.classes, iou=wanted.iou, max_det=wanted.max_det, mode=mode)


def _blended(candidates: Candidates, wanted: Wanted) -> Candidates:
    """Each best row with box and keypoints in the middle of those that overlap it."""
    for column, name in ((candidates.rotated, "oriented boxes"), (candidates.box_masks, "masks over their own boxes")):
        if column is not None:
            raise InputError(
                f'nms = "weighted" blends upright boxes, and this model gives {name}.', hint='pass nms="class"'
            )
    boxes, scores, classes = candidates.boxes, candidates.scores, candidates.classes
    groups = blending.groups(boxes, scores, classes, iou=wanted.iou, max_det=wanted.max_det)
    kept = candidates.take(groups.best)
    changed: dict[str, AnyArray] = {"boxes": groups.blend(boxes, scores)}
    if candidates.keypoints is not None and kept.keypoints is not None:
        points = kept.keypoints.copy()
        points[..., :2] = groups.blend(candidates.keypoints[..., :2], scores)
        changed["keypoints"] = points
    return replace(kept, **changed)
