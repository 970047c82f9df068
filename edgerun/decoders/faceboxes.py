"""FaceBoxes: faces counted from squares that lie the denser the smaller they are.

boxes [1, N, 4], scores [1, N, 2] or [N, 2] (background, face); N is 21 · the cells of stride 32, and those of 64 and
128: 8525 at 640 x 640. Variances 0.1 and 0.2.
Source: Zhang et al., FaceBoxes, arXiv 1708.05234, section 3.2; github.com/zisianw/FaceBoxes.PyTorch (MIT),
`data/config.py`, `layers/functions/prior_box.py` and `test.py`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from edgerun.contract import Convention
from edgerun.heads import prior_boxes, value_checks
from edgerun.heads.prior_boxes import PriorOffsets
from edgerun.heads.readings import Reading, certain, decoder
from edgerun.heads.scores import face_of_two
from edgerun.heads.stride_outputs import Output, StrideOutputs
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["DECODERS", "squares"]

STRIDES = (32, 64, 128)
SQUARES = {32: ((32, 4), (64, 2), (128, 1)), 64: ((256, 1),), 128: ((512, 1),)}
"""Stride -> sides in pixels, and how many squares of that side lie along a cell."""

CONVENTIONS = (
    Convention(
        "FaceBoxes is trained and tested so", resize="letterbox-topleft", fill=(104, 117, 123), color="bgr",
        scale=1.0, mean=(104.0, 117.0, 123.0), box_units="unit", iou=0.3, labels=("face",),
    ),
)  # fmt: skip


def _along(density: int) -> AnyArray:
    """Where squares lie along a cell, in cells: from its corner on, but a single one in its middle."""
    return np.arange(density) / density if density > 1 else np.array([0.5])


def _of_cell(stride: int) -> AnyArray:
    """The squares of one cell: x y from its corner and side, pixels, [K, 3]."""
    found = []
    for side, density in SQUARES[stride]:
        y, x = np.meshgrid(_along(density), _along(density), indexing="ij")
        found.append(np.column_stack((x.ravel() * stride, y.ravel() * stride, np.full(x.size, side))))
    return np.concatenate(found)


@lru_cache(maxsize=8)
def squares(height: int, width: int, _: tuple[int, ...] = ()) -> FloatArray:
    """A `Layout`: cx cy w h in 0..1, float32 [N, 4], not writeable."""
    found = []
    for stride in STRIDES:
        lines, columns = prior_boxes.rounded_up(height, stride), prior_boxes.rounded_up(width, stride)
        y, x = np.mgrid[:lines, :columns] * stride
        corners = np.stack((x, y), axis=-1).reshape(-1, 1, 2)
        cell = _of_cell(stride)
        centres = corners + cell[:, :2]
        sides = np.broadcast_to(cell[:, 2:], centres.shape)
        boxes = np.concatenate((centres, sides), axis=-1).reshape(-1, 4) / (width, height, width, height)
        found.append(boxes.astype(np.float32))
    return prior_boxes.joined(found)


FORMULA = PriorOffsets(squares, (0.1, 0.2), score=face_of_two)
OUTPUTS = StrideOutputs(
    STRIDES, (Output("scores", (2,)), Output("boxes", (4,))), rows=FORMULA.count, is_finished=value_checks.sum_to_one
)

DECODERS = (decoder("faceboxes", Reading(OUTPUTS, FORMULA, CONVENTIONS, sure=certain)),)
