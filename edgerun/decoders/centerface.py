"""CenterFace: faces with five landmarks as points of one grid at stride 4.

heatmap [1, 1, h, w], scale [1, 2, h, w] of height and width, offset [1, 2, h, w] of y and x, lms [1, 10, h, w] of y x.
Height = 4 · exp(scale), centre = 4 · (cell + offset + 0.5), landmarks as fractions of the box from its corner.
Source: Xu et al., CenterFace, arXiv 1911.03599; github.com/Star-Clouds/CenterFace (MIT), `centerface.py`.
"""

from __future__ import annotations

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Candidates, Convention
from edgerun.heads import landmarks, scores
from edgerun.heads.bound_outputs import Cells, Tables
from edgerun.heads.readings import Reading, certain, decoder
from edgerun.heads.stride_outputs import Output, StrideOutputs

__all__ = ["DECODERS"]

LARGEST_OFFSET = 1.5
"""Offsets are less than a cell; logarithms of sizes go up to that of the input over 4."""

CONVENTIONS = Convention(
    "CenterFace is run so by its authors", resize="stretch", color="rgb", scale=1.0, iou=0.3, keypoints=5,
    keypoint_dims=2, labels=("face",),
)  # fmt: skip


def _faces(tables: Tables, cells: Cells, conf: float) -> Candidates:
    rows, best, classes = scores.of_one_class(tables["heatmap"][:, 0], conf)
    stride = cells.sizes(rows)
    sides = scores.exp(tables["scale"][rows][:, ::-1]) * stride  # width, height
    centres = cells.points(rows, 0.5) + tables["offset"][rows][:, ::-1] * stride
    boxes = cxcywh_to_xyxy(np.concatenate((centres, sides), axis=1))
    points = tables["landmarks"][rows].reshape(-1, 5, 2)[..., ::-1] * sides[:, None] + boxes[:, None, :2]
    return Candidates(boxes, best, classes, landmarks.visible(points))


def _offsets_are_small(tables: Tables) -> bool:
    offset, scale = np.abs(tables["offset"]).max(), np.abs(tables["scale"]).max()
    return bool(offset < LARGEST_OFFSET <= scale)


OUTPUTS = StrideOutputs(
    (4,), (Output("heatmap", (1,)), Output("scale", (2,)), Output("offset", (2,)), Output("landmarks", (10,))),
    finished=True, fits=_offsets_are_small,
)  # fmt: skip

DECODERS = (decoder("centerface", Reading(OUTPUTS, _faces, (CONVENTIONS,), sure=certain)),)
