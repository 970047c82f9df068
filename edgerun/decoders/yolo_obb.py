"""YOLO with oriented boxes: cx cy w h, a score per class, and an angle in radians, clockwise where y points down.

"yolo-obb" [1, 4 + C + 1, N] or its transpose (v8, v11); the angle lies in -π/4 .. 3π/4.
"yolo-obb-end2end" [1, N, 7]: cx cy w h, score, class, angle (YOLO26, and exports with suppression inside).
Source: the layouts are documented by their exporter: https://docs.ultralytics.com/tasks/obb.
"""

from __future__ import annotations

import numpy as np

from edgerun.boxes import enclosing
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import box_formats, value_checks, yolo_columns
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

LEAST, MOST = -np.pi / 4 - value_checks.TOLERANCE, 3 * np.pi / 4 + value_checks.TOLERANCE


def _candidates(rotated: AnyArray, scores: AnyArray, classes: AnyArray) -> Candidates:
    rotated = np.ascontiguousarray(rotated, np.float32)
    return Candidates(enclosing(rotated), scores, classes.astype(np.int32), rotated=rotated)


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    rows = yolo_columns.on_grid(output, frame.height, frame.width)
    best = rows[4:-1].max(axis=0)
    kept = np.flatnonzero(best >= frame.conf)
    rotated = np.concatenate((rows[:4, kept], rows[-1:, kept])).T
    return _candidates(rotated, best[kept], rows[4:-1, kept].argmax(axis=0))


def _decode_finished(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    rows = output[0][output[0][:, 4] >= frame.conf]
    return _candidates(rows[:, [0, 1, 2, 3, 6]], rows[:, 4].copy(), rows[:, 5])


def _matches(evidence: Evidence) -> Match:
    card, name = evidence.card, yolo_columns.only(evidence, 3, 1)
    channels = yolo_columns.channels_of(evidence.outputs[0].shape, card.height, card.width) if name else 0
    classes = channels - 5
    if classes < 1:
        return Match(Sure.NO, "it needs one output [1, 4 + C + 1, N], one row per cell")
    lost = next((why for spec in evidence.outputs if spec.name == name and (why := value_checks.coarse(spec))), "")
    if lost:
        return Match(Sure.NO, lost)
    if refusal := yolo_columns.refused(evidence, "obb"):
        return refusal
    if card.labels and len(card.labels) != classes:
        return Match(Sure.NO, f"{channels} columns are not 4 + {len(card.labels)} labels + an angle")
    rows = yolo_columns.on_grid(evidence.probe("textured")[name], card.height, card.width)
    if not value_checks.shares(rows[4:-1]):
        return Match(Sure.NO, "the class scores of a probe run leave 0..1")
    angles = rows[-1]
    if not np.isfinite(angles).all() or angles.min() < LEAST or angles.max() > MOST:
        return Match(Sure.NO, "the last column of a probe run leaves -π/4 .. 3π/4, so it is no angle")
    doubtful = value_checks.shares(angles)  # a class may do the same
    if card.task != "obb" and doubtful and classes == 1:
        return Match(
            Sure.NO, 'its last columns may as well be an objectness and a class; if it is oriented, say task="obb"'
        )
    if doubtful and not yolo_columns.unlike_scores(rows[-1:], rows[4:-1]):
        return Match(Sure.NO, "the last column of a probe run behaves like the scores of a class, not like an angle")
    if yolo_columns.given_an_object(rows[:-1]):
        return Match(Sure.NO, "the columns behind the box are an objectness and shares given an object")
    if wrong := box_formats.misread(
        rows[:4].T, "cx cy w h", card.height, card.width, yolo_columns.strides_of(rows, card)
    ):
        return Match(Sure.NO, wrong)
    why = f"one per cell, with {classes} classes and an angle of {angles.min():.2f}..{angles.max():.2f}"
    sure = Sure.POSSIBLE if doubtful and card.labels else Sure.LIKELY
    sure = Sure.CERTAIN if card.task == "obb" else sure
    return Match(sure, why, *yolo_columns.conventions(rows[:4].T, "obb"))


def _matches_finished(evidence: Evidence) -> Match:
    card, name = evidence.card, yolo_columns.only(evidence, 3, 1)
    if not name or evidence.outputs[0].shape[2] != 7:
        return Match(Sure.NO, "it needs one output [1, N, 7]")
    if refusal := yolo_columns.refused(evidence, "obb"):
        return refusal
    rows = evidence.probe("textured")[name][0]
    said = card.task == "obb" or card.decoder is not None
    why_not = yolo_columns.finished(rows, said=said)
    if why_not:
        return Match(Sure.NO, why_not)
    if card.labels and len(rows) and rows[:, 5].max() >= len(card.labels):
        return Match(Sure.NO, f"a probe run gives class {rows[:, 5].max():.0f} of {len(card.labels)} labels")
    if len(rows) and np.abs(rows[:, 6]).max() > np.pi + value_checks.TOLERANCE:
        return Match(Sure.NO, "the seventh column of a probe run leaves -π .. π, so it is no angle")
    if not said and (rows[:, 2:4] >= rows[:, :2]).all():
        return Match(Sure.NO, 'its rows may as well begin with x1 y1 x2 y2; if they are oriented, say task="obb"')
    sure = Sure.CERTAIN if len(rows) and rows[:, 4].any() else Sure.LIKELY
    why = "rows of cx cy w h, score, class, angle"
    return Match(sure, why, *yolo_columns.conventions(rows[:, :4], "obb", end2end=True))


DECODERS = (
    Decoder("yolo-obb", _matches, _decode),
    Decoder("yolo-obb-end2end", _matches_finished, _decode_finished, suppress=False),
)
