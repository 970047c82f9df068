"""Heads that the user names: networks with several tasks, and families that nobody has described.

Never guessed: the card says decoder "named-heads" and, by `outputs`, the role of every output that is to be read.
All have one row for each candidate, [1, N, …] or [N, …]:
"boxes x1y1x2y2", "boxes cxcywh", "boxes x1y1wh" or "boxes y1x1y2x2" [N, 4]; "scores" or "logits" [N, C] or [N];
"objectness" [N, 1] or [N], which multiplies the scores; "classes" [N], where scores are [N]; "keypoints" [N, K · D] or
[N, K, D] of x y, or x y visibility; outputs without a role are left aside.
Boxes and keypoints are in pixels of the input, or in 0..1 of it: `box_units` or a trial run says which.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy, yxyx_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import scores as scoring
from edgerun.heads import value_checks
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["DECODERS"]

NAME = "named-heads"
BOXES = {
    "boxes x1y1x2y2": lambda rows: rows.astype(np.float32),
    "boxes cxcywh": cxcywh_to_xyxy,
    "boxes x1y1wh": lambda rows: np.concatenate((rows[:, :2], rows[:, :2] + rows[:, 2:]), axis=1).astype(np.float32),
    "boxes y1x1y2x2": yxyx_to_xyxy,
}
SCORES = ("scores", "logits")
ROLES = (*BOXES, *SCORES, "objectness", "classes", "keypoints")


def _tables(outputs: Arrays, roles: Any) -> dict[str, AnyArray]:
    """Role -> its rows, [N, …] without the axis of a batch."""
    read = {roles[name]: array for name, array in outputs.items() if roles.get(name) in ROLES}
    box = next(role for role in read if role in BOXES)
    batched = read[box].ndim == 3
    tables = {role: array[0] if batched else array for role, array in read.items()}
    return {role: array.reshape(len(array), -1) if array.size else array for role, array in tables.items()}


def _points(columns: AnyArray, dims: int) -> FloatArray:
    points = columns.reshape(len(columns), columns.shape[1] // dims, dims).astype(np.float32)
    return points if dims == 3 else np.concatenate((points, np.ones_like(points[..., :1])), axis=2)


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    tables = _tables(outputs, frame.card.outputs)
    (box,) = (role for role in tables if role in BOXES)
    shares = scoring.sigmoid(tables["logits"]) if "logits" in tables else tables["scores"]
    if "objectness" in tables:
        shares = shares * tables["objectness"]
    kept, scores, classes = scoring.best(shares, frame.conf)
    if "classes" in tables:
        classes = np.rint(tables["classes"][kept, 0]).astype(np.int32)
    points = _points(tables["keypoints"][kept], frame.card.keypoint_dims) if "keypoints" in tables else None
    return Candidates(BOXES[box](tables[box][kept]), scores, classes, points)


def _matches(evidence: Evidence) -> Match:
    card = evidence.card
    if card.decoder != NAME:
        return Match(Sure.NO, f'it is taken only where it is named: decoder="{NAME}", with a role for each output')
    roles = list(card.outputs.values())
    boxes, scores = [role for role in roles if role in BOXES], [role for role in roles if role in SCORES]
    unknown = set(card.outputs) - {spec.name for spec in evidence.outputs}
    if len(boxes) != 1 or len(scores) != 1 or len(set(roles)) != len(roles) or not set(roles) <= set(ROLES) or unknown:
        names = ", ".join(spec.name for spec in evidence.outputs)
        return Match(Sure.NO, f"`outputs` must give one of {names} each of the roles boxes …, scores or logits, once")
    tables = _tables(evidence.probe("textured"), card.outputs)
    counts = {len(table) for table in tables.values()}
    if len(counts) != 1 or (tables[boxes[0]].size and tables[boxes[0]].shape[1] != 4):
        return Match(
            Sure.NO, f"the outputs named have {' and '.join(map(str, sorted(counts)))} rows, or boxes not 4 columns"
        )
    if any(
        role in tables and not value_checks.shares(tables[role]) for role in ("scores", "objectness") if max(counts)
    ):
        return Match(Sure.NO, "what is named scores or objectness leaves 0..1 in a probe run; name it logits")
    classes = tables[scores[0]].shape[1] if max(counts) else 0
    if card.labels and "classes" not in tables and max(counts) and classes != len(card.labels):
        return Match(Sure.NO, f"{classes} columns of scores are not {len(card.labels)} labels")
    fields: dict[str, Any] = {"task": "pose" if "keypoints" in tables else "detect"}
    basis = {"task": "inferred: the roles of the outputs"}
    if max(counts):
        fields["box_units"] = "unit" if value_checks.unit(tables[boxes[0]]) else "pixels"
        basis["box_units"] = "inferred: boxes of a probe run"
    if "keypoints" in tables and max(counts):
        dims = (
            card.keypoint_dims
            if evidence.known("keypoint_dims")
            else tables["keypoints"].shape[1] // max(1, card.keypoints)
        )
        if dims not in (2, 3) or card.keypoints * dims != tables["keypoints"].shape[1]:
            return Match(
                Sure.NO, f"{tables['keypoints'].shape[1]} columns of keypoints: say keypoints= and keypoint_dims="
            )
        fields["keypoint_dims"], basis["keypoint_dims"] = dims, "inferred: the columns of the keypoints"
    habits = {"mean": {"mean=0": "0..1", "scale=1, mean=0": "0..255", "mean=0.5, std=0.5": "-1..1"}}
    return Match(Sure.LIKELY, f"{max(counts)} rows with {classes} scores each, as named", fields, basis, habits)


DECODERS = (Decoder(NAME, _matches, _decode),)
