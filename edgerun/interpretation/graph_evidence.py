"""What in-graph preprocessing means for the card and for the choice of a decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgerun.contract import Alternative, Evidence, Inference, Match
from edgerun.graphs.preprocessing import InGraphPreprocessing, preprocessing
from edgerun.interpretation.claims import Claim, Standing
from edgerun.tensors import AnyArray

__all__ = ["ANY_NORMALISATION", "claim", "fed_as", "with_channel_order", "with_open_normalisation"]

ANY_NORMALISATION = (
    Alternative({"scale": 1.0, "mean": 0.0}, "0..255"),
    Alternative({"scale": 1 / 255, "mean": 0.0}, "0..1"),
    Alternative({"scale": 1 / 127.5, "mean": 1.0}, "-1..1"),
    Alternative({"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}, "ImageNet's"),
)
"""What may go into a graph that normalises in a way of its own."""

MEANS = (-239.0, -16.0)
"""What is added to bytes where their mean is taken off."""


def fed_as(found: InGraphPreprocessing) -> Inference | None:
    """How a graph with this preprocessing is fed; None where it does not tell.

    Bytes are made small: a factor about 1/255, or a mean beyond 16 taken off. Fractions of 255 are centred: a mean
    below 1 taken off. Or they are made bytes again, with or without their mean. -1..1 is made 0..1 or bytes.
    """
    if not found.normalises:
        return None
    factor, offset = np.array(found.factor), np.array(found.offset)
    habit = next((habit for habit in HABITS if habit.shows(factor, offset)), None)
    if habit is None:
        return None
    low, high = habit.least * factor + offset, habit.most * factor + offset
    made = f"{habit.least:g}..{habit.most:g} to {low.min():.3g}..{high.max():.3g}"
    return Inference(f"the graph itself {habit.does} {made}", **{"mean": 0.0, "std": 1.0, **habit.fields})


@dataclass(frozen=True)
class Habit:
    """A way to preprocess inside a graph, and how such a graph is fed.

    Attributes:
        shows: (factor, offset) of the preprocessing -> whether it is this one.
        least, most: what goes in.
        fields: card fields that feed it so; mean 0 and std 1 where they give no others.
        does: what it does to them, for the message.
    """

    shows: Callable[[AnyArray, AnyArray], bool]
    least: float
    most: float
    fields: Mapping[str, Any]
    does: str = "brings"


def _within(values: AnyArray, least: float, most: float) -> bool:
    return bool((values >= least).all() and (values <= most).all())


def _near(values: AnyArray, wanted: float) -> bool:
    return bool(np.allclose(values, wanted, rtol=0.01))


def _makes_bytes_small(factor: AnyArray, offset: AnyArray) -> bool:
    span = (255 * factor + offset).max() - offset.min()
    return bool((factor > 0).all() and (factor < 1 / 20).all() and span <= 16)


def _takes_mean_off_bytes(factor: AnyArray, offset: AnyArray) -> bool:
    return bool((factor == 1).all() and _within(offset, *MEANS))


def _centres_fractions(factor: AnyArray, offset: AnyArray) -> bool:
    takes_mean_off = (offset < 0).all() and (factor >= 1).all()
    return bool(takes_mean_off and offset.min() >= -4 and (factor + offset).max() <= 4)


def _makes_bytes_again(factor: AnyArray, offset: AnyArray) -> bool:
    plain = np.abs(offset).max() < 1
    return _near(factor, 255) and bool(plain or _within(offset, *MEANS))


def _shifts_to_fractions(factor: AnyArray, offset: AnyArray) -> bool:
    return _near(factor, 0.5) and _near(offset, 0.5)


def _shifts_to_bytes(factor: AnyArray, offset: AnyArray) -> bool:
    return _near(factor, 127.5) and _near(offset, 127.5)


BYTES: Mapping[str, Any] = {"scale": 1.0}
FRACTIONS: Mapping[str, Any] = {"scale": 1 / 255}
CENTRED: Mapping[str, Any] = {"scale": 1 / 127.5, "mean": 1.0}

HABITS = (
    Habit(_makes_bytes_small, 0, 255, BYTES),
    Habit(_takes_mean_off_bytes, 0, 255, BYTES, "takes a mean off and brings"),
    Habit(_centres_fractions, 0, 1, FRACTIONS),
    Habit(_makes_bytes_again, 0, 1, FRACTIONS),
    Habit(_shifts_to_fractions, -1, 1, CENTRED),
    Habit(_shifts_to_bytes, -1, 1, CENTRED),
)
"""The first that shows counts."""


def claim(found: InGraphPreprocessing, model: str) -> Claim:
    """How a graph that preprocesses an image itself is fed; it must not be done twice."""
    inferred = fed_as(found)
    if inferred is None:
        return Claim("the graph", {}, Standing.IN_GRAPH)
    ground = f"in {model} {inferred.reason}, so that it would be done twice"
    hints = {name: f"leave {name} out, or give {name}={value:.6g}" for name, value in inferred.fields.items()}
    grounds = dict.fromkeys(inferred.fields, ground)
    return Claim("the graph", inferred.fields, Standing.IN_GRAPH, sources=inferred.basis, grounds=grounds, hints=hints)


def with_open_normalisation(match: Match, evidence: Evidence) -> Match:
    """A verdict that leaves the normalisation open, where the graph does one that tells nothing of what goes in.

    A family's convention speaks of a graph that takes the image as the network was trained, not of such a one.
    """
    graph = evidence.graph()
    if graph is None or "mean" in match.unsettled:
        return match
    found = preprocessing(graph, evidence.image.name)
    if not found.normalises or fed_as(found) is not None:
        return match
    channels = np.broadcast(np.array(found.factor), np.array(found.offset))
    made = ", ".join(f"{factor:.4g} x {offset:+.4g}" for factor, offset in channels)
    why = f"{match.why}; the graph itself makes {made} of each x that goes in"
    return replace(match, why=why, unsettled={**match.unsettled, "mean": ANY_NORMALISATION})


OTHER_ORDER = {"rgb": "bgr", "bgr": "rgb"}


def with_channel_order(match: Match, found: InGraphPreprocessing) -> Match:
    """A verdict whose order of channels is that of the file's input, where the graph swaps them."""
    color = match.conventions.get("color")
    if not found.channels_swapped or color not in OTHER_ORDER:
        return match
    fields = {**match.conventions, "color": OTHER_ORDER[color]}
    for name in {"mean", "std"} & set(fields):
        fields[name] = _in_other_order(fields[name])
    reason = f"inferred: the graph swaps the channels, and behind that it is {color}"
    return replace(match, conventions=fields, basis={**match.basis, "color": reason})


def _in_other_order(value: Any) -> Any:
    """A number for each channel; one for all stays as it is."""
    return value[::-1] if isinstance(value, tuple) else value
