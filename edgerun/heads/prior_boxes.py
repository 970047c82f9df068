"""Prior boxes: the boxes that a head's offsets count from, as each family lays them over the picture.

Every function gives float32 [N, 4], centre x, centre y, width, height in 0..1 of the input, not writeable.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from edgerun.tensors import AnyArray, FloatArray

__all__ = ["RETINAFACE", "ULTRAFACE", "decode", "decode_points", "laid", "squares"]

RETINAFACE = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
"""Stride -> sides of the squares, pixels. Source: github.com/biubug6/Pytorch_Retinaface (MIT), `data/config.py`."""

ULTRAFACE = ((8, (10, 16, 24)), (16, (32, 48)), (32, (64, 96)), (64, (128, 192, 256)))
"""The same. Source: github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB (MIT), `fd_config.py`."""


def laid(lines: int, columns: int, sizes: AnyArray, cell: tuple[float, float] | None = None) -> FloatArray:
    """The same boxes at the centre of every cell of a grid, row by row.

    Args:
        sizes: [K, 2], width and height in 0..1.
        cell: height and width of a cell in 0..1; None where the cells fill the input.
    """
    y, x = np.mgrid[:lines, :columns] + 0.5
    high, wide = cell or (1 / lines, 1 / columns)
    centres = np.stack((x * wide, y * high), axis=-1).reshape(-1, 1, 2)
    shape = (lines * columns, len(sizes), 2)
    boxes = np.concatenate((np.broadcast_to(centres, shape), np.broadcast_to(sizes, shape)), axis=-1)
    return boxes.reshape(-1, 4).astype(np.float32)


@lru_cache(maxsize=8)
def squares(height: int, width: int, ladder: tuple[tuple[int, tuple[int, ...]], ...]) -> FloatArray:
    """Squares of some sides at each stride; the grid is rounded up, its cells are whole strides.

    Args:
        height, width: pixels of the input.
        ladder: strides and sides, pixels.
    """
    found = []
    for stride, sides in ladder:
        lines, columns = -(-height // stride), -(-width // stride)
        sizes = np.array([(side / width, side / height) for side in sides])
        found.append(laid(lines, columns, sizes, (stride / height, stride / width)))
    result = np.concatenate(found)
    result.setflags(write=False)
    return result


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
    points = points + priors[:, None, :2]
    return np.concatenate((points, np.ones_like(points[..., :1])), axis=2).astype(np.float32)
