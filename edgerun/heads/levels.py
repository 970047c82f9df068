"""Heads that answer stride by stride: which output belongs to which stride, and its rows.

An output of a stride is [1, N, C], [1, C, N], [1, C, h, w] or [1, h, w, C], with or without the first axis, where
N = h · w · anchors per cell; with A anchors per cell, [1, A, h, w, C], [1, h, w, A, C] and [1, A · C, h, w] too.
Outputs may come without names and in any order, so the sizes of the grids decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from edgerun.heads import grids
from edgerun.tensors import AnyArray, Arrays, TensorSpec

__all__ = ["Level", "arrays", "bind", "channels", "of_rows", "rows", "specs"]

Shape = Sequence[int | None]


class Level(NamedTuple):
    """One output of one stride.

    Attributes:
        name: of the output.
        stride: model pixels per cell.
        channels: per anchor.
    """

    name: str
    stride: int
    channels: int


CHANNELS = None
"""Stands for the axis of channels in a layout."""

NO_STRIDE = 0
"""Of outputs that belong to no single stride."""


def channels(shape: Shape, height: int, width: int, per_cell: int = 1) -> int | None:
    """Channels per anchor of an output over a grid of height · width cells; None where it is no such output."""
    sizes = _without_batch(shape)
    count = height * width * per_cell
    layouts = {
        (count, CHANNELS): 1,
        (CHANNELS, count): 1,
        (CHANNELS, height, width): per_cell,
        (height, width, CHANNELS): per_cell,
        (per_cell, height, width, CHANNELS): 1,
        (height, width, per_cell, CHANNELS): 1,
    }
    for layout, anchors in layouts.items():
        found = _open_axis(sizes, layout)
        if found is not None and found % anchors == 0:
            return found // anchors
    return None


def _without_batch(shape: Shape) -> list[int]:
    """The sizes behind a first axis of 1; 0 where a size is open."""
    sizes = [size or 0 for size in shape]
    return sizes[1:] if len(sizes) > 2 and sizes[0] == 1 else sizes


def _open_axis(sizes: Sequence[int], layout: Shape) -> int | None:
    """The size of the layout's axis of channels; None where another axis differs."""
    axis = layout.index(CHANNELS)
    found = sizes[axis] if axis < len(sizes) else 0
    filled = [*layout[:axis], found, *layout[axis + 1 :]]
    return found if filled == list(sizes) else None


def rows(array: AnyArray, height: int, width: int, per_cell: int = 1) -> AnyArray:
    """An output over a grid as [N, C], row by row, the anchors of a cell one after the other; often a view.

    Anchors that come first ([1, A, h, w, C] and [1, A · C, h, w]) are brought into the same order.
    """
    array = array[0] if array.ndim > 2 and array.shape[0] == 1 else array
    count = height * width * per_cell
    if array.ndim == 2:
        return array if array.shape[0] == count else array.T
    if array.ndim == 4 and array.shape[:3] == (per_cell, height, width):
        return array.transpose(1, 2, 0, 3).reshape(count, -1)
    if array.shape[1:] != (height, width):
        return array.reshape(count, -1)
    planes = array.reshape(per_cell, -1, height * width)
    return planes.transpose(2, 0, 1).reshape(count, -1)


def bind(
    outputs: Iterable[tuple[str, Shape]],
    height: int,
    width: int,
    per_cell: int = 1,
    ladders: Sequence[tuple[int, ...]] = grids.LADDERS,
) -> dict[int, tuple[Level, ...]]:
    """Stride -> its outputs, in their order; {} unless every output fits one stride of one ladder of strides.

    Args:
        outputs: names and shapes.
        height, width: pixels of the model's input.
        per_cell: anchors per cell.
        ladders: the strides that a head may have.
    """
    outputs = list(outputs)
    for strides in ladders:
        found = _on_ladder(outputs, strides, (height, width), per_cell)
        strays = found.pop(NO_STRIDE)
        if not strays and all(found.values()):
            return found
    return {}


def _on_ladder(
    outputs: Iterable[tuple[str, Shape]], strides: tuple[int, ...], size: tuple[int, int], per_cell: int
) -> dict[int, tuple[Level, ...]]:
    """Stride -> its outputs, NO_STRIDE -> the others."""
    found: dict[int, tuple[Level, ...]] = dict.fromkeys((*strides, NO_STRIDE), ())
    for name, shape in outputs:
        level = _place(name, shape, strides, size, per_cell)
        found[level.stride] += (level,)
    return found


def _place(name: str, shape: Shape, strides: Iterable[int], size: tuple[int, int], per_cell: int) -> Level:
    """The finest stride whose grid an output has; NO_STRIDE where it has that of none."""
    height, width = size
    for stride in strides:
        count = channels(shape, -(-height // stride), -(-width // stride), per_cell)
        if count is not None:
            return Level(name, stride, count)
    return Level(name, NO_STRIDE, 0)


def of_rows(outputs: Iterable[tuple[str, Shape]], count: int) -> tuple[Level, ...]:
    """Outputs [1, N, C] or [N, C] with so many rows, those of all strides; () unless all are such."""
    found = []
    for name, shape in outputs:
        sizes = _without_batch(shape)
        if len(sizes) != 2 or sizes[0] != count:
            return ()
        found.append(Level(name, NO_STRIDE, sizes[1]))
    return tuple(found)


def specs(outputs: Iterable[TensorSpec]) -> list[tuple[str, Shape]]:
    """Names and shapes of specs, for `bind`."""
    return [(spec.name, spec.shape) for spec in outputs]


def arrays(outputs: Arrays) -> list[tuple[str, Shape]]:
    """Names and shapes of arrays, for `bind`."""
    return [(name, np.shape(array)) for name, array in outputs.items()]
