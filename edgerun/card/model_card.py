"""The model card: everything that one model file wants and means, with the source of every field.

The card is a value. `cards/` reads it from arguments, sidecars and metadata; here is only what it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, get_args

from edgerun.errors import CardInvalid

__all__ = [
    "DEFAULT_CONF",
    "DEFAULT_IOU",
    "FIELDS",
    "BoxUnits",
    "Color",
    "ModelCard",
    "Nms",
    "Resize",
    "Task",
    "checked",
]

Task = Literal["detect", "pose", "segment", "obb", "classify"]
Resize = Literal["letterbox", "letterbox-topleft", "stretch", "center-crop"]
Color = Literal["rgb", "bgr", "gray"]
BoxUnits = Literal["pixels", "unit"]
Nms = Literal["class", "agnostic", "soft", "oks", "none"]

DEFAULT_CONF = 0.25
DEFAULT_IOU = 0.7
"""Where neither argument nor card gives one; Ultralytics' defaults, which most people know."""

LARGEST_SIDE = 16384
"""Pixels; a model input beyond this is taken for a mistake or an attack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One model file's habits.

    A pixel value p of 0..255 reaches the model as (p * scale - mean) / std, per channel in the order of `color`.

    Attributes:
        task: what the rows mean.
        decoder: name of the way to read the outputs; None until it is chosen.
        labels: class names in order; () where nobody said.
        height, width: pixels of the model's input.
        resize: how a picture of another shape is fitted.
        fill: the colour of the border, 0..255 per channel in the order of `color`.
        color: the order of channels.
        scale, mean, std: see above.
        box_units: "unit" where boxes come out in 0..1 of the model's input.
        suppressed: True where the model has done its own suppression.
        nms: the suppression that the file recommends.
        conf, iou: thresholds that the file recommends; None where it does not.
        keypoints: how many per row; 0 where there are none.
        keypoint_dims: 2 (x y) or 3 (x y visibility).
        inputs: values of further inputs, by name, as nested tuples.
        outputs: meaning of an output by its name ("boxes", "scores", "classes", "count" ...), for heads that need it.
        sources: field -> "argument", "sidecar", "… metadata", "inferred: …", "convention: …" or "default".
    """

    task: Task = "detect"
    decoder: str | None = None
    labels: tuple[str, ...] = ()
    height: int = 0
    width: int = 0
    resize: Resize = "letterbox"
    fill: tuple[int, ...] = (114, 114, 114)
    color: Color = "rgb"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    box_units: BoxUnits = "pixels"
    suppressed: bool = False
    nms: Nms = "class"
    conf: float | None = None
    iou: float | None = None
    keypoints: int = 0
    keypoint_dims: int = 3
    inputs: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    outputs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def source(self, name: str) -> str:
        """Where the value of this field comes from."""
        return self.sources.get(name, "default")

    def label(self, index: int) -> str:
        """The name of a class; its number where nobody said."""
        return self.labels[index] if 0 <= index < len(self.labels) else str(index)


FIELDS = tuple(entry.name for entry in fields(ModelCard) if entry.name != "sources")
"""The fields that an argument, a sidecar or metadata may set."""

_CHOICES: dict[str, tuple[str, ...]] = {
    "task": get_args(Task),
    "resize": get_args(Resize),
    "color": get_args(Color),
    "box_units": get_args(BoxUnits),
    "nms": get_args(Nms),
}


def checked(name: str, value: Any, source: str) -> Any:
    """The value in the card's own type.

    Raises:
        CardInvalid: the field does not exist or the value is impossible; the message names the source.
    """
    try:
        return _converted(name, value)
    except (TypeError, ValueError, OverflowError) as cause:
        shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "…"
        raise CardInvalid(
            f"The {source} gives {name} = {shown}, but {name} {cause}.", hint=f"correct {name} in the {source}"
        ) from None


def _converted(name: str, value: Any) -> Any:
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise ValueError("must be one of " + ", ".join(_CHOICES[name]))
        return value
    match name:
        case "decoder":
            return _text(value)
        case "labels":
            return _labels(value)
        case "height" | "width":
            return _integer(value, 1, LARGEST_SIDE)
        case "keypoints":
            return _integer(value, 0, 10_000)
        case "keypoint_dims":
            return _integer(value, 2, 3)
        case "fill":
            return tuple(_integer(entry, 0, 255) for entry in _triple(value))
        case "mean":
            return tuple(_number(entry) for entry in _triple(value))
        case "std":
            return tuple(_number(entry, above=0.0) for entry in _triple(value))
        case "scale":
            return _number(value, above=0.0)
        case "conf" | "iou":
            return None if value is None else _number(value, least=0.0, most=1.0)
        case "suppressed":
            if not isinstance(value, bool):
                raise ValueError("must be true or false")
            return value
        case "inputs":
            return MappingProxyType({_text(key): entry for key, entry in dict(value).items()})
        case "outputs":
            return MappingProxyType({_text(key): _text(entry) for key, entry in dict(value).items()})
    raise ValueError("is not a field of the card; the fields are " + ", ".join(FIELDS))


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text")
    return value


def _labels(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise ValueError("must be a list of names, not one text")
    if isinstance(value, Mapping):
        numbers = [int(key) for key in value]
        if any(number < 0 or number > 100_000 for number in numbers):
            raise ValueError("must have class numbers from 0 to 100000")
        table = dict(zip(numbers, value.values(), strict=True))
        return tuple(str(table.get(number, number)) for number in range(max(numbers, default=-1) + 1))
    return tuple(str(entry) for entry in value)


def _integer(value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or int(value) != value or not least <= value <= most:
        raise ValueError(f"must be a whole number from {least} to {most}")
    return int(value)


def _number(value: Any, *, least: float = -math.inf, most: float = math.inf, above: float = -math.inf) -> float:
    number = float(value)
    if isinstance(value, (bool, str)) or not math.isfinite(number) or not (above < number and least <= number <= most):
        bounds = f"from {least:g} to {most:g}" if math.isfinite(least) else f"above {above:g}"
        raise ValueError("must be a number " + bounds if bounds != "above -inf" else "must be a finite number")
    return number


def _triple(value: Any) -> tuple[Any, ...]:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return (value, value, value)
    entries = tuple(value)
    if len(entries) not in (1, 3) or isinstance(value, str):
        raise ValueError("must be one number or three, one per channel")
    return entries * 3 if len(entries) == 1 else entries
