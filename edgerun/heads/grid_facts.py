"""What a trial run shows of a table of rows on a grid, measured once and whatever its columns are taken for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgerun.heads import box_formats, value_checks
from edgerun.heads.grids import Grid
from edgerun.tensors import AnyArray

__all__ = ["GridFacts"]

FORMS = {"cxcywh": "cx cy w h", "xyxy": "x1 y1 x2 y2"}
"""Words of columns -> names in `box_formats`."""

NOTHING = 0.03
"""On an image of nothing the best class of most cells is far below, and the best class given an object far above:
YOLOv8n 2e-6, YOLOv5n 0.19, YOLOX-Nano 0.15 on the textured image."""

SCORE_MEDIAN = 0.1
"""Of a class's scores all over an image the median is far below: hardly any cell holds an object."""

ON_CELLS = 0.8
"""Of boxes that hold the centres of their cells: nearly all of a trained head's, and hardly any of other rows."""

WIDEST = 0.25
"""Of the input's area, the median box of a grid is smaller; those of the whole input hold any cell and tell nothing."""

SPREAD, IN_ORDER = 0.5, 0.2
"""Decoded centres fill more of the input than this, and y grows with the row of the table at least so clearly."""


@dataclass(frozen=True, eq=False)
class GridFacts:
    """A table of a trial run, and what its values are like; each fact is measured when it is first asked for.

    Attributes:
        table: [C, N], the columns of rows; the first four of each row are taken for a box.
        grid: on which the rows lie.
    """

    table: AnyArray
    grid: Grid

    @property
    def channels(self) -> int:
        """Columns of a row."""
        return len(self.table)

    @cached_property
    def boxes(self) -> AnyArray:
        """[N, 4]."""
        return self.table[:4].T

    @cached_property
    def reach(self) -> float:
        """The largest number of all boxes, without its sign."""
        return float(np.abs(self.boxes).max())

    @cached_property
    def in_unit(self) -> bool:
        """Whether boxes are in 0..1 of the input rather than in pixels."""
        return value_checks.unit(self.boxes)

    @property
    def units(self) -> str:
        """The units of boxes, as `ModelCard.box_units` has them."""
        return "unit" if self.in_unit else "pixels"

    @cached_property
    def sizes_are_negative(self) -> bool:
        """Whether widths or heights are, beyond rounding."""
        rounding = value_checks.TOLERANCE if self.in_unit else 1.0
        return bool((self.table[2:4] < -rounding).any())

    @cached_property
    def sizes_are_cut_off(self) -> bool:
        """Whether many sizes are as large as the largest, as a quantisation made for scores leaves them."""
        return value_checks.clipped(self.table[2:4])

    @cached_property
    def corner_like(self) -> bool:
        """Whether third and fourth column exceed the first two, as those of corners do."""
        return value_checks.corners(self.boxes)

    @cached_property
    def corners_cover_input(self) -> bool:
        """Whether boxes, read as corners in pixels, lie all over the input."""
        return value_checks.spans(self.boxes, self.grid.height, self.grid.width)

    @cached_property
    def corners_cross(self) -> bool:
        """Whether some boxes, read as corners, end before they begin."""
        return box_formats.crosses(self.boxes)

    @cached_property
    def fits(self) -> Mapping[str, box_formats.Fit]:
        """Form of boxes -> how they lie about the centres of their cells."""
        return box_formats.fits(self.boxes, self.grid.height, self.grid.width, self.grid.strides, self.grid.per_cell)

    @property
    def boxes_hold_cells(self) -> bool:
        """Whether boxes smaller than the input hold the centres of their cells, in whichever form."""
        return any(fit.holding >= box_formats.FITS and self._is_narrow(fit) for fit in self.fits.values())

    def _is_narrow(self, fit: box_formats.Fit) -> bool:
        return fit.area < WIDEST * self.grid.height * self.grid.width

    @property
    def lie_on_cells(self) -> bool:
        """Whether most boxes hold the centres of their cells: evidence for the grid beyond the number of rows.

        Anchors of a cell may come one after another as well as those of a stride.
        """
        grid = self.grid
        first = box_formats.fits(self.boxes[:: grid.per_cell], grid.height, grid.width, grid.strides)
        return any(fit.holding >= ON_CELLS and self._is_narrow(fit) for fit in (*self.fits.values(), *first.values()))

    @property
    def are_ranked(self) -> bool:
        """Whether the fifth column falls from row to row, as scores after suppression do."""
        falls = np.diff(self.table[4])
        return bool((falls <= 0).all() and (falls < 0).any())

    @property
    def are_padded(self) -> bool:
        """Whether some rows are 0 or -1 throughout, as those behind the last detection are."""
        return bool(((self.table == 0).all(axis=0) | (self.table == -1).all(axis=0)).any())

    def misread(self, box: str) -> str:
        """Why boxes are not of this form ("cxcywh", "xyxy"); "" where they may be."""
        grid = self.grid
        return box_formats.misread(self.boxes, FORMS[box], grid.height, grid.width, grid.strides, grid.per_cell)

    @cached_property
    def centres_cover_input(self) -> bool:
        """Whether the first two columns fill the input in the order of its cells, as decoded centres do."""
        x, y = self.table[:2] / self._extent
        widest = min(value_checks.percentile(each, 90) - value_checks.percentile(each, 10) for each in (x, y))
        # a grid in row order: x runs fast, y slowly; offsets within cells do neither
        order = np.corrcoef(np.arange(len(y)), y)[0, 1] if y.std() > 1e-6 else 0.0
        return bool(widest > SPREAD and order > IN_ORDER)

    @property
    def _extent(self) -> AnyArray:
        """Width and height of the input in the units of the first two columns, [2, 1]."""
        unit = np.abs(self.table[:2]).max() <= value_checks.UNIT_LIMIT
        return np.array([[1.0], [1.0]] if unit else [[self.grid.width], [self.grid.height]])

    @cached_property
    def columns_in_unit_range(self) -> AnyArray:
        """Of each column, whether all its values lie in 0..1. bool [C]."""
        low, high = self.table.min(axis=1), self.table.max(axis=1)
        inside: AnyArray = (low >= -value_checks.TOLERANCE) & (high <= 1 + value_checks.TOLERANCE)
        return inside

    def in_unit_range(self, columns: slice) -> bool:
        """Whether all values of these columns lie in 0..1."""
        return bool(self.columns_in_unit_range[columns].all())

    @cached_property
    def medians(self) -> AnyArray:
        """Of each column, [C]."""
        return value_checks.percentile(self.table, 50, axis=1)

    @cached_property
    def high_tenths(self) -> AnyArray:
        """What a tenth of each column exceeds, [C]."""
        return value_checks.percentile(self.table, 90, axis=1)

    def are_ones(self, columns: slice) -> AnyArray:
        """Of each of these columns, whether it is 1 throughout. bool."""
        return np.asarray((self.table[columns] == 1).all(axis=1))

    def fifth_is_objectness(self, columns: slice) -> bool:
        """Whether the fifth column may be the objectness: none of these is far lower nearly everywhere."""
        middle, high = self.medians[columns], self.high_tenths[columns]
        far_lower = (middle < self.medians[4] / 10) & (high < self.high_tenths[4] / 10)
        return not far_lower.any()

    def given_an_object(self, columns: slice) -> bool:
        """Whether these columns are an objectness and scores given an object, in any order.

        Such scores are learnt only where objects are, and mean nothing elsewhere; the objectness is low nearly
        everywhere.
        """
        medians = self.medians[columns]
        if len(medians) < 2:
            return False
        return bool(self._median_of_best(columns) >= NOTHING and medians.min() < NOTHING / 3)

    def nothing_anywhere(self, columns: slice) -> bool:
        """Whether most rows hold nothing in any of these columns, as those of a head without objectness."""
        return self._median_of_best(columns) < NOTHING

    def _median_of_best(self, columns: slice) -> float:
        """The median of each row's largest value among these columns."""
        return float(value_checks.percentile(self.table[columns].max(axis=0), 50))

    def unlike_scores(self, columns: slice, scores: slice) -> bool:
        """Whether any of these columns stays high all over an image, as no class does, and these scores do not."""
        high = self.medians > SCORE_MEDIAN
        return bool(high[columns].any() and not high[scores].any())
