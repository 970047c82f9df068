"""Nine anchors per cell at several strides: three sizes, a third of an octave apart, in three shapes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edgerun.heads import prior_boxes
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["STRIDES", "OctaveAnchors", "of_ratios"]

STRIDES = (8, 16, 32, 64, 128)
OCTAVES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))

Shapes = tuple[tuple[float, float], ...]
"""Width and height over the side."""


def of_ratios(*ratios: float) -> Shapes:
    """Shapes of one area, by height over width."""
    return tuple((ratio**-0.5, ratio**0.5) for ratio in ratios)


@dataclass(frozen=True, slots=True, eq=False)  # a constant of a family: the same where it is the same object
class OctaveAnchors:
    """A `prior_boxes.Layout`.

    Attributes:
        shapes: width and height over the side.
        side: of the smallest anchor, in cells.
        by_size: whether sizes are the outer loop, shapes the inner one.
        offset: of the anchor's centre in its cell.
        whole: whether sides and corners are rounded to whole pixels, as torchvision does.
    """

    shapes: Shapes
    side: float = 4.0
    by_size: bool = True
    offset: float = 0.5
    whole: bool = False

    def __call__(self, height: int, width: int, strides: tuple[int, ...] = ()) -> FloatArray:
        """The anchors of these strides, of all where none is given: cx cy w h in 0..1, float32 [N, 4]."""
        return _anchors(self, height, width, strides or STRIDES)

    def sizes(self, stride: int) -> AnyArray:
        """Width and height of the anchors of a cell in pixels, [9, 2]."""
        sides = self.side * stride * np.array(OCTAVES)
        if self.whole:
            sides = np.trunc(sides)
        table = sides[:, None, None] * np.array(self.shapes)
        ordered = table if self.by_size else table.transpose(1, 0, 2)
        sizes = ordered.reshape(-1, 2)
        return np.asarray(2 * np.rint(sizes / 2) if self.whole else sizes)


@lru_cache(maxsize=32)
def _anchors(layout: OctaveAnchors, height: int, width: int, strides: tuple[int, ...]) -> FloatArray:
    found = []
    for stride in strides:
        cell = stride / height, stride / width
        sizes = layout.sizes(stride) / (width, height)
        boxes = prior_boxes.laid(-(-height // stride), -(-width // stride), sizes, cell)
        boxes[:, :2] += np.array(cell[::-1], np.float32) * np.float32(layout.offset - 0.5)
        found.append(boxes)
    return prior_boxes.joined(found)
