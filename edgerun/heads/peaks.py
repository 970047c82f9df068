"""Peaks of a heatmap: cells whose score is no less than that of their eight neighbours."""

from __future__ import annotations

import numpy as np

from edgerun.tensors import AnyArray

__all__ = ["peaks"]


def peaks(heat: AnyArray, least: float, lines: int, columns: int) -> tuple[AnyArray, AnyArray]:
    """Cells and classes, intp [K] each, that score at least so much and no less than around them.

    Args:
        heat: [lines * columns, C], row by row.
        least: in the units of the heatmap.
        lines, columns: of the grid.
    """
    cells, classes = np.nonzero(heat >= least)
    grid = np.pad(heat.reshape(lines, columns, -1), ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    line, column, own = cells // columns, cells % columns, heat[cells, classes]
    good = np.ones(len(cells), bool)
    for down, right in np.ndindex(3, 3):
        good &= ~(grid[line + down, column + right, classes] > own)
    return cells[good], classes[good]
