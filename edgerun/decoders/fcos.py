"""FCOS and RTMDet as the network leaves them: distances of the four sides from a point of each cell.

FCOS, strides 8 … 128: per stride scores [1, C, h, w], centerness [1, 1, h, w], distances [1, 4, h, w]; torchvision's
has all strides in scores [1, N, C], centerness [1, N, 1], distances [1, N, 4].
RTMDet, strides 8, 16, 32: per stride scores [1, C, h, w] and distances [1, 4, h, w] in pixels.
Where FCOS's distances are in pixels the point is the middle of the cell and the score the product with the
centerness (MMDetection); where they are in strides it is the corner, and the score the root of it (torchvision).
Source: Tian et al., FCOS, arXiv 1904.01355; Lyu et al., RTMDet, arXiv 2212.07784; pytorch/vision (BSD-3-Clause).
"""

from __future__ import annotations

import numpy as np

from edgerun.contract import Convention
from edgerun.heads import grids, rtmdet_inputs, scores, value_checks
from edgerun.heads.bound_outputs import Tables
from edgerun.heads.readings import Observed, Reading, decoder
from edgerun.heads.side_distances import SideDistances, in_pixels, in_strides
from edgerun.heads.stride_outputs import Output, StrideOutputs
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

FIVE, THREE = (8, 16, 32, 64, 128), (8, 16, 32)

LARGEST_IN_STRIDES = 16.0
"""Half of all distances at the coarsest stride are less; in pixels they go into the hundreds."""

PIXELS, CELLS = "distances", "distances in strides"
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


def _are_no_distances(observed: Observed) -> str:
    sides = observed.tables(PIXELS, CELLS)
    negative = any(np.percentile(side, 10) < 0 for side in sides)
    if negative or all(value_checks.shares(side) for side in sides):
        return "the four channels of a probe run are no distances: they are negative, or shares"
    return ""


def _coarse_median(observed: Observed) -> float:
    """The median distance at the coarsest stride."""
    return float(np.median(np.abs(observed.tables(PIXELS, CELLS)[-1])))


def _are_no_pixels(observed: Observed) -> str:
    if not observed.said and _coarse_median(observed) <= LARGEST_IN_STRIDES:
        return "the distances of a probe run are too small for pixels"
    return _are_no_distances(observed)


def _are_no_strides(observed: Observed) -> str:
    if not observed.said and _coarse_median(observed) > LARGEST_IN_STRIDES:
        return "the distances of a probe run are too large for strides"
    return _are_no_distances(observed)


def _some_are_negative(observed: Observed) -> str:
    if any((side < 0).any() for side in observed.tables(CELLS)):
        return "the four columns of a probe run are no distances: some are negative"
    return ""


def _cells(height: int, width: int) -> int:
    return grids.cells(height, width, FIVE)


FCOS = {
    "resize": "letterbox-topleft", "fill": (124, 116, 104), "color": "rgb", "scale": 1.0,
    "mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375), "iou": 0.6,
}  # fmt: skip
FED_TO_FCOS = (Convention("fcos is trained and tested so", **FCOS),)
FED_TO_TORCHVISIONS = (Convention("torchvision trains and tests FCOS so", **FCOS),)
FED_TO_RTMDET = (Convention("rtmdet is trained and tested so", **rtmdet_inputs.RTMDET),)

IN_PIXELS = StrideOutputs(FIVE, (SCORES, CENTERNESS, Output(PIXELS, (4,))))
IN_STRIDES = StrideOutputs(FIVE, (SCORES, CENTERNESS, Output(CELLS, (4,))))
IN_TABLES = StrideOutputs(FIVE, (SCORES, CENTERNESS, Output(CELLS, (4,))), rows=_cells)
OF_RTMDET = StrideOutputs(THREE, (SCORES, Output(PIXELS, (4,))))

MIDDLE = SideDistances(0.5, in_pixels, PIXELS, _by_product)
CORNER = SideDistances(0.0, in_strides, CELLS, _by_root)
PLAIN = SideDistances(0.0, in_pixels, PIXELS)

DECODERS = (
    decoder(
        "fcos",
        Reading(IN_PIXELS, MIDDLE, FED_TO_FCOS, objection=_are_no_pixels),
        Reading(IN_STRIDES, CORNER, FED_TO_FCOS, objection=_are_no_strides),
    ),
    decoder("rtmdet-raw", Reading(OF_RTMDET, PLAIN, FED_TO_RTMDET, objection=_are_no_pixels)),
    decoder("fcos-torchvision", Reading(IN_TABLES, CORNER, FED_TO_TORCHVISIONS, objection=_some_are_negative)),
)
