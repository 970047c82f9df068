"""The fields of a card, in one table: the card's checks, the command line's options and the sidecar's schema.

`CardArguments` repeats their names with static types, for those who call `Detector.load`; a test holds them equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict, get_args

from edgerun.card.kinds import Choice, Flag, Fraction, Integer, Kind, Labels, Number, PerChannel, Table, Text
from edgerun.errors import CardInvalid

__all__ = [
    "FIELDS",
    "TABLE",
    "BoxUnits",
    "CardArguments",
    "Color",
    "Field",
    "Nms",
    "Overlap",
    "Resize",
    "Rounding",
    "Task",
    "checked",
]

Task = Literal["detect", "pose", "segment", "obb", "classify"]
Resize = Literal["letterbox", "letterbox-topleft", "stretch", "center-crop"]
Color = Literal["rgb", "bgr", "gray"]
Rounding = Literal["down", "up"]
BoxUnits = Literal["pixels", "unit"]
Nms = Literal["class", "agnostic", "soft", "weighted", "oks", "none"]
Overlap = Literal["polygon", "probiou"]

MAX_SIDE = 16384
"""Pixels; a model input beyond this is taken for a mistake or an attack."""

MAX_SHOWN = 60
"""Characters of a value that a message shows."""


class Field(NamedTuple):
    """One field of a card.

    Attributes:
        name: as `ModelCard`, sidecars and arguments have it.
        kind: what it takes.
        help: what it means, as half a sentence.
        group: "card" for what the model wants and means, "result" for what is kept of what it finds.
    """

    name: str
    kind: Kind
    help: str
    group: Literal["card", "result"] = "card"


TABLE: tuple[Field, ...] = (
    Field("task", Choice(get_args(Task)), "what the rows mean"),
    Field("decoder", Text(), "the way to read the outputs; edgerun plugins lists them"),
    Field("labels", Labels(), "class names in order, or a table from class number to name"),
    Field("height", Integer(1, MAX_SIDE), "of the model's input, pixels"),
    Field("width", Integer(1, MAX_SIDE), "of the model's input, pixels"),
    Field("resize", Choice(get_args(Resize)), "how an image of another shape is fitted"),
    Field(
        "crop", Number(positive=True, most=1.0), "fraction of each side that is cut out of the middle, after the fit"
    ),
    Field("shorter_side", Integer(0, MAX_SIDE), "pixels that the shorter side of an image is fitted to; 0: see resize"),
    Field("longer_side", Integer(0, MAX_SIDE), "pixels that the longer side has then at most; 0: any number"),
    Field("side_multiple", Integer(1, MAX_SIDE), "both sides of a fitted image are rounded to multiples of it"),
    Field(
        "side_rounding", Choice(get_args(Rounding)), "whether multiples are the next smaller or the next larger ones"
    ),
    Field("padded", Flag(), "false: an input whose size the file leaves open ends where the fitted image ends"),
    Field("fill", PerChannel(Integer(0, 255)), "colour of the border, 0..255, per channel in the order of color"),
    Field("color", Choice(get_args(Color)), "the order of channels"),
    Field("scale", Number(positive=True), "a pixel p of 0..255 becomes (p * scale - mean) / std"),
    Field("mean", PerChannel(Number()), "see scale"),
    Field("std", PerChannel(Number(positive=True)), "see scale"),
    Field(
        "box_units",
        Choice(get_args(BoxUnits)),
        'whether boxes come out in pixels of the model\'s input or in 0..1 of it ("unit")',
    ),
    Field("suppressed", Flag(), "whether the model does its own suppression"),
    Field(
        "nms",
        Choice(get_args(Nms)),
        "which boxes that overlap go: of one class, of all; soft: they lose score; weighted: they are blended by "
        "score; oks: by keypoints; none",
        "result",
    ),
    Field(
        "overlap",
        Choice(get_args(Overlap)),
        "how oriented boxes are compared: polygon, by the area that they share; probiou, as Gaussians",
        "result",
    ),
    Field("conf", Fraction(), "scores below it are left out", "result"),
    Field("iou", Fraction(), "of two boxes that overlap by more than this, the better stays", "result"),
    Field("keypoints", Integer(0, 10_000), "keypoints a row"),
    Field("keypoint_dims", Integer(2, 3), "2 (x y) or 3 (x y visibility)"),
    Field("inputs", Table(), "values of further inputs, by name"),
    Field("outputs", Table(of_texts=True), "meaning of an output by its name: boxes, scores, classes, count …"),
)

_BY_NAME: Mapping[str, Field] = {field.name: field for field in TABLE}

FIELDS = tuple(_BY_NAME)
"""The fields that an argument, a sidecar or metadata may set."""


class CardArguments(TypedDict, total=False):
    """The fields as `Detector.load` takes them; None is as good as nothing. `imgsz` stands for height and width."""

    task: Task | None
    decoder: str | None
    labels: str | Path | Sequence[str] | Mapping[int, str] | None
    imgsz: int | tuple[int, int] | None
    resize: Resize | None
    crop: float | None
    shorter_side: int | None
    longer_side: int | None
    side_multiple: int | None
    side_rounding: Rounding | None
    padded: bool | None
    fill: int | tuple[int, ...] | None
    color: Color | None
    scale: float | None
    mean: float | tuple[float, ...] | None
    std: float | tuple[float, ...] | None
    box_units: BoxUnits | None
    suppressed: bool | None
    nms: Nms | None
    overlap: Overlap | None
    conf: float | None
    iou: float | None
    keypoints: int | None
    keypoint_dims: int | None
    inputs: Mapping[str, Any] | None
    outputs: Mapping[str, str] | None


def checked(name: str, value: Any, source: str) -> Any:
    """The value of a field in the card's own type.

    Raises:
        CardInvalid: the field does not exist or the value is impossible; the message names the source.
    """
    try:
        if name not in _BY_NAME:
            raise ValueError("is not a field of the card; the fields are " + ", ".join(FIELDS))
        return _BY_NAME[name].kind.convert(value)
    except (TypeError, ValueError, OverflowError) as cause:
        shown = repr(value)
        if len(shown) > MAX_SHOWN:
            shown = shown[: MAX_SHOWN - 3] + "…"
        raise CardInvalid(
            f"The {source} gives {name} = {shown}, but {name} {cause}.", hint=f"correct {name} in the {source}"
        ) from None


def sidecar_schema() -> dict[str, Any]:
    """JSON Schema of a sidecar, which `edgerun/card/sidecar.schema.json` holds for editors and other tools."""
    fields = {field.name: {**field.kind.schema, "description": field.help} for field in TABLE}
    sources = {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "where each field came from when the sidecar was written; not read",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "edgerun sidecar",
        "description": "What one exported model wants and means. Lies beside it as <model file>.edgerun.json.",
        "type": "object",
        "properties": {
            "edgerun": {"const": 1, "description": "version of this format"},
            "$schema": {"type": "string"},
            **fields,
            "sources": sources,
        },
        "required": ["edgerun"],
        "additionalProperties": False,
    }
