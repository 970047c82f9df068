"""What in-graph preprocessing means for the card and for the choice of a decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from edgerun.card import ModelCard
from edgerun.contract import Alternative, Evidence, Inference, Match
from edgerun.graphs.preprocessing import InGraphPreprocessing, preprocessing
from edgerun.interpretation.claims import Claim, Standing
from edgerun.interpretation.file_input import BYTES_AS_THEY_ARE
from edgerun.tensors import AnyArray, TensorSpec

__all__ = [
    "ANY_NORMALISATION",
    "claim",
    "fed_as",
    "with_channel_order",
    "with_open_normalisation",
]

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
    A graph that quantises its input does not cut off what goes in.
    """
    if found.stored:
        return _fed_as_stored(found)
    if found.holds is not None and _fed_to_hold(found.holds) is not None:
        return _fed_to_hold(found.holds)
    if not found.normalises:
        return None
    factor, offset = np.array(found.factor), np.array(found.offset)
    habit = next((habit for habit in HABITS if habit.shows(factor, offset)), None)
    if habit is None:
        return None
    low, high = habit.least * factor + offset, habit.most * factor + offset
    made = f"{habit.least:g}..{habit.most:g} to {low.min():.3g}..{high.max():.3g}"
    return Inference(f"the graph itself {habit.does} {made}", **{"mean": 0.0, "std": 1.0, **habit.fields})


def _fed_as_stored(found: InGraphPreprocessing) -> Inference | None:
    """How an input of whole numbers is fed, of which the graph makes real ones: by bytes, as its type takes them."""
    limits = np.iinfo(found.stored)
    brought = np.multiply.outer((limits.min, limits.max), found.factor) + found.offset
    standardised = len(found.factor) > 1
    if found.stored not in BYTES_AS or not (standardised or any(_is_range(brought, *each) for each in KNOWN_RANGES)):
        return None
    low, high = brought.min(), brought.max()
    reason = f"the graph itself brings its {found.stored} input to {low:.3g}..{high:.3g}"
    return Inference(reason, **{"mean": 0.0, "std": 1.0, **BYTES_AS[found.stored]})


def _fed_to_hold(held: tuple[float, float]) -> Inference | None:
    """How a graph that quantises its input is fed, by the range that it does not cut off; None where that is unusual.

    A range with 0 in its middle tells of 0..255 alone: 0..1 and -1..1 are quantised alike by tools that want the zero
    point to be 0.
    """
    low, high = held
    fields = next((fields for known, fields in HELD if _is_range(np.array([[low], [high]]), *known)), None)
    if fields is None:
        return None
    reason = f"the graph itself quantises its input, of which it holds {low:.4g}..{high:.4g}"
    return Inference(reason, **{"mean": 0.0, "std": 1.0, **fields})


def _is_range(ends: AnyArray, low: float, high: float) -> bool:
    """Whether values of every channel go from about one number to about another one: [2, channels]."""
    return bool(np.allclose(ends[0], low, atol=RANGE_ERROR * high) and np.allclose(ends[1], high, rtol=RANGE_ERROR))


RANGE_ERROR = 0.02
"""Of the upper end; what a calibration on photos leaves, and a zero point that is rounded."""

KNOWN_RANGES = ((0, 1), (0, 255), (-1, 1), (-128, 127))
"""What networks take."""


class Habit(NamedTuple):
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

BYTES_AS: Mapping[str, Mapping[str, Any]] = {"uint8": BYTES, "int8": {"scale": 1.0, "mean": 128.0}}
"""Type of an input -> how bytes go into it."""

HELD: Sequence[tuple[tuple[float, float], Mapping[str, Any]]] = (
    ((0, 255), BYTES),
    ((-255, 255), BYTES),
    ((-128, 127), BYTES_AS["int8"]),
    ((0, 1), FRACTIONS),
)
"""Range of a quantised input -> how it is fed."""

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
    """A verdict that leaves the normalisation open, where the graph tells nothing of what goes in.

    A family's convention speaks of a graph that takes the image as the network was trained: not of one that normalises
    in a way of its own, nor of one that changes it in a way that cannot be followed, as inside of a part that was
    compiled for a device, nor of one that would cut most of the values off.
    """
    graph = evidence.graph()
    if graph is None or "mean" in match.unsettled:
        return match
    found = preprocessing(graph, evidence.image.name)
    reason = _why_open(found, match, evidence)
    if not reason:
        return match
    why = f"{match.why}; {reason}"
    if _takes_whole_numbers(evidence.image):
        bytes_ = Inference(f"an input of {evidence.image.dtype} takes bytes as they are", **BYTES_AS_THEY_ARE)
        conventions, basis = {**match.conventions, **bytes_.fields}, {**match.basis, **bytes_.basis}
        return replace(match, why=why, conventions=conventions, basis=basis)
    return replace(match, why=why, unsettled={**match.unsettled, "mean": ANY_NORMALISATION})


def _takes_whole_numbers(image: TensorSpec) -> bool:
    """Whether the input holds whole numbers from 0 that stand for themselves: 0..1 and -1..1 would be lost in it."""
    return image.dtype in UNSIGNED and image.quantization is None


UNSIGNED = ("uint8", "uint16", "uint32", "int32", "int64")
"""Types of which exporters write inputs for bytes: MoveNet's are uint8 and int32."""


def _why_open(found: InGraphPreprocessing, match: Match, evidence: Evidence) -> str:
    """Why a family's convention does not settle how the graph is fed; "" where it does."""
    if fed_as(found) is not None:
        return ""
    if found.normalises:
        channels = np.broadcast(np.array(found.factor), np.array(found.offset))
        made = ", ".join(f"{factor:.4g} x {offset:+.4g}" for factor, offset in channels)
        return f"the graph itself makes {made} of each x that goes in"
    if (found.closed_by or found.parts_changed_by) and not _is_settled(match, evidence):
        return _not_followed(found)
    if found.holds is not None and _white(match) > 2 * found.holds[1]:
        return f"the graph cuts off what goes in beyond {found.holds[1]:.4g}"
    return ""


def _not_followed(found: InGraphPreprocessing) -> str:
    """What happens to an image that cannot be followed."""
    if found.closed_by:
        return f"the file does not show what happens to an image inside of {found.closed_by}"
    return f"{found.parts_changed_by} changes a part of an image, which cannot be followed"


def _is_settled(match: Match, evidence: Evidence) -> bool:
    """Whether anything but a convention tells how an image is normalised; whole numbers take bytes."""
    is_inferred = match.basis.get("scale", "").startswith("inferred")
    is_integer = evidence.image.dtype.startswith(("int", "uint"))
    return is_inferred or is_integer or evidence.known("scale")


def _white(match: Match) -> float:
    """What a family's convention makes of a pixel of 255, in the channel where that is most."""
    card = ModelCard(**{name: match.conventions[name] for name in NORMALISATION & set(match.conventions)})
    return float(np.max((255 * card.scale - np.array(card.mean)) / np.array(card.std)))


NORMALISATION = {"scale", "mean", "std"}
"""Card fields."""


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
