"""Grids of anchors: how many cells an input has at each stride, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from edgerun.tensors import AnyArray, FloatArray

__all__ = ["LADDERS", "cells", "centres", "ladder_of", "strides_of"]

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


def cells(height: int, width: int, strides: Sequence[int]) -> int:
    """How many cells all strides have together; sizes that a stride does not divide are rounded up."""
    return sum(-(-height // stride) * -(-width // stride) for stride in strides)


def ladder_of(count: int, height: int, width: int, per_cell: int = 1) -> tuple[int, ...] | None:
    """The ladder of strides whose cells, times anchors per cell, make exactly this count; None if none does."""
    for strides in LADDERS:
        if cells(height, width, strides) * per_cell == count:
            return strides
    return None


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
