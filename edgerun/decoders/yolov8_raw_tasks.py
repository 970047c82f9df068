"""YOLOv8, v11 and their like for poses and oriented boxes, cut before the decoding; faces with five points too.

Per stride [1, 64 + C + K · D, h, w] or [1, 64 + C + 1, h, w]: 16 bins a side, a logit per class, then points or an
angle; or these three apart; or the points or angles of all strides in one output, where they may be finished. A point
is (column + 2 x) · stride, its visibility a sigmoid; an angle is (σ(a) - 1/4) · π, and the distances of the sides are
turned by it about the middle of the cell.
Source: the layout is its exporter's (ultralytics 8.0 to 8.3, `Pose` and `OBB`); for the points also Tenstorrent's
port of YOLO11 (Apache-2.0), `pose_postprocessing.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import numpy as np

from edgerun.boxes import enclosing
from edgerun.contract import Candidates, Convention, Inference, Sure
from edgerun.heads import dfl, keypoint_columns, scores, side_distances
from edgerun.heads.bound_outputs import Cells, Tables
from edgerun.heads.grid_columns import points
from edgerun.heads.input_conventions import YOLO
from edgerun.heads.raw_tails import ANGLE, FINISHED, POINTS, RawTail, apart, like_classes
from edgerun.heads.readings import Observed, Reading, decoder
from edgerun.heads.rows_beside_maps import RowsBesideMaps
from edgerun.heads.stride_outputs import Output, StrideOutputs
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["DECODERS"]

DIMS = {**{role: dims for dims, role in POINTS.items()}, **{FINISHED[role]: dims for dims, role in POINTS.items()}}
"""Role of points, raw or finished -> numbers for each."""

STRIDES, DISTANCES, SCORES = (8, 16, 32), dfl.output(16), Output("scores")
KEYPOINTS = Output(POINTS[3], tuple(range(6, 7 * 21, 3)))
"""From two points to twice those of a hand and a face."""

JOINED = StrideOutputs(STRIDES, (DISTANCES, SCORES), in_one=True)
POSES_BESIDE, ANGLES_BESIDE = RowsBesideMaps(JOINED, "keypoints"), RowsBesideMaps(JOINED, ANGLE)
POSES_APART = StrideOutputs(STRIDES, (DISTANCES, SCORES, KEYPOINTS), fits=apart)
ANGLES_APART = StrideOutputs(STRIDES, (DISTANCES, SCORES, Output(ANGLE, (1,))), fits=apart)

BOXES = side_distances.SideDistances(0.5, side_distances.in_bins)


def _pose(tables: Tables, cells: Cells, conf: float) -> Candidates:
    """A `Formula`: boxes and points in model pixels."""
    found = BOXES(tables, cells, conf)
    rows, _, _ = scores.best_of(tables, conf)
    (role,) = DIMS.keys() & tables.keys()
    columns = tables[role][rows].astype(np.float32)
    count = columns.shape[1] // DIMS[role]
    if role in POINTS.values():
        columns = _finished(columns.reshape(len(rows), count, DIMS[role]), rows, cells).reshape(columns.shape)
    return replace(found, keypoints=points(columns, count))


def _finished(raw: AnyArray, rows: AnyArray, cells: Cells) -> AnyArray:
    """Raw points [N, K, D] of these rows in model pixels, which replace them."""
    raw[..., :2] = cells.points(rows, 0.0)[:, None] + 2 * raw[..., :2] * cells.sizes(rows)[..., None]
    raw[..., 2:] = scores.sigmoid(raw[..., 2:])
    return raw


def _oriented(tables: Tables, cells: Cells, conf: float) -> Candidates:
    """A `Formula`: turned boxes in model pixels, and the upright ones around them."""
    rows, best, classes = scores.best_of(tables, conf)
    sides = side_distances.in_bins(tables["distances"][rows], cells.sizes(rows))
    angles = _angles(tables, rows)
    turned = _turned((sides[:, 2:] - sides[:, :2]) / 2, angles)
    centres = cells.points(rows, 0.5) + turned
    rotated = np.concatenate((centres, sides[:, :2] + sides[:, 2:], angles), axis=1).astype(np.float32)
    return Candidates(enclosing(rotated), best, classes, rotated=rotated)


def _angles(tables: Tables, rows: AnyArray) -> FloatArray:
    """Of these rows, in radians, float32 [K, 1]."""
    if FINISHED[ANGLE] in tables:
        return tables[FINISHED[ANGLE]][rows].astype(np.float32)
    return ((scores.sigmoid(tables[ANGLE][rows]) - 0.25) * np.pi).astype(np.float32)


def _turned(offsets: AnyArray, angles: AnyArray) -> FloatArray:
    """Offsets [K, 2] turned by angles [K, 1], clockwise where y points down."""
    x, y = offsets[:, :1], offsets[:, 1:]
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate((x * cos - y * sin, x * sin + y * cos), axis=1).astype(np.float32)


def _of_pose(observed: Observed) -> Iterable[Convention]:
    group = observed.bound.groups[0]
    for role, dims in DIMS.items():
        if group.channels(role):
            yield Inference("the channels of its outputs", keypoints=group.channels(role) // dims, keypoint_dims=dims)
    yield Inference("the outputs", task="pose")


def _of_oriented(_: Observed) -> Iterable[Convention]:
    yield Inference("the outputs", task="obb")


def _against(observed: Observed, task: str, roles: tuple[str, ...]) -> str:
    """Why columns are not those of this task; "" where they may be."""
    evidence = observed.evidence
    if evidence.known("task") and evidence.card.task != task:
        return f"it reads {task} models, not {evidence.card.task}"
    if not all(dfl.plausible(np.ascontiguousarray(table)) for table in observed.tables("distances")):
        return "the first 64 channels of a probe run are not distributions of four sides"
    logits = observed.tables("logits")
    if not logits or not like_classes(np.concatenate(logits)).all():
        return "what should be scores of a probe run is high nearly everywhere"
    may_be_low = task == "obb" and evidence.known("task")  # an angle may lie near its least; points cannot, all of them
    if not may_be_low and like_classes(np.concatenate(observed.tables(*roles))).all():
        return f"what should be {roles[0]} of a probe run may as well be classes"
    return ""


def _against_pose(observed: Observed) -> str:
    evidence, group = observed.evidence, observed.bound.groups[0]
    width = sum(group.channels(role) for role in DIMS)
    if evidence.known("keypoints") and keypoint_columns.said(width, evidence) is None:
        return f"{width} channels are not {evidence.card.keypoints} points"
    return _against(observed, "pose", tuple(DIMS))


def _against_oriented(observed: Observed) -> str:
    return _against(observed, "obb", (ANGLE, FINISHED[ANGLE]))


def _sure(observed: Observed) -> Sure:
    return Sure.CERTAIN if observed.evidence.known("task") else Sure.LIKELY


POSE = partial(Reading, formula=_pose, conventions=(YOLO,), further=_of_pose, objection=_against_pose, sure=_sure)
OBB = partial(
    Reading, formula=_oriented, conventions=(YOLO,), further=_of_oriented, objection=_against_oriented, sure=_sure
)

DECODERS = (
    decoder("yolov8-raw-pose", POSE(POSES_BESIDE), POSE(POSES_APART), POSE(RawTail(JOINED, "keypoints"))),
    decoder("yolov8-raw-obb", OBB(ANGLES_BESIDE), OBB(ANGLES_APART), OBB(RawTail(JOINED, "angle"))),
)
