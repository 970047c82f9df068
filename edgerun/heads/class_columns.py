"""Rows of a box, a score and the number of a class: whether they are finished, or one for each anchor of a grid."""

from __future__ import annotations

import numpy as np

from edgerun.card import ModelCard
from edgerun.heads import grids
from edgerun.tensors import AnyArray

__all__ = ["best_first", "fits_grid", "unfinished"]


def best_first(scores: AnyArray) -> bool:
    """Whether scores [N] fall from row to row, and are not all 0."""
    return bool(scores.any() and (np.diff(scores) <= 0).all())


def fits_grid(count: int, card: ModelCard) -> bool:
    """Whether there are as many rows as a grid over the model's input has anchors, which nothing said explains.

    A count never beats what a file says of itself: that its rows are suppressed already.
    """
    return (
        not (card.suppressed and "suppressed" in card.sources)
        and grids.any_grid_of(count, card.height, card.width) is not None
    )


def unfinished(scores: AnyArray, count: int, card: ModelCard, *, named: bool = False) -> str:
    """Why `count` rows, of which these scores [N] are filled, are not finished; "" where they may be.

    Any number is that of the cells of some stride: of one alone it says nothing against a decoder that is named.
    """
    grid = grids.unordered_grid(scores, card.height, card.width) if len(scores) == count else None
    if grid is None or (named and len(grid.strides) == 1):
        return ""
    return f"{count} rows in no order of score, one for each anchor of a grid, are not finished"
