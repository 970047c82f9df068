"""Mask prototypes beside the rows of a model: which output they are, and in which order its axes come."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgerun.contract import Arrays, Candidates, Evidence, ModelCard, TensorSpec
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
    """The prototypes of a model: the finest of all planes, where there are maps of its strides as well.

    Raises:
        Unmet: where it has none.
    """
    planes = [spec for spec in evidence.outputs if len(spec.shape) == 4 and spec.shape[0] == 1]
    require(planes, "it needs prototypes [1, P, h, w] or [1, h, w, P]")
    strides = {spec.name: max(_strides(spec, evidence.card)) for spec in planes}
    finest = min((stride for stride in strides.values() if stride), default=0.0)
    require(finest, f"{planes[0].shape} are not prototypes of a smaller input")
    found = [spec for spec in planes if strides[spec.name] == finest]
    require(len(found) == 1, f"which of {len(found)} outputs holds prototypes cannot be told")
    first, _ = _strides(found[0], evidence.card)
    count = found[0].shape[1 if first else 3] or 0
    return Prototypes(found[0].name, count, last=not first)


def _strides(spec: TensorSpec, card: ModelCard) -> tuple[float, float]:
    """How many pixels of the input a plane's element covers, with planes first and with planes last; 0 for neither."""
    _, *axes = [size or 0 for size in spec.shape]
    return _stride(card, *axes[1:]), _stride(card, *axes[:2])


def _stride(card: ModelCard, height: int, width: int) -> float:
    """By which factor planes of this size are smaller than the input, on both sides; 0 where they are not."""
    if min(height, width) < 1:
        return 0.0
    factor = card.height / height
    return factor if 1 < factor == card.width / width <= LARGEST_STRIDE else 0.0
