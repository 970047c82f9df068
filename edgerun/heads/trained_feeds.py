"""Which of two ways to feed a network it was trained with, told by what it sees in trial runs.

Fed with numbers a hundred times too large, a trained network sees objects all over, and fed with numbers as much too
small hardly anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from edgerun.contract import Arrays, Convention, Evidence, Inference
from edgerun.contract.convention import Alternatives
from edgerun.graphs import output_kinds
from edgerun.heads import input_conventions
from edgerun.heads.value_checks import percentile
from edgerun.tensors import AnyArray

__all__ = ["Feed", "Feeds"]

FLOODED, CALM = 0.5, 0.3
"""The 99th percentile of the objectness on the textured image: YOLOX-Nano 0.13 as it was trained, 0.98 where numbers
are too large; on the blank one 0.0001 and 0.07."""
FLOODED_BLANK, CALM_BLANK = 0.01, CALM / 10
SEEN = 0.001
"""What is seen at least, on the side that is believed: two runs that find nothing tell nothing."""
DIMMER = 5
"""Times by which it is less where numbers are too small: 0.13 and 0.006."""
WIDE = 100
"""What an input stored in 8 bits holds, at least, where it takes bytes as they are."""

NORMALISING = ("scale", "mean", "std")
NEUTRAL = {"mean": 0.0, "std": 1.0}

Objectness = Callable[[Arrays], AnyArray]
"""Outputs -> the objectness of all rows, after the sigmoid."""


@dataclass(frozen=True)
class Feed:
    """How a model is fed: conventions, and what stays open (`Match.unsettled`)."""

    brought: tuple[Convention, ...]
    unsettled: Mapping[str, Alternatives] = field(default_factory=dict)


class Feeds(NamedTuple):
    """The two habits of a family.

    Attributes:
        large: today's, with numbers up to 255.
        small: an older one, with numbers of a few units.
        told: fields of `large` that follow from trial runs, and those of `small`.
        unsettled: both, for models that do not show which.
        torch: version of PyTorch that is younger than the change, as (major, minor), and what it means.
    """

    large: Convention
    small: Convention
    told: tuple[Mapping[str, object], Mapping[str, object]]
    unsettled: Mapping[str, Alternatives]
    torch: tuple[int, int]
    change: str

    def of(self, evidence: Evidence, objectness: Objectness) -> Feed:
        """How this model is fed."""
        if evidence.fed is None or any(evidence.known(name) for name in NORMALISING):
            return Feed((self.large,))
        ends = input_conventions.ends(evidence.image)
        if ends is not None and ends[1] - ends[0] > WIDE:
            return self._large(f"the quantised input holds {ends[0]:.3g}..{ends[1]:.3g}")
        return self._tried(evidence, objectness)

    def _tried(self, evidence: Evidence, objectness: Objectness) -> Feed:
        """How trial runs and the file's exporter say that it is fed."""
        assert evidence.fed is not None  # `of` has asked
        large, small = ({**NEUTRAL, **fields} for fields in self.told)
        bright = _highest(objectness(evidence.fed("textured", large)))
        blank = _highest(objectness(evidence.fed("blank", large)))
        dim = _highest(objectness(evidence.fed("textured", small)))
        compared = f"a trial run ({bright:.2g} against {dim:.2g})"
        if bright >= FLOODED and blank > FLOODED_BLANK and dim <= CALM:
            seen = f"fed 0..255 it sees objects all over {compared}"
            return Feed((self.small, Inference(seen, **self.told[1])))
        if SEEN <= bright <= CALM and blank <= CALM_BLANK and dim * DIMMER <= bright:
            return self._large(f"fed 0..255 it sees more in {compared}")
        version = output_kinds.torch_version(evidence.graph())
        if version is not None and version >= self.torch:
            return self._large(
                f"PyTorch {version[0]}.{version[1]}, which wrote the file, is younger than {self.change}"
            )
        return Feed((self.large,), self.unsettled)

    def _large(self, seen: str) -> Feed:
        return Feed((self.large, Inference(f"{seen}; {self.large.reason}", **self.told[0])))


def _highest(objectness: AnyArray) -> float:
    """Its 99th percentile."""
    return float(percentile(objectness.reshape(-1), 99))
