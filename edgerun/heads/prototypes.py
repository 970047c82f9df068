"""Mask prototypes beside the rows of a model: which output they are, and in which order its axes come."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgerun.contract import Arrays, Candidates, Evidence, ModelCard
from edgerun.heads.requirements import require
from edgerun.tensors import FloatArray

__all__ = ["Prototypes", "of"]

LARGEST_STRIDE = 16
"""Prototypes are smaller than the input, and not by more than this."""


@dataclass(frozen=True)
class Prototypes:
    """An output of prototypes, of which each row's mask is a weighted sum.

    Attributes:
        output: its name.
        count: of prototypes, and of each row's weights.
        last: whether it is [1, h, w, P] rather than [1, P, h, w].
    """

    output: str
    count: int
    last: bool

    def beside(self, found: Candidates, outputs: Arrays) -> Candidates:
        """The candidates with their prototypes, float32 [P, h, w]."""
        planes = outputs[self.output][0]
        planes = planes.transpose(2, 0, 1) if self.last else planes
        stored: FloatArray = np.ascontiguousarray(planes, np.float32)
        return replace(found, prototypes=stored)


def of(evidence: Evidence) -> Prototypes:
    """The prototypes of a model of two outputs.

    Raises:
        Unmet: where it has none.
    """
    planes = [spec for spec in evidence.outputs if len(spec.shape) == 4 and spec.shape[0] == 1]
    require(len(planes) == 1, "it needs prototypes [1, P, h, w] or [1, h, w, P]")
    name, (_, *axes) = planes[0].name, planes[0].shape
    sides = [size or 0 for size in axes]
    if _lie_over(evidence.card, *sides[1:]):
        return Prototypes(name, sides[0], last=False)
    require(_lie_over(evidence.card, *sides[:2]), f"{planes[0].shape} are not prototypes of a smaller input")
    return Prototypes(name, sides[2], last=True)


def _lie_over(card: ModelCard, height: int, width: int) -> bool:
    """Whether planes of this size are the input's, smaller by the same factor on both sides."""
    if min(height, width) < 1:
        return False
    return 1 < card.height / height == card.width / width <= LARGEST_STRIDE
