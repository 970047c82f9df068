"""Exporters that write the preprocessing as a list of steps, in the order in which they are done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgerun.dialects.readers import numbers
from edgerun.dialects.readers.known_keys import refuse_unknown_pixels

__all__ = ["Preprocessing", "Step", "follow", "nothing", "rounded_up", "zero_border"]


@dataclass
class Preprocessing:
    """What the steps so far do to an image.

    Attributes:
        fields: card fields.
        border: value 0..255 of the padding, one or per channel; None where nothing is padded yet.
        normalised: whether a step has normalised, so that padding of 0 has the colour of the mean.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    border: Any = None
    normalised: bool = False

    def sized(self, height: int, width: int) -> None:
        """Note the size after a step; sizes of 0 or -1 leave it open."""
        if height > 0 and width > 0:
            self.fields |= {"height": height, "width": width}

    def padded(self, border: Any) -> None:
        """Note what the padding is filled with; the first padding shows."""
        if self.border is None:
            self.border = border


Step = Callable[[Mapping[str, Any], Preprocessing], None]
"""Reads one step into the state."""


def nothing(step: Mapping[str, Any], state: Preprocessing) -> None:
    """For steps that change no pixel."""


def follow(
    steps: Iterable[tuple[str, Mapping[str, Any]]],
    readers: Mapping[str, Step],
    state: Preprocessing,
    place: str,
    known: Collection[str] = (),
) -> dict[str, Any]:
    """The card fields after all steps.

    Args:
        steps: (kind, step) in their order.
        readers: kind -> its reader.
        state: before the first step.
        place: where the steps are written, for the error.
        known: keys of steps that speak of pixels and are read, or ask for nothing that is left undone here.

    Raises:
        ValueError: a step of another kind, or a key of another name that speaks of pixels.
    """
    for kind, step in steps:
        if kind not in readers:
            raise ValueError(f"{place} has the step {kind}, which is not known here")
        if readers[kind] is not nothing:
            refuse_unknown_pixels(step, known, f"{kind} in {place}")
        readers[kind](step, state)
    has_border = state.border is not None and "letterbox" in state.fields.get("resize", "")
    return state.fields | ({"fill": state.border} if has_border else {})


def zero_border(fields: Mapping[str, Any]) -> list[int]:
    """The colour, 0..255, that becomes 0 once it is normalised."""
    return [round(mean / fields["scale"]) for mean in numbers.listed(fields["mean"])]


def rounded_up(fields: Mapping[str, Any], divisor: int) -> dict[str, int]:
    """Height and width padded to multiples; {} where they are not known."""
    if "height" not in fields:
        return {}
    return {side: -(-fields[side] // divisor) * divisor for side in ("height", "width")}
