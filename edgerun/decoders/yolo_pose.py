"""YOLO with keypoints, where `yolov8` does not read it: layouts without metadata, with an objectness, or finished.

"yolo-pose" [1, 4 + C + K·D, N] or its transpose, of which nobody says K and D: coordinates leave 0..1, scores do not.
"yolov7-pose" [1, N, 5 + C + K·3] with an objectness. "yolo-pose-end2end" [1, N, 6 + K·D]: x1 y1 x2 y2, score, class.
A keypoint is x y in the units of the boxes, and a visibility where D is 3.
Source: Maji et al., YOLO-Pose, arXiv 2204.06806; the layouts are documented by their exporters.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import box_formats, value_checks, yolo_columns
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["DECODERS"]

ASK = {"keypoints": {"keypoints=17, keypoint_dims=3": "say, for the joints of COCO's persons"}}


def points(columns: AnyArray, frame: Frame) -> FloatArray:
    """Keypoints [N, K, 3] from their columns [N, K·D]; where there is no visibility it is 1."""
    found = columns.reshape(len(columns), frame.card.keypoints, frame.card.keypoint_dims).astype(np.float32)
    return found if found.shape[2] == 3 else np.concatenate((found, np.ones_like(found[..., :1])), axis=2)


def _decode(outputs: Arrays, frame: Frame, *, objectness: bool) -> Candidates:
    (output,) = outputs.values()
    rows = yolo_columns.on_grid(output, frame.height, frame.width, 3 if objectness else 1)
    extra = frame.card.keypoints * frame.card.keypoint_dims
    shares = rows[5 if objectness else 4 : len(rows) - extra]
    best = shares.max(axis=0) * rows[4] if objectness else shares.max(axis=0)
    kept = np.flatnonzero(best >= frame.conf)
    classes = shares[:, kept].argmax(axis=0).astype(np.int32)
    boxes = cxcywh_to_xyxy(rows[:4, kept].T)
    return Candidates(boxes, best[kept], classes, points(rows[len(rows) - extra :, kept].T, frame))


def _decode_finished(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    rows = output[0][output[0][:, 4] >= frame.conf]
    classes = rows[:, 5].astype(np.int32)
    return Candidates(rows[:, :4].astype(np.float32), rows[:, 4].copy(), classes, points(rows[:, 6:], frame))


def _layout(columns: AnyArray, boxes: AnyArray, evidence: Evidence) -> tuple[int, int]:
    """(K, D) of these columns [K·D, N], as said, or by values: only a visibility stays in 0..1; (0, 0) if neither."""
    card, count = evidence.card, len(columns)
    if evidence.known("keypoints"):
        dims = card.keypoint_dims if evidence.known("keypoint_dims") else count // max(1, card.keypoints)
        return (card.keypoints, dims) if dims in (2, 3) and card.keypoints * dims == count else (0, 0)
    inside = np.array([value_checks.shares(column) for column in columns])
    if value_checks.unit(columns.T) != value_checks.unit(boxes.T):  # weights of masks, say
        return 0, 0
    if count and count % 3 == 0 and inside[2::3].all() and not inside[0::3].any() and not inside[1::3].any():
        return count // 3, 3
    return (count // 2, 2) if count and count % 2 == 0 and not inside.any() else (0, 0)


def _said(match: Match, keypoints: int, dims: int, **habits: Any) -> Match:
    """The match with what was seen of the keypoints."""
    fields = {**match.conventions, "keypoints": keypoints, "keypoint_dims": dims}
    basis = {**match.basis} | dict.fromkeys(("keypoints", "keypoint_dims"), "inferred: values of a probe run")
    return Match(match.sure, match.why, fields, basis)


def _matches(evidence: Evidence, *, objectness: bool) -> Match:
    card, name = evidence.card, yolo_columns.only(evidence, 3, 1)
    first, per_cell = (5, 3) if objectness else (4, 1)
    channels = yolo_columns.channels_of(evidence.outputs[0].shape, card.height, card.width, per_cell) if name else 0
    if channels < first + 3:
        return Match(Sure.NO, f"it needs one output [1, {first} + C + K · D, N], {per_cell} per cell")
    lost = next((why for spec in evidence.outputs if spec.name == name and (why := value_checks.coarse(spec))), "")
    if lost:
        return Match(Sure.NO, lost)
    if refusal := yolo_columns.refused(evidence, "pose"):
        return refusal
    if evidence.known("keypoints") and not objectness:
        return Match(Sure.NO, "yolov8 reads it where the number of keypoints is known")
    rows = yolo_columns.on_grid(evidence.probe("textured")[name], card.height, card.width, per_cell)
    if objectness and not value_checks.shares(rows[4]):
        return Match(Sure.NO, "the objectness of a probe run leaves 0..1")
    strides = yolo_columns.strides_of(rows, card, per_cell)
    if wrong := box_formats.misread(rows[:4].T, "cx cy w h", card.height, card.width, strides, per_cell):
        return Match(Sure.NO, wrong)
    inside = [value_checks.shares(row) for row in rows[first:]]
    classes = len(card.labels) or (inside.index(False) if False in inside else 0)
    if objectness and evidence.known("keypoints"):
        classes = channels - first - card.keypoints * 3
    match = Match(Sure.LIKELY, "", *yolo_columns.conventions(rows[:4].T, "pose"))
    if (
        not objectness
        and not classes
        and value_checks.unit(rows[:4].T)
        and yolo_columns.unlike_scores(rows[5:], rows[4:5])
    ):
        why = "some columns stay high all over a probe run, as coordinates in 0..1 do and scores do not"
        return Match(Sure.LIKELY, why, match.conventions, match.basis, ASK)
    keypoints, dims = _layout(rows[first + classes :], rows[:4], evidence) if classes > 0 else (0, 0)
    if not keypoints or not value_checks.shares(rows[first : first + classes]):
        return Match(Sure.NO, "the columns behind the scores of a probe run are not keypoints; say keypoints=")
    why = f"{per_cell} per cell, with {classes} classes and {keypoints} keypoints of {dims} values"
    return _said(Match(Sure.LIKELY, why, match.conventions, match.basis), keypoints, dims)


def _matches_finished(evidence: Evidence) -> Match:
    card, name = evidence.card, yolo_columns.only(evidence, 3, 1)
    extra = (evidence.outputs[0].shape[2] or 0) - 6 if name else 0
    if extra < 2:
        return Match(Sure.NO, "it needs one output [1, N, 6 + K · D]")
    if refusal := yolo_columns.refused(evidence, "pose"):
        return refusal
    rows = evidence.probe("textured")[name][0]
    why_not = yolo_columns.finished(rows, said=card.task == "pose" or card.decoder is not None)
    if why_not:
        return Match(Sure.NO, why_not)
    if card.labels and len(rows) and rows[:, 5].max() >= len(card.labels):
        return Match(Sure.NO, f"a probe run gives class {rows[:, 5].max():.0f} of {len(card.labels)} labels")
    keypoints, dims = _layout(rows[:, 6:].T, rows[:, :4], evidence)
    if not keypoints:
        return Match(Sure.NO, f"{extra} columns behind box, score and class are not keypoints; say keypoints=")
    sure = Sure.CERTAIN if len(rows) and rows[:, 4].any() else Sure.LIKELY
    why = f"rows of x1 y1 x2 y2, score, class and {keypoints} keypoints of {dims} values"
    return _said(Match(sure, why, *yolo_columns.conventions(rows[:, :4], "pose", end2end=True)), keypoints, dims)


DECODERS = (
    Decoder("yolo-pose", partial(_matches, objectness=False), partial(_decode, objectness=False)),
    Decoder("yolov7-pose", partial(_matches, objectness=True), partial(_decode, objectness=True)),
    Decoder("yolo-pose-end2end", _matches_finished, _decode_finished, suppress=False),
)
