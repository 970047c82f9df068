"""FCOS as the network leaves it: distances of the four sides from a point of each cell, and a centerness.

Strides 8 … 128: per stride scores [1, C, h, w], centerness [1, 1, h, w], distances [1, 4, h, w]; torchvision's has all
strides in scores [1, N, C], centerness [1, N, 1], distances [1, N, 4].
Where distances are in pixels the point is the middle of the cell and the score the product with the centerness
(MMDetection); where they are in strides it is the corner, and the score the root of the product (torchvision).
Source: Tian et al., FCOS, arXiv 1904.01355; pytorch/vision (BSD-3-Clause).
"""

from __future__ import annotations

import numpy as np

from edgerun.contract import Convention
from edgerun.heads import grids, scores, side_distances
from edgerun.heads.bound_outputs import Tables
from edgerun.heads.readings import Observed, Reading, decoder
from edgerun.heads.side_distances import CELLS, PIXELS, SideDistances, in_pixels, in_strides
from edgerun.heads.stride_outputs import Output, StrideOutputs
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

STRIDES = (8, 16, 32, 64, 128)

SCORES, CENTERNESS = Output("scores"), Output("centerness", (1,))


def _product(tables: Tables) -> AnyArray:
    """Scores times centerness, both after the sigmoid."""
    centerness = tables["centerness"]
    if "logits" in tables:
        return scores.sigmoid(tables["logits"]) * scores.sigmoid(centerness)
    return tables["scores"] * centerness


def _by_product(tables: Tables, conf: float) -> scores.Best:
    return scores.best(_product(tables), conf)


def _by_root(tables: Tables, conf: float) -> scores.Best:
    return scores.best(np.sqrt(np.maximum(_product(tables), 0)), conf)


def _some_are_negative(observed: Observed) -> str:
    if any((side < 0).any() for side in observed.tables(CELLS)):
        return "the four columns of a probe run are not distances: some are negative"
    return ""


def _cells(height: int, width: int) -> int:
    return grids.cells(height, width, STRIDES)


FCOS = {
    "resize": "letterbox-topleft", "fill": (124, 116, 104), "color": "rgb", "scale": 1.0,
    "mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375), "iou": 0.6,
}  # fmt: skip
FCOS_CONVENTIONS = (Convention("fcos is trained and tested so", **FCOS),)
TORCHVISION_CONVENTIONS = (Convention("torchvision trains and tests FCOS so", **FCOS),)

IN_PIXELS = StrideOutputs(STRIDES, (SCORES, CENTERNESS, Output(PIXELS, (4,))))
IN_STRIDES = StrideOutputs(STRIDES, (SCORES, CENTERNESS, Output(CELLS, (4,))))
IN_TABLES = StrideOutputs(STRIDES, (SCORES, CENTERNESS, Output(CELLS, (4,))), rows=_cells)

MIDDLE = SideDistances(0.5, in_pixels, PIXELS, _by_product)
CORNER = SideDistances(0.0, in_strides, CELLS, _by_root)

DECODERS = (
    decoder(
        "fcos",
        Reading(IN_PIXELS, MIDDLE, FCOS_CONVENTIONS, objection=side_distances.not_in_pixels),
        Reading(IN_STRIDES, CORNER, FCOS_CONVENTIONS, objection=side_distances.not_in_strides),
    ),
    decoder("fcos-torchvision", Reading(IN_TABLES, CORNER, TORCHVISION_CONVENTIONS, objection=_some_are_negative)),
)
