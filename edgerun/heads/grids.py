"""Grids of anchors: how many cells an input has at each stride, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edgerun.tensors import AnyArray, FloatArray

__all__ = ["LADDERS", "Grid", "any_grid_of", "cells", "centres", "grid_of", "ladder_of", "strides_of", "unordered_grid"]

LADDERS: tuple[tuple[int, ...], ...] = (
    (8, 16, 32),
    (8, 16, 32, 64),
    (4, 8, 16, 32),
    (16, 32),
    (8, 16),
    (8, 16, 32, 64, 128),
    (16, 32, 64),
    (16,),
    (32,),
    (8,),
)
"""Strides of the heads that are in use, the usual ones first."""

SPELT = {1: "one anchor", 3: "three anchors"}
"""Anchors per cell, as a sentence has them."""


@dataclass(frozen=True)
class Grid:
    """The cells of an input at all strides, with one anchor each or more.

    Attributes:
        height, width: pixels of the model's input.
        strides: model pixels per cell, finest first.
        per_cell: anchors per cell.
    """

    height: int
    width: int
    strides: tuple[int, ...]
    per_cell: int = 1

    @property
    def count(self) -> int:
        """Rows of a table that has one for each anchor."""
        return cells(self.height, self.width, self.strides) * self.per_cell

    def __str__(self) -> str:
        """As a sentence has it: three anchors per cell at strides 8, 16, 32."""
        anchors = SPELT.get(self.per_cell, f"{self.per_cell} anchors")
        return f"{anchors} per cell at strides {', '.join(map(str, self.strides))}"


def cells(height: int, width: int, strides: Sequence[int]) -> int:
    """How many cells all strides have together; sizes that a stride does not divide are rounded up."""
    return sum(-(-height // stride) * -(-width // stride) for stride in strides)


def ladder_of(count: int, height: int, width: int, per_cell: int = 1) -> tuple[int, ...] | None:
    """The strides whose cells, times anchors per cell, make exactly this count; None if none do."""
    for strides in LADDERS:
        if cells(height, width, strides) * per_cell == count:
            return strides
    return None


def grid_of(count: int | None, height: int, width: int, per_cell: int = 1) -> Grid | None:
    """The grid that has exactly this many anchors; None where there is none, and for None."""
    strides = ladder_of(count or 0, height, width, per_cell)
    return None if strides is None else Grid(height, width, strides, per_cell)


def any_grid_of(count: int, height: int, width: int) -> Grid | None:
    """The grid of one or three anchors per cell that has exactly this many; None where there is none, and for 0."""
    return grid_of(count, height, width) or grid_of(count, height, width, 3)


def unordered_grid(scores: AnyArray, height: int, width: int) -> Grid | None:
    """The grid of which these are the best scores [N] of all anchors, one or three per cell; None where they are not.

    Rows after suppression come best first; those of all anchors come in no order of score.
    """
    if not (np.diff(scores) > 0).any():
        return None
    return any_grid_of(len(scores), height, width)


@lru_cache(maxsize=32)
def centres(height: int, width: int, strides: tuple[int, ...], offset: float = 0.5) -> FloatArray:
    """Points of all cells, stride by stride, row by row, in model pixels. float32 [N, 2], x y, not writeable.

    Args:
        offset: of the point within its cell: 0.5 for the centre, 0 for the corner.
    """
    points = []
    for stride in strides:
        rows, columns = -(-height // stride), -(-width // stride)
        y, x = np.mgrid[:rows, :columns].astype(np.float32)
        points.append(((np.stack((x, y), -1) + np.float32(offset)) * np.float32(stride)).reshape(-1, 2))
    result = np.concatenate(points)
    result.setflags(write=False)
    return result


@lru_cache(maxsize=32)
def strides_of(height: int, width: int, strides: tuple[int, ...]) -> AnyArray:
    """The stride of each cell in the same order. float32 [N], not writeable."""
    counts = [cells(height, width, (stride,)) for stride in strides]
    result = np.repeat(np.array(strides, np.float32), counts)
    result.setflags(write=False)
    return result
