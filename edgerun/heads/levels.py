"""Heads that answer stride by stride: which output belongs to which stride, and its rows.

An output of a stride is [1, N, C], [1, C, N], [1, C, h, w] or [1, h, w, C], with or without the first axis, where
N = h · w · anchors per cell; with A anchors per cell, [1, A, h, w, C], [1, h, w, A, C] and [1, A · C, h, w] too.
Outputs may come without names and in any order, so the sizes of the grids decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.heads import grids
from edgerun.tensors import AnyArray, Arrays, TensorSpec

__all__ = ["Level", "bind", "channels", "of_width", "rows"]

Shape = Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Level:
    """One output of one stride.

    Attributes:
        name: of the output.
        stride: model pixels per cell.
        channels: per anchor.
    """

    name: str
    stride: int
    channels: int


def channels(shape: Shape, height: int, width: int, per_cell: int = 1) -> int | None:
    """Channels per anchor of an output over a grid of height · width cells; None where it is no such output."""
    shape = shape[1:] if len(shape) > 2 and shape[0] == 1 else shape
    count = height * width * per_cell
    match [size or 0 for size in shape]:
        case [first, second] if first == count:
            return second
        case [first, second] if second == count:
            return first
        case [planes, first, second] if (first, second) == (height, width) and not planes % per_cell:
            return planes // per_cell
        case [first, second, pixels] if (first, second) == (height, width) and not pixels % per_cell:
            return pixels // per_cell
        case [anchors, first, second, last] if (anchors, first, second) == (per_cell, height, width):
            return last
        case [first, second, anchors, last] if (first, second, anchors) == (height, width, per_cell):
            return last
    return None


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
    if array.shape[1:] == (height, width):
        planes = array.reshape(per_cell, -1, height * width)
        return planes[0].T if per_cell == 1 else planes.transpose(2, 0, 1).reshape(count, -1)
    return array.reshape(count, -1)


def bind(
    outputs: Iterable[tuple[str, Shape]], height: int, width: int, per_cell: int = 1
) -> dict[int, tuple[Level, ...]]:
    """Stride -> its outputs, in their order; {} unless every output fits one stride of one ladder of strides.

    Args:
        outputs: names and shapes.
        height, width: pixels of the model's input.
    """
    outputs = list(outputs)
    for strides in grids.LADDERS:
        if len(outputs) < len(strides):
            continue
        found: dict[int, tuple[Level, ...]] = dict.fromkeys(strides, ())
        for name, shape in outputs:
            for stride in strides:
                count = channels(shape, -(-height // stride), -(-width // stride), per_cell)
                if count is not None:
                    found[stride] += (Level(name, stride, count),)
                    break
            else:
                break
        else:
            if all(found.values()):
                return found
    return {}


def of_width(levels: dict[int, tuple[Level, ...]], *widths: int) -> bool:
    """Whether each stride has outputs of just these numbers of channels."""
    return bool(levels) and all(
        sorted(level.channels for level in group) == sorted(widths) for group in levels.values()
    )


def specs(outputs: Iterable[TensorSpec]) -> list[tuple[str, Shape]]:
    """Names and shapes of specs, for `bind`."""
    return [(spec.name, spec.shape) for spec in outputs]


def arrays(outputs: Arrays) -> list[tuple[str, Shape]]:
    """Names and shapes of arrays, for `bind`."""
    return [(name, np.shape(array)) for name, array in outputs.items()]
