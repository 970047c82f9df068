"""The options that every command with a model takes: those of `Detector.load`."""

from __future__ import annotations

import functools
import inspect
import json
import typing
from collections.abc import Callable
from typing import Annotated, Any

import typer

from edgerun.card import BoxUnits, Color, Resize, Task

__all__ = ["takes_model"]

OPENING = "Opening the model"
CARD = "What the model wants and means (each replaces what the file says)"
RESULT = "What is kept"


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().replace("x", ",").split(",")
    if len(parts) not in (1, 2) or not all(part.strip().isdecimal() for part in parts):
        raise typer.BadParameter(f"{text!r} is no size; give one number, or height,width such as 480,640")
    numbers = [int(part) for part in parts]
    return numbers[0], numbers[-1]


def _number(text: str) -> float:
    try:
        above, slash, below = text.partition("/")
        return float(above) / float(below) if slash else float(text)
    except (ValueError, ZeroDivisionError):
        raise typer.BadParameter(f"{text!r} is no number; give one such as 0.5 or 1/255") from None


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(_number(part.strip()) for part in text.split(","))


def _bytes(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise typer.BadParameter(f"{text!r} is no colour; give one number from 0 to 255, or three with commas")
    return tuple(map(int, parts))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    return name, value


def _value(text: str) -> tuple[str, Any]:
    name, value = _pair(text)
    try:
        return name, json.loads(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is not JSON; give a number or a list such as [[640,640]]") from None


def _load_options(
    conf: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, metavar="N", help="Leave out scores below this.", rich_help_panel=RESULT),
    ] = None,
    iou: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            metavar="N",
            help="Of two boxes that share more than this, keep the better.",
            rich_help_panel=RESULT,
        ),
    ] = None,
    max_det: Annotated[
        int, typer.Option(min=1, metavar="N", help="At most so many rows a picture.", rich_help_panel=RESULT)
    ] = 300,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only these classes, by name or number; with commas or repeated.",
            rich_help_panel=RESULT,
        ),
    ] = None,
    nms: Annotated[
        typing.Literal["class", "agnostic", "soft", "oks", "none"] | None,
        typer.Option(
            help="Which boxes that overlap go: of one class, of all; soft: they lose score; oks: by keypoints; none.",
            rich_help_panel=RESULT,
        ),
    ] = None,
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="Runtime, where several run the format.", rich_help_panel=OPENING)
    ] = None,
    delegate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="How the runtime computes: cpu, coreml …, openvino:device=GPU, /path/lib.so, or auto for what edgerun "
            "tune found; repeated, the first available one is taken.",
            rich_help_panel=OPENING,
        ),
    ] = None,
    strict: Annotated[
        bool | None,
        typer.Option(
            "--strict",
            metavar="",
            help="Refuse a model of which an operator would run outside the delegate.",
            rich_help_panel=OPENING,
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=1024, metavar="N", help="Threads of the runtime.", rich_help_panel=OPENING)
    ] = None,
    decoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The way to read the outputs; edgerun plugins lists them.", rich_help_panel=CARD
        ),
    ] = None,
    task: Annotated[Task | None, typer.Option(help="What the rows mean.", rich_help_panel=CARD)] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="FILE", help='A label file of any habit, "coco" or "coco91".', rich_help_panel=CARD),
    ] = None,
    imgsz: Annotated[
        Any,
        typer.Option(
            parser=_size,
            metavar="N|H,W",
            help="Size of the input, where the file leaves it open.",
            rich_help_panel=CARD,
        ),
    ] = None,
    resize: Annotated[
        Resize | None, typer.Option(help="How a picture of another shape is fitted.", rich_help_panel=CARD)
    ] = None,
    fill: Annotated[
        Any, typer.Option(parser=_bytes, metavar="N|N,N,N", help="Colour of the border.", rich_help_panel=CARD)
    ] = None,
    color: Annotated[Color | None, typer.Option(help="Order of the channels.", rich_help_panel=CARD)] = None,
    scale: Annotated[
        Any,
        typer.Option(
            parser=_number,
            metavar="N",
            help="Pixels p reach the model as (p * scale - mean) / std; such as 1/255.",
            rich_help_panel=CARD,
        ),
    ] = None,
    mean: Annotated[
        Any, typer.Option(parser=_numbers, metavar="N|N,N,N", help="See --scale.", rich_help_panel=CARD)
    ] = None,
    std: Annotated[
        Any, typer.Option(parser=_numbers, metavar="N|N,N,N", help="See --scale.", rich_help_panel=CARD)
    ] = None,
    box_units: Annotated[
        BoxUnits | None,
        typer.Option(
            help='Whether boxes come out in pixels of the input or in 0..1 of it ("unit").', rich_help_panel=CARD
        ),
    ] = None,
    suppressed: Annotated[
        bool | None,
        typer.Option(
            "--suppressed/--not-suppressed",
            metavar="",
            help="Whether the model does its own suppression.",
            rich_help_panel=CARD,
        ),
    ] = None,
    keypoints: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Keypoints a row.", rich_help_panel=CARD)
    ] = None,
    keypoint_dims: Annotated[
        int | None, typer.Option(min=2, max=3, metavar="N", help="2 (x y) or 3 (x y visibility).", rich_help_panel=CARD)
    ] = None,
    inputs: Annotated[
        list[Any] | None,
        typer.Option(
            parser=_value, metavar="NAME=JSON", help="Value of a further input; may be repeated.", rich_help_panel=CARD
        ),
    ] = None,
    outputs: Annotated[
        list[Any] | None,
        typer.Option(
            parser=_pair,
            metavar="NAME=MEANING",
            help="What an output holds (boxes, scores, classes, count …); may be repeated.",
            rich_help_panel=CARD,
        ),
    ] = None,
) -> dict[str, Any]:
    """The arguments of `Detector.load` that were given."""
    given = {name: value for name, value in locals().items() if value is not None}
    if classes is not None:
        given["classes"] = [name.strip() for entry in classes for name in entry.split(",") if name.strip()]
        if not given["classes"]:
            raise typer.BadParameter("--classes names no class", param_hint="--classes")
    if delegate is not None and len(delegate) == 1:
        given["delegate"] = delegate[0]
    for name in ("inputs", "outputs"):
        if name in given:
            given[name] = dict(given[name])
    return given


def takes_model(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all options of a model, in one place; it receives those that were given as `load`.

    Typer reads signatures, so the command's own parameters and these are joined into one.
    """
    shared = inspect.signature(_load_options, eval_str=True).parameters
    own = inspect.signature(command, eval_str=True).parameters

    @functools.wraps(command)
    def joined(**given: Any) -> None:
        load = _load_options(**{name: given.pop(name) for name in shared})
        command(**given, load=load)

    parameters = [*(entry for entry in own.values() if entry.name != "load"), *shared.values()]
    parameters = [entry.replace(kind=inspect.Parameter.KEYWORD_ONLY) for entry in parameters]
    joined.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    joined.__annotations__ = {entry.name: entry.annotation for entry in parameters}
    del joined.__wrapped__
    return joined
