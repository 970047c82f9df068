"""YuNet: faces with five landmarks; four outputs for each of the strides 8, 16, 32.

cls [1, N, 1], obj [1, N, 1], bbox [1, N, 4], kps [1, N, 10]. Score = √(cls · obj), so the two need not be told apart;
cx = (column + x) · stride, w = exp(w) · stride, landmark = (column + x, line + y) · stride.
Before 2023: loc [1, N, 14] of box and landmarks, conf [1, N, 2], iou [1, N, 1], counted from squares, whose grids round
down: 1076 of them at 120 x 160; score = √(conf · iou).
Source: Wu et al., YuNet, 2023; OpenCV's `face_detect.cpp` (Apache-2.0), and its release 4.5.4, `generatePriors`.
"""

from __future__ import annotations

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Candidates, Convention
from edgerun.heads import landmarks, scores, value_checks
from edgerun.heads.bound_outputs import Cells, Tables
from edgerun.heads.prior_boxes import ULTRAFACE, PriorOffsets, Squares, halved
from edgerun.heads.readings import Reading, certain, decoder
from edgerun.heads.stride_outputs import Output, StrideOutputs
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

CONVENTIONS = Convention(
    "YuNet is run so in OpenCV", resize="letterbox-topleft", color="bgr", scale=1.0, fill=0, iou=0.3, keypoints=5,
    keypoint_dims=2, labels=("face",),
)  # fmt: skip
OF_THE_INPUT = Convention("squares are shares of the input", box_units="unit")


def _root(first: AnyArray, second: AnyArray, conf: float) -> scores.Best:
    return scores.of_one_class(np.sqrt(np.clip(first, 0, 1) * np.clip(second, 0, 1)), conf)


def _cells(tables: Tables, cells: Cells, conf: float) -> Candidates:
    """Boxes and landmarks from the corners of cells; the two scores come side by side."""
    pair = tables["scores"]
    rows, best, classes = _root(pair[:, 0], pair[:, 1], conf)
    corners, sizes = cells.points(rows, 0.0), cells.sizes(rows)
    offsets = tables["boxes"][rows]
    centres = offsets[:, :2] * sizes + corners
    sides = scores.exp(offsets[:, 2:]) * sizes
    boxes = cxcywh_to_xyxy(np.concatenate((centres, sides), axis=1))
    return Candidates(boxes, best, classes, landmarks.around(tables["landmarks"][rows], corners, sizes))


def _faces(tables: Tables, conf: float) -> scores.Best:
    return _root(tables["scores"][:, 1], tables["overlaps"][:, 0], conf)


SCORES, BOXES, LANDMARKS = Output("scores", (1,)), Output("boxes", (4,)), Output("landmarks", (10,))
AT_STRIDES = StrideOutputs((8, 16, 32), (SCORES, SCORES, BOXES, LANDMARKS), finished=True)

SQUARES = PriorOffsets(Squares(ULTRAFACE, halved), (0.1, 0.2), score=_faces)


def _squares(tables: Tables, cells: Cells, conf: float) -> Candidates:
    """Boxes and landmarks come as one output."""
    offsets = tables["boxes"]
    return SQUARES({**tables, "boxes": offsets[:, :4], "landmarks": offsets[:, 4:]}, cells, conf)


FROM_SQUARES = StrideOutputs(
    (8, 16, 32, 64), (Output("boxes", (14,)), Output("scores", (2,)), Output("overlaps", (1,))), rows=SQUARES.count,
    finished=True, is_finished=value_checks.sum_to_one,
)  # fmt: skip

DECODERS = (
    decoder("yunet", Reading(AT_STRIDES, _cells, (CONVENTIONS,), sure=certain, tells_roles=False)),
    decoder(
        "yunet-2022", Reading(FROM_SQUARES, _squares, (CONVENTIONS, OF_THE_INPUT), sure=certain, tells_roles=False)
    ),
)
