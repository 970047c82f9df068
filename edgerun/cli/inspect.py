"""edgerun inspect: what a model is, how it is read, and from which source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import singledispatch
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgerun.cli.common import FAILED, AsJson, Debug, door, facts, print_json, print_table, problem, say
from edgerun.cli.options import takes_model

if TYPE_CHECKING:
    from edgerun.card import ModelCard
    from edgerun.report import Report
    from edgerun.tools.inspection import Inspection

__all__ = ["command"]

UNNAMED = (
    "no source names them, and no number of classes tells: --labels coco, or --labels FILE, names what shows as numbers"
)

LONGEST_VALUE = 80
"""Letters of a metadata value that are shown."""
MAX_NAMES = 4
"""Names of a list that are shown."""


@takes_model
def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Path of a model, or the name of one of ours (codes).")],
    load: dict[str, Any],
    write_sidecar: Annotated[
        bool,
        typer.Option(
            "--write-sidecar", metavar="", help="Write what was decided into MODEL.edgerun.json, for every app."
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", metavar="", help="Overwrite a sidecar that is there.")] = False,
    profile: Annotated[
        bool,
        typer.Option("--profile", metavar="", help="Run it on a made-up image: which node ran where, and how long."),
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show what a model takes and gives, how it is read, and from which source."""
    with door(as_json=as_json, debug=debug):
        from edgerun.tools import inspection as inspections

        seen = inspections.inspect(model, profile=profile, **load)
        written = inspections.write_sidecar(seen, force=force) if write_sidecar and seen.refusal is None else None
        if as_json:
            print_json(seen.to_dict() | ({} if written is None else {"written": str(written)}))
        else:
            _print(seen)
            if written is not None:
                say(f"\nsidecar written: {written}")
        if seen.refusal is not None:
            problem(seen.refusal)
            raise typer.Exit(FAILED)


def _print(seen: Inspection) -> None:
    tensors = chain(_tensors("inputs", seen.inputs), _tensors("outputs", seen.outputs))
    facts(chain(_model(seen), _needs(seen), tensors, _decoding(seen.report), [("sidecar", seen.sidecar)]))
    if seen.report is not None:
        _print_stragglers(seen.report)
    say("\ncard")
    print_table(_card(seen.card, seen.report is None), ("field", "value", "source"), indent=2)
    if seen.verdicts:
        say("\nwhat each decoder says" if seen.report is None else "\nwhy no other decoder")
        verdicts = sorted(seen.verdicts, key=lambda entry: -entry[1].sure)
        rows = [(name, match.sure.name.lower(), match.why) for name, match in verdicts]
        print_table(rows, ("decoder", "sure", "why"), indent=2)
    if seen.metadata:
        say("\nmetadata of the file")
        print_table([(name, _shortened(value)) for name, value in seen.metadata.items()], indent=2)


def _model(seen: Inspection) -> Iterator[tuple[str, str]]:
    """What runs the model, and where."""
    from edgerun.report import summary

    yield "model", f"{seen.model} ({seen.format}, {_bytes(seen.size)})"
    report = seen.report
    if report is not None:
        yield "runs on", report.runs_on
        yield "note", report.delegate_reason
        yield "opened in", str(report.opening)
        yield "coverage", summary(report.coverage)
        for warning in report.warnings:
            yield "warning", warning


def _needs(seen: Inspection) -> Iterator[tuple[str, str]]:
    """What the file needs first, then what keeps it off a delegate."""
    for need in sorted(seen.needs, key=lambda need: not need.must):
        yield "needs" if need.must else "keeps off", f"{need.what}: {need.why}"


def _tensors(name: str, specs: Iterable[object]) -> Iterator[tuple[str, str]]:
    """A line for each, the first of them with the name."""
    for spec in specs:
        yield name, str(spec)
        name = " "


def _decoding(report: Report | None) -> Iterator[tuple[str, str]]:
    if report is None:
        yield "decoder", "none: the model is refused, see below"
    else:
        yield "decoder", f"{report.decoder}: {report.why}"
        yield "conf", f"{report.conf.value:g} ({report.conf.source})"
        yield "iou", f"{report.iou.value:g} ({report.iou.source})"
        yield "max-det", f"{report.max_det}"


def _print_stragglers(report: Report) -> None:
    """Operators that run elsewhere than on the delegate; milliseconds where they were measured."""
    from edgerun.report import stragglers

    rows = stragglers(report.coverage, report.delegate)
    if not rows:
        return
    say(f"\nnot on {report.delegate}")
    is_timed = any(milliseconds for _, _, milliseconds, _ in rows)
    if is_timed:
        print_table(rows, ("operator", "runs on", "ms", "why"), indent=2)
    else:
        print_table(
            [(operator, place, why) for operator, place, _, why in rows], ("operator", "runs on", "why"), indent=2
        )


def _shortened(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…"


def _card(card: ModelCard, refused: bool) -> list[tuple[str, str, str]]:
    """Name, value and source of the fields that say something; labels always."""
    from edgerun.card import FIELDS

    rows = []
    for name in FIELDS:
        if name == "labels":
            rows.append(_labels(card))
        elif _is_shown(card, name, refused):
            rows.append((name, _value(getattr(card, name)), card.source(name)))
    return rows


def _labels(card: ModelCard) -> tuple[str, str, str]:
    return "labels", _value(card.labels), card.source("labels") if card.labels else UNNAMED


def _is_shown(card: ModelCard, name: str, refused: bool) -> bool:
    if name in ("conf", "iou"):  # which stand above
        return False
    if name == "keypoint_dims" and not card.keypoints:
        return False
    if refused and name not in card.sources:
        return False
    value = getattr(card, name)
    return value is not None and value not in ((), {})


@singledispatch
def _value(value: object) -> str:
    """A field's value in words."""
    return str(value)


@_value.register
def _(value: bool) -> str:
    return "yes" if value else "no"


@_value.register
def _(value: float) -> str:
    inverse = round(1 / value, 1) if 0 < value < 0.1 else 0.0
    is_fraction = inverse > 0 and abs(1 / value - inverse) < 1e-6
    return f"1/{inverse:g}" if is_fraction else f"{value:g}"


@_value.register
def _(value: tuple) -> str:  # type: ignore[type-arg]
    if value and isinstance(value[0], str):
        shown = ", ".join(value[:MAX_NAMES])
        return f"{len(value)}: {shown}{', …' if len(value) > MAX_NAMES else ''}"
    numbers = list(dict.fromkeys(map(_value, value)))
    return numbers[0] if len(numbers) == 1 else ", ".join(map(_value, value)) or "none"


@_value.register(Mapping)
def _(value: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={entry}" for name, entry in value.items())


def _bytes(size: int) -> str:
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
