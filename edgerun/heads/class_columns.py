"""Rows of a box, a score and the number of a class: whether they are finished, or one for each anchor of a grid."""

from __future__ import annotations

import numpy as np

from edgerun.card import ModelCard
from edgerun.heads import grids
from edgerun.tensors import AnyArray

__all__ = ["best_first", "fits_grid", "grid_of", "unfinished", "unsuppressed"]

PER_CELL = (1, 3)
"""Anchors per cell of the families whose best classes are exported."""


def grid_of(count: int, height: int, width: int) -> tuple[int, tuple[int, ...]]:
    """(anchors per cell, strides) of the grid over an input of so many pixels that has `count` anchors; (0, ())."""
    for per_cell in PER_CELL:
        if strides := grids.ladder_of(count, height, width, per_cell):
            return per_cell, strides
    return 0, ()


def unsuppressed(scores: AnyArray, count: int, height: int, width: int) -> tuple[int, tuple[int, ...]]:
    """(anchors per cell, strides) where as many filled rows as a grid has are in no order of score; else (0, ())."""
    ordered = len(scores) != count or not (np.diff(scores) > 0).any()
    return (0, ()) if ordered else grid_of(count, height, width)


def best_first(scores: AnyArray) -> bool:
    """Whether scores [N] fall from row to row, and are not all 0."""
    return bool(scores.any() and (np.diff(scores) <= 0).all())


def fits_grid(count: int, card: ModelCard) -> bool:
    """Whether there are as many rows as a grid over the model's input has anchors."""
    per_cell, _ = grid_of(count, card.height, card.width)
    return count > 0 < per_cell


def unfinished(scores: AnyArray, count: int, card: ModelCard) -> str:
    """Why `count` rows, of which these scores [N] are filled, are not finished; "" where they may be."""
    per_cell, _ = unsuppressed(scores, count, card.height, card.width)
    return f"{count} rows in no order of score, one for each anchor of a grid, are not finished" if per_cell else ""
