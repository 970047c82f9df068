"""Heads that the user names: networks with several tasks, and families that are not described yet.

Never guessed: the card says decoder "named-heads" and, by `outputs`, the role of every output that is to be read.
All have one row for each candidate, [1, N, …] or [N, …]:
"boxes x1y1x2y2", "boxes cxcywh", "boxes x1y1wh" or "boxes y1x1y2x2" [N, 4]; "scores" or "logits" [N, C] or [N];
"objectness" [N, 1] or [N], which multiplies the scores; "classes" [N], where scores are [N]; "keypoints" [N, K · D] or
[N, K, D] of x y, or x y visibility; outputs without a role are left aside.
Boxes and keypoints are in pixels of the input, or in 0..1 of it: `box_units` or a trial run says which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy, yxyx_to_xyxy
from edgerun.contract import (
    Alternative,
    Arrays,
    Candidates,
    Convention,
    Decoder,
    Evidence,
    Frame,
    Inference,
    Match,
    Sure,
)
from edgerun.heads import finished_rows
from edgerun.heads import scores as scoring
from edgerun.heads.requirements import require, verdict
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["DECODERS"]

NAME = "named-heads"


def _corners(rows: AnyArray) -> FloatArray:
    return rows.astype(np.float32)


def _near_corner_and_size(rows: AnyArray) -> FloatArray:
    return np.concatenate((rows[:, :2], rows[:, :2] + rows[:, 2:]), axis=1).astype(np.float32)


BOXES: Mapping[str, Callable[[AnyArray], FloatArray]] = {
    "boxes x1y1x2y2": _corners,
    "boxes cxcywh": cxcywh_to_xyxy,
    "boxes x1y1wh": _near_corner_and_size,
    "boxes y1x1y2x2": yxyx_to_xyxy,
}
SCORES = ("scores", "logits")
ROLES = {*BOXES, *SCORES, "objectness", "classes", "keypoints"}

NO_BOXES = np.empty((0, 4), np.float32)

RANGES = (
    Alternative({"mean": 0.0}, "0..1"),
    Alternative({"scale": 1.0, "mean": 0.0}, "0..255"),
    Alternative({"mean": 0.5, "std": 0.5}, "-1..1"),
)


@dataclass(frozen=True)
class Reader:
    """Reads the outputs of these names.

    Attributes:
        roles: role -> output.
        form: the role of the boxes, which says how they are written.
        dims: numbers for each keypoint, 2 or 3.
    """

    roles: Mapping[str, str]
    form: str
    dims: int = 3

    def tables(self, outputs: Arrays) -> dict[str, AnyArray]:
        """Role -> its rows [N, columns], without the axis of a batch."""
        first = 1 if outputs[self.roles[self.form]].ndim == 3 else 0
        return {role: _table(outputs[name], first) for role, name in self.roles.items()}

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """The rows whose best class scores enough, and that do not pad a table.

        Raises:
            DecoderUnknown: the rows cannot be what they are named.
        """
        tables = without_padding(self.tables(outputs), self.form)
        found = tables["scores"] if "scores" in tables else scoring.sigmoid(tables["logits"])
        if "objectness" in tables:
            found = found * tables["objectness"]
        kept, scores, classes = scoring.best(found, frame.conf)
        boxes, numbers = BOXES[self.form](tables[self.form][kept]), classes
        if "classes" in tables:
            numbers = tables["classes"][kept, 0]
            classes = np.rint(numbers).astype(np.int32)
        points = self._points(tables["keypoints"][kept]) if "keypoints" in tables else None
        rows = Candidates(boxes, scores, classes, points)
        return finished_rows.settled(rows, boxes, scores, numbers, frame)

    def _points(self, columns: AnyArray) -> FloatArray:
        """X y visibility, float32 [N, K, 3]; 1 where the model gives none."""
        points = columns.reshape(len(columns), columns.shape[1] // self.dims, self.dims).astype(np.float32)
        visible = np.ones((*points.shape[:2], 3 - self.dims), np.float32)
        return np.concatenate((points, visible), axis=2)


def _table(array: AnyArray, first_axis: int) -> AnyArray:
    rows = array[0] if first_axis else array
    return rows.reshape(len(rows), -1) if rows.size else rows


def without_padding(tables: Mapping[str, AnyArray], form: str) -> Mapping[str, AnyArray]:
    """The rows of all tables whose boxes are not all 0 or all -1, as what pads a table is."""
    stored = tables[form]
    padding = ~stored.any(axis=1) | (stored == -1).all(axis=1)
    if not padding.any():
        return tables
    return {role: table[~padding] for role, table in tables.items()}


def _bound(evidence: Evidence) -> dict[str, str]:
    """Role -> output, as the card gives them."""
    given, outputs = evidence.card.outputs, [spec.name for spec in evidence.outputs]
    roles = {role: name for name, role in given.items()}
    once = len(roles) == len(given) and set(given) <= set(outputs)
    kinds = len(set(BOXES) & set(roles)), len(set(SCORES) & set(roles))
    complete = once and kinds == (1, 1) and set(roles) <= ROLES
    names = ", ".join(outputs)
    require(complete, f"`outputs` must give one of {names} each of the roles boxes …, scores or logits, once")
    return roles


def _judge(tables: Mapping[str, AnyArray], classes: int, evidence: Evidence) -> None:
    """Raise `Unmet` for what rows of a probe run speak against."""
    unnamed = [role for role in ("scores", "objectness") if not finished_rows.may_be_scores(tables.get(role, NO_BOXES))]
    require(not unnamed, "what is named scores or objectness leaves 0..1 in a probe run; name it logits")
    labels = len(evidence.card.labels)
    fits = "classes" in tables or labels in (0, classes)
    require(fits, f"{classes} columns of scores are not {labels} labels")


def _dims(columns: int, evidence: Evidence) -> int:
    """Numbers for each keypoint, as the card says or as so many columns tell."""
    card = evidence.card
    dims = card.keypoint_dims if evidence.known("keypoint_dims") else columns // max(1, card.keypoints)
    fits = dims in (2, 3) and card.keypoints * dims == columns
    require(fits, f"{columns} columns of keypoints: say keypoints= and keypoint_dims=")
    return dims


@verdict
def _matches(evidence: Evidence) -> Match:
    named = evidence.card.decoder == NAME
    require(named, f'it is taken only where it is named: decoder="{NAME}", with a role for each output')
    roles = _bound(evidence)
    (form,), (scores,) = set(BOXES) & set(roles), set(SCORES) & set(roles)
    reader = Reader(roles, form, evidence.card.keypoint_dims)
    tables = reader.tables(evidence.probe("textured"))
    counts = sorted({len(table) for table in tables.values()})
    shaped = not tables[form].size or tables[form].shape[1] == 4
    rows = " and ".join(map(str, counts))
    require(len(counts) == 1 and shaped, f"the outputs named have {rows} rows, or boxes not 4 columns")
    classes = tables[scores].shape[1] if counts[0] else 0
    task = "pose" if "keypoints" in tables else "detect"
    brings: list[Convention] = [Inference("the roles of the outputs", task=task)]
    filled = without_padding(tables, form) if counts[0] else tables
    brings.append(finished_rows.units(filled[form] if counts[0] else NO_BOXES, evidence))
    if counts[0]:
        _judge(filled, classes, evidence)
    if counts[0] and "keypoints" in tables:
        dims = _dims(tables["keypoints"].shape[1], evidence)
        brings.append(Inference("the columns of the keypoints", keypoint_dims=dims))
        reader = replace(reader, dims=dims)
    why = f"{rows} rows with {classes} scores each, as named"
    return Match.bringing(Sure.LIKELY, why, *brings, unsettled={"mean": RANGES}, decode=reader)


DECODERS = (Decoder(NAME, _matches),)
