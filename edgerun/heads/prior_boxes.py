"""Prior boxes: the boxes that a head's offsets count from, as each family lays them over the image.

Layouts give float32 [N, 4], centre x, centre y, width, height in 0..1 of the input, not writeable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from edgerun.contract import Candidates
from edgerun.heads import landmarks
from edgerun.heads.bound_outputs import Cells, Tables
from edgerun.heads.scores import Best, best_of
from edgerun.tensors import AnyArray, FloatArray

__all__ = [
    "RETINAFACE",
    "ULTRAFACE",
    "Layout",
    "PriorOffsets",
    "Squares",
    "decode",
    "decode_points",
    "halved",
    "joined",
    "laid",
    "rounded_up",
]

Layout: TypeAlias = Callable[[int, int, tuple[int, ...]], FloatArray]
"""(height, width of the input in pixels, strides) -> prior boxes. Compared by value."""

Ladder: TypeAlias = tuple[tuple[int, tuple[int, ...]], ...]
"""Strides, and sides of their squares in pixels."""

RETINAFACE: Ladder = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
"""Source: github.com/biubug6/Pytorch_Retinaface (MIT), `data/config.py`."""

ULTRAFACE: Ladder = ((8, (10, 16, 24)), (16, (32, 48)), (32, (64, 96)), (64, (128, 192, 256)))
"""Source: github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB (MIT), `vision/ssd/config/fd_config.py`."""

Rounding: TypeAlias = Callable[[int, int], int]
"""(pixels of a side, stride) -> cells along it."""


def rounded_up(pixels: int, stride: int) -> int:
    """Cells of a network whose convolutions pad: what is left over is a cell."""
    return -(-pixels // stride)


def halved(pixels: int, stride: int) -> int:
    """Cells of a network that halves again and again, rounding up the first time and down from then on."""
    return (pixels + 1) // 2 // (stride // 2)


def laid(lines: int, columns: int, sizes: AnyArray, cell: tuple[float, float] | None = None) -> FloatArray:
    """The same boxes at the centre of every cell of a grid, row by row.

    Args:
        lines, columns: of the grid.
        sizes: [K, 2], width and height in 0..1.
        cell: height and width of a cell in 0..1; None where the cells fill the input.
    """
    y, x = np.mgrid[:lines, :columns] + 0.5
    high, wide = cell or (1 / lines, 1 / columns)
    centres = np.stack((x * wide, y * high), axis=-1).reshape(-1, 1, 2)
    shape = (lines * columns, len(sizes), 2)
    boxes = np.concatenate((np.broadcast_to(centres, shape), np.broadcast_to(sizes, shape)), axis=-1)
    return boxes.reshape(-1, 4).astype(np.float32)


def joined(parts: Sequence[FloatArray]) -> FloatArray:
    """The boxes of several grids, one after the other, not writeable."""
    result = np.concatenate(parts)
    result.setflags(write=False)
    return result


@dataclass(frozen=True, slots=True)
class Squares:
    """A `Layout` of squares of some sides at each stride.

    Attributes:
        ladder: strides and sides.
        cells: of a side of the input at a stride.
        fill: whether the cells of a stride fill the input and no square is larger than it, as in UltraFace; else the
            cells are whole strides, and those of the last line and column may reach beyond the input.
    """

    ladder: Ladder
    cells: Rounding = rounded_up
    fill: bool = False

    def __call__(self, height: int, width: int, _: tuple[int, ...] = ()) -> FloatArray:
        """The squares of an input of so many pixels."""
        return _squares(self, height, width)

    def of_stride(self, height: int, width: int, stride: int, sides: tuple[int, ...]) -> FloatArray:
        """The squares of one stride."""
        sizes = np.array(sides)[:, None] / (width, height)
        lines, columns = self.cells(height, stride), self.cells(width, stride)
        if self.fill:
            return laid(lines, columns, np.minimum(sizes, 1))
        return laid(lines, columns, sizes, (stride / height, stride / width))


@lru_cache(maxsize=8)
def _squares(layout: Squares, height: int, width: int) -> FloatArray:
    return joined([layout.of_stride(height, width, stride, sides) for stride, sides in layout.ladder])


def decode(offsets: AnyArray, priors: AnyArray, variances: Sequence[float]) -> FloatArray:
    """Boxes x1 y1 x2 y2 in 0..1 from offsets x y w h: cx = px + x · v0 · pw, w = pw · exp(w · v1).

    Source: Liu et al., SSD, arXiv 1512.02325, equation 2, with the variances of its code.
    """
    centres = priors[:, :2] + offsets[:, :2] * np.float32(variances[0]) * priors[:, 2:]
    half = priors[:, 2:] * np.exp(np.minimum(offsets[:, 2:] * np.float32(variances[1]), 20)) / 2
    return np.concatenate((centres - half, centres + half), axis=1).astype(np.float32)


def decode_points(offsets: AnyArray, priors: AnyArray, variance: float) -> FloatArray:
    """Points [N, K, 3], x y in 0..1 and visibility 1, from offsets x y x y …, as for the centres of boxes."""
    points = offsets.reshape(len(offsets), offsets.shape[1] // 2, 2) * np.float32(variance) * priors[:, None, 2:]
    return landmarks.visible(points + priors[:, None, :2])


@dataclass(frozen=True, slots=True)
class PriorOffsets:
    """A `Formula`: boxes, and landmarks where there are any, from their offsets from prior boxes; in 0..1.

    Attributes:
        layout: of the prior boxes.
        variances: of centres and of sizes, factors of the offsets.
        y_first: whether offsets are y x h w instead of x y w h.
        score: the rows worth keeping, with their scores and classes.
    """

    layout: Layout
    variances: tuple[float, float] = (1.0, 1.0)
    y_first: bool = False
    score: Callable[[Tables, float], Best] = best_of

    def count(self, height: int, width: int) -> int:
        """How many prior boxes an input of so many pixels has, where their layout needs no strides."""
        return len(self.layout(height, width, ()))

    def __call__(self, tables: Tables, cells: Cells, conf: float) -> Candidates:
        """The boxes of rows that score at least `conf`."""
        rows, scores, classes = self.score(tables, conf)
        priors = self.layout(cells.height, cells.width, cells.strides)[rows]
        offsets = tables["boxes"][rows]
        if self.y_first:
            offsets = offsets[:, [1, 0, 3, 2]]
        keypoints = None
        if "landmarks" in tables:
            keypoints = decode_points(tables["landmarks"][rows], priors, self.variances[0])
        return Candidates(decode(offsets, priors, self.variances), scores, classes, keypoints)
