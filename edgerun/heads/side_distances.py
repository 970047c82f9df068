"""Boxes by the distances of their four sides, left top right bottom, from a point of each cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgerun.boxes import distances_to_xyxy
from edgerun.contract import Candidates
from edgerun.heads import dfl, landmarks, value_checks
from edgerun.heads.bound_outputs import Cells, Tables
from edgerun.heads.readings import Observed
from edgerun.heads.scores import Best, best_of
from edgerun.tensors import AnyArray

__all__ = [
    "CELLS",
    "PIXELS",
    "SideDistances",
    "in_bins",
    "in_pixels",
    "in_strides",
    "not_in_pixels",
    "not_in_strides",
]

PIXELS, CELLS = "distances", "distances in strides"
"""Roles of distances [N, 4], by their units."""

LARGEST_IN_STRIDES = 16.0
"""Half of all distances at the coarsest stride are less; in pixels they go into the hundreds."""


def in_pixels(sides: AnyArray, _: AnyArray) -> AnyArray:
    """Distances [N, 4] in model pixels, as they are."""
    return sides


def in_strides(sides: AnyArray, sizes: AnyArray) -> AnyArray:
    """Distances [N, 4] in cells, in model pixels."""
    return sides * sizes


def in_bins(sides: AnyArray, sizes: AnyArray) -> AnyArray:
    """Logits [N, 4 · bins] of a distribution over distances of 0, 1, … cells, in model pixels."""
    return dfl.distances(np.ascontiguousarray(sides)) * sizes


@dataclass(frozen=True, slots=True)
class SideDistances:
    """A `Formula`: boxes from distances; landmarks, where there are any, count from the same point in cells.

    Attributes:
        offset: of the point in its cell: 0.5 for the centre, 0 for the corner.
        measure: (rows of the output, stride of each) -> distances in model pixels.
        role: of the output with the distances.
        score: the rows worth keeping, with their scores and classes.
    """

    offset: float
    measure: Callable[[AnyArray, AnyArray], AnyArray]
    role: str = PIXELS
    score: Callable[[Tables, float], Best] = best_of

    def __call__(self, tables: Tables, cells: Cells, conf: float) -> Candidates:
        """The boxes of rows that score at least `conf`."""
        rows, scores, classes = self.score(tables, conf)
        points, sizes = cells.points(rows, self.offset), cells.sizes(rows)
        boxes = distances_to_xyxy(points, self.measure(tables[self.role][rows], sizes))
        offsets = tables.get("landmarks")
        keypoints = None if offsets is None else landmarks.around(offsets[rows], points, sizes)
        return Candidates(boxes, scores, classes, keypoints)


def not_in_pixels(observed: Observed) -> str:
    """Why distances of a trial run are not in pixels; "" where they may be, or where somebody says so."""
    if not observed.roles_given and _coarse_median(observed) <= LARGEST_IN_STRIDES:
        return "the distances of a probe run are too small for pixels"
    return _not_distances(observed)


def not_in_strides(observed: Observed) -> str:
    """Why distances of a trial run are not in strides; "" where they may be, or where somebody says so."""
    if not observed.roles_given and _coarse_median(observed) > LARGEST_IN_STRIDES:
        return "the distances of a probe run are too large for strides"
    return _not_distances(observed)


def _not_distances(observed: Observed) -> str:
    sides = observed.tables(PIXELS, CELLS)
    negative = any(value_checks.percentile(side.reshape(-1), 10) < 0 for side in sides)
    if negative or all(value_checks.shares(side) for side in sides):
        return "the four channels of a probe run are not distances: they are negative, or all in 0..1"
    return ""


def _coarse_median(observed: Observed) -> float:
    """The median distance at the coarsest stride."""
    return float(np.median(np.abs(observed.tables(PIXELS, CELLS)[-1])))
