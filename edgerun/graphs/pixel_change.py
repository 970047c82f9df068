"""What becomes of a pixel inside a graph, as a value."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgerun.tensors import AnyArray

__all__ = ["InGraphPreprocessing", "NetworkBegins", "change", "demand"]

_ONE, _ZERO = np.ones(1), np.zeros(1)


@dataclass(frozen=True, slots=True)
class InGraphPreprocessing:
    """What becomes of a pixel: y = x * factor + offset, per channel, and in which order the channels leave.

    Attributes:
        factor, offset: one number, or one for each channel in the order in which they leave.
        channels_swapped: whether the first channel leaves last.
        holds: the least and the greatest x that the graph, which quantises it, does not cut off; None where it does
            not quantise.
        stored: the type of an input of whole numbers of which the graph makes real ones; "" elsewhere.
        closed_by: the operator behind which the file does not show what happens to the image; "" where it does.
        parts_changed_by: the operator that then changes some pixels or channels and leaves others; "" where none does.
    """

    factor: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    channels_swapped: bool = False
    holds: tuple[float, float] | None = None
    stored: str = ""
    closed_by: str = ""
    parts_changed_by: str = ""

    @property
    def normalises(self) -> bool:
        """Whether values are changed at all."""
        unchanged = np.allclose(self.factor, 1, atol=1e-3) and np.allclose(self.offset, 0, atol=1e-3)
        return not unchanged

    def then(self, following: InGraphPreprocessing) -> InGraphPreprocessing:
        """Both, one after the other."""
        order = slice(None, None, -1 if following.channels_swapped else 1)
        factor = np.array(following.factor) * self.factor[order]
        offset = np.array(following.factor) * self.offset[order] + following.offset
        swapped = self.channels_swapped != following.channels_swapped
        holds, stored = self.holds or self._before(following.holds), self.stored or following.stored
        return replace(change(factor, offset, swapped=swapped), holds=holds, stored=stored)

    def _before(self, held: tuple[float, float] | None) -> tuple[float, float] | None:
        """A range behind this preprocessing, as the range of what goes in; None where channels differ."""
        if held is None or len(self.factor) > 1 or len(self.offset) > 1 or self.factor[0] <= 0:
            return None
        low, high = ((end - self.offset[0]) / self.factor[0] for end in held)
        return low, high


def change(factor: AnyArray = _ONE, offset: AnyArray = _ZERO, *, swapped: bool = False) -> InGraphPreprocessing:
    """Y = x * factor + offset, one number for all channels or one for each."""
    return InGraphPreprocessing(tuple(map(float, factor)), tuple(map(float, offset)), swapped)


class NetworkBegins(Exception):
    """An operator is the network's own: no preprocessing, or none that can be followed."""


def demand(condition: object) -> None:
    """Raise `NetworkBegins` unless the condition holds."""
    if not condition:
        raise NetworkBegins
