"""The options that every command with a model takes: those of `Detector.load`.

The fields of a card come from its table, `edgerun.card.fields`: each kind of value is one kind of option.
"""

from __future__ import annotations

import functools
import inspect
import json
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Annotated, Any

import typer

from edgerun.card.fields import TABLE, Field
from edgerun.card.kinds import Choice, Flag, Fraction, Integer, Labels, Number, PerChannel, Table, Text

__all__ = ["takes_model"]

OPENING = "Opening the model"
PANELS = {"card": "What the model wants and means (each replaces what the file says)", "result": "What is kept"}


# ------------------------------------------------------------------------------------------- texts to values


def _size(text: str) -> tuple[int, int]:
    """Height and width, as the library takes them, from width x height, as screens and cameras say them."""
    if "," in text:
        raise typer.BadParameter(f"{text!r} may be either way round; give WIDTHxHEIGHT such as 640x480")
    parts = [part.strip() for part in text.lower().split("x")]
    if len(parts) > 2 or not all(map(str.isdecimal, parts)):
        raise typer.BadParameter(f"{text!r} is not a size; give one number, or WIDTHxHEIGHT such as 640x480")
    return int(parts[-1]), int(parts[0])


def _number(text: str) -> float:
    try:
        above, slash, below = text.partition("/")
        return float(above) / float(below) if slash else float(text)
    except (ValueError, ZeroDivisionError):
        raise typer.BadParameter(f"{text!r} is not a number; give one such as 0.5 or 1/255") from None


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(_number(part.strip()) for part in text.split(","))


def _bytes(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise typer.BadParameter(f"{text!r} is not a colour; give one number from 0 to 255, or three with commas")
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


# ------------------------------------------------------------------------------------------- the card's fields

SHORT_HELP = {
    "labels": 'a label file of any habit, "coco" or "coco91"',
    "scale": "pixels p reach the model as (p * scale - mean) / std; such as 1/255",
    "mean": "see --scale",
    "std": "see --scale",
    "fill": "colour of the border, 0 to 255",
}
"""Where the command line says a field in another way than a sidecar."""


def _choice(kind: Choice, name: str) -> tuple[Any, dict[str, Any]]:
    literal: Any = typing.Literal
    return literal[kind.words], {}


def _text(kind: Text, name: str) -> tuple[Any, dict[str, Any]]:
    return str, {"metavar": "NAME"}


def _labels(kind: Labels, name: str) -> tuple[Any, dict[str, Any]]:
    return str, {"metavar": "FILE"}


def _flag(kind: Flag, name: str) -> tuple[Any, dict[str, Any]]:
    return bool, {"names": (f"--{name}/--not-{name}",), "metavar": ""}


def _integer(kind: Integer, name: str) -> tuple[Any, dict[str, Any]]:
    return int, {"min": kind.least, "max": kind.most, "metavar": "N"}


def _fraction(kind: Fraction, name: str) -> tuple[Any, dict[str, Any]]:
    return float, {"min": 0.0, "max": 1.0, "metavar": "N"}


def _one_number(kind: Number, name: str) -> tuple[Any, dict[str, Any]]:
    return Any, {"parser": _number, "metavar": "N"}


def _per_channel(kind: PerChannel, name: str) -> tuple[Any, dict[str, Any]]:
    parser: Callable[[str], Any] = _bytes if isinstance(kind.each, Integer) else _numbers
    return Any, {"parser": parser, "metavar": "N|N,N,N"}


def _table(kind: Table, name: str) -> tuple[Any, dict[str, Any]]:
    if kind.of_texts:
        return list[Any], {"parser": _pair, "metavar": "NAME=MEANING"}
    return list[Any], {"parser": _value, "metavar": "NAME=JSON"}


AS_OPTION: Mapping[type, Callable[[Any, str], tuple[Any, dict[str, Any]]]] = {
    Choice: _choice,
    Text: _text,
    Labels: _labels,
    Flag: _flag,
    Integer: _integer,
    Fraction: _fraction,
    Number: _one_number,
    PerChannel: _per_channel,
    Table: _table,
}
"""Kind of value -> its type and the settings of its option."""


def _card_options() -> Iterator[inspect.Parameter]:
    """One option for each field of the card; --imgsz stands for height and width."""
    for field in TABLE:
        if field.name == "height":
            yield _size_option()
        elif field.name != "width":
            yield _option(field)


def _option(field: Field) -> inspect.Parameter:
    annotation, settings = AS_OPTION[type(field.kind)](field.kind, field.name)
    names = settings.pop("names", ())
    help = SHORT_HELP.get(field.name, field.help)
    option = typer.Option(*names, help=_sentence(help), rich_help_panel=PANELS[field.group], **settings)
    return _parameter(field.name, annotation, option)


def _size_option() -> inspect.Parameter:
    option = typer.Option(
        parser=_size,
        metavar="N|WxH",
        help="Size of the input where the file leaves it open, width x height.",
        rich_help_panel=PANELS["card"],
    )
    return _parameter("imgsz", Any, option)


def _parameter(name: str, annotation: Any, option: Any) -> inspect.Parameter:
    optional = annotation if annotation is Any else annotation | None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[optional, option])


def _sentence(half: str) -> str:
    return f"{half[0].upper()}{half[1:]}."


# ---------------------------------------------------------------------------------------- the rest of load's


def _other_options(
    max_det: Annotated[
        int, typer.Option(min=1, metavar="N", help="At most so many rows an image.", rich_help_panel=PANELS["result"])
    ] = 300,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only these classes, by name or number; with commas or repeated.",
            rich_help_panel=PANELS["result"],
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
) -> None:
    """The options of `Detector.load` that are not fields of the card."""


def _load_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `Detector.load` from the options that were given."""
    load = {name: value for name, value in given.items() if value is not None}
    if "classes" in load:
        load["classes"] = _names(load["classes"])
    if len(load.get("delegate", ())) == 1:
        load["delegate"] = load["delegate"][0]
    for name in ("inputs", "outputs"):
        if name in load:
            load[name] = dict(load[name])
    return load


def _names(entries: list[str]) -> list[str]:
    """Names of classes from options with commas."""
    names = [name.strip() for entry in entries for name in entry.split(",")]
    names = list(filter(None, names))
    if not names:
        raise typer.BadParameter("--classes names no class", param_hint="--classes")
    return names


def takes_model(command: Callable[..., None], *, first: Collection[str] = ()) -> Callable[..., None]:
    """Give a command all options of a model, in one place; it receives those that were given as `load`.

    Typer reads signatures, so the command's own parameters and these are joined into one.

    Args:
        command: which has a parameter `load`.
        first: options that its help shows above all others, with its own that have no heading.
    """
    others = inspect.signature(_other_options, eval_str=True).parameters.values()
    shared = [*others, *_card_options()]
    for entry in shared:
        if entry.name in first:
            entry.annotation.__metadata__[0].rich_help_panel = None
    own = inspect.signature(command, eval_str=True).parameters

    @functools.wraps(command)
    def joined(**given: Any) -> None:
        load = _load_arguments({entry.name: given.pop(entry.name) for entry in shared})
        command(**given, load=load)

    parameters = [*(entry for entry in own.values() if entry.name != "load"), *shared]
    parameters = [entry.replace(kind=inspect.Parameter.KEYWORD_ONLY) for entry in parameters]
    joined.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    joined.__annotations__ = {entry.name: entry.annotation for entry in parameters}
    del joined.__wrapped__
    return joined
