"""Prior boxes of SSD: at each layer squares of two sizes, and boxes of the smaller area in other shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edgerun.heads import prior_boxes
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["MultiBox"]

Shape = tuple[float, float]
"""Side of the square of the same area, as a fraction of the input, and width over height."""


@dataclass(frozen=True, slots=True, eq=False)  # a constant of a family: the same where it is the same object
class MultiBox:
    """A `prior_boxes.Layout`.

    Attributes:
        strides: of each layer; the grid is the input's size over it, rounded up.
        sizes: of each layer's square, and of the next, as fractions of the input; 0 for no larger square.
        ratios: of each layer, besides 1; their inverses count too.
        steps: distance of the centres in pixels of a 300 x 300 input; () where the cells fill the input.
        tensorflow: the larger square last, the first layer's square of 0.1 and nothing larger, sides not cut at 1.
    """

    strides: tuple[int, ...]
    sizes: tuple[tuple[float, float], ...]
    ratios: tuple[tuple[float, ...], ...]
    steps: tuple[float, ...] = ()
    tensorflow: bool = False

    def __call__(self, height: int, width: int, _: tuple[int, ...] = ()) -> FloatArray:
        """The prior boxes of an input of so many pixels: cx cy w h in 0..1, float32 [N, 4]."""
        return _laid(self, height, width)

    def shapes(self, layer: int) -> AnyArray:
        """Width and height of the boxes of one cell, fractions of the input, [K, 2]."""
        shapes = np.array([(size * ratio**0.5, size / ratio**0.5) for size, ratio in self._boxes(layer)])
        return shapes if self.tensorflow else np.minimum(shapes, 1)

    def cell(self, layer: int) -> tuple[float, float] | None:
        """Height and width of a cell in 0..1; None where the cells fill the input."""
        return (self.steps[layer] / 300, self.steps[layer] / 300) if self.steps else None

    def _boxes(self, layer: int) -> Sequence[Shape]:
        small, large = self.sizes[layer]
        rest: list[Shape] = []
        for ratio in self.ratios[layer]:
            rest += [(small, ratio), (small, 1 / ratio)]
        larger = [((small * large) ** 0.5, 1.0)] if large else []
        if not self.tensorflow:
            return [(small, 1.0), *larger, *rest]
        return [(0.1, 1.0), *rest] if layer == 0 else [(small, 1.0), *rest, *larger]


@lru_cache(maxsize=8)
def _laid(layout: MultiBox, height: int, width: int) -> FloatArray:
    found = []
    for layer, stride in enumerate(layout.strides):
        lines, columns = -(-height // stride), -(-width // stride)
        found.append(prior_boxes.laid(lines, columns, layout.shapes(layer), layout.cell(layer)))
    return prior_boxes.joined(found)
