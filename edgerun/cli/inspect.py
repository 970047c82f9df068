"""edgerun inspect: what a model is, how it is read, and by whose word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgerun.cli.common import FAILED, AsJson, Debug, door, facts, print_json, print_table, problem, say
from edgerun.cli.options import takes_model

if TYPE_CHECKING:
    from edgerun.card import ModelCard
    from edgerun.tools.inspection import Inspection

__all__ = ["command"]


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
        typer.Option("--profile", metavar="", help="Run it on a made-up picture: which node ran where, and how long."),
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show what a model takes and gives, how it is read, and who says so."""
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
    from edgerun.report import stragglers, summary

    report = seen.report
    lines = [("model", f"{seen.model} ({seen.format}, {_bytes(seen.size)})")]
    if report is not None:
        lines += [
            ("runs on", report.runs_on),
            ("note", report.delegate_reason),
        ]
        lines.append(("opened in", str(report.opening)))
        lines.append(("coverage", summary(report.coverage)))
        lines += [("warning", warning) for warning in report.warnings]
    lines += [("needs", f"{need.what}: {need.why}") for need in seen.needs if need.must]
    lines += [("keeps off", f"{need.what}: {need.why}") for need in seen.needs if not need.must]
    lines += [("inputs" if index == 0 else " ", str(spec)) for index, spec in enumerate(seen.inputs)]
    lines += [("outputs" if index == 0 else " ", str(spec)) for index, spec in enumerate(seen.outputs)]
    if report is not None:
        lines += [
            ("decoder", f"{report.decoder}: {report.why}"),
            ("conf", f"{report.conf.value:g} ({report.conf.source})"),
            ("iou", f"{report.iou.value:g} ({report.iou.source})"),
            ("max-det", f"{report.max_det}"),
        ]
    else:
        lines.append(("decoder", "none: the model is refused, see below"))
    lines.append(("sidecar", seen.sidecar))
    facts(lines)
    elsewhere = [] if report is None else stragglers(report.coverage, report.delegate)
    if report is not None and elsewhere:
        say(f"\nnot on {report.delegate}")
        timed = [0, 1, 2, 3] if any(row[2] for row in elsewhere) else [0, 1, 3]
        headings = ("operator", "runs on", "ms", "why")
        print_table(
            [[row[place] for place in timed] for row in elsewhere], [headings[place] for place in timed], indent=2
        )
    say("\ncard")
    print_table(_card(seen.card, report is None), ("field", "value", "source"), indent=2)
    if seen.verdicts:
        say("\nwhat each decoder says" if report is None else "\nwhy no other decoder")
        verdicts = sorted(seen.verdicts, key=lambda entry: -entry[1].sure)
        print_table(
            [(name, match.sure.name.lower(), match.why) for name, match in verdicts],
            ("decoder", "sure", "why"),
            indent=2,
        )
    if seen.metadata:
        say("\nmetadata of the file")
        print_table([(name, value[:80] + "…" * (len(value) > 80)) for name, value in seen.metadata.items()], indent=2)


def _card(card: ModelCard, refused: bool) -> list[tuple[str, str, str]]:
    from edgerun.card import FIELDS

    rows = []
    for name in FIELDS:
        value = getattr(card, name)
        empty = value is None or (isinstance(value, (Mapping, tuple)) and not value)
        if name in ("conf", "iou") or (name == "keypoint_dims" and not card.keypoints):
            continue  # said above, or without meaning
        if name == "overlap" and card.task != "obb":
            continue
        if (empty or (refused and name not in card.sources)) and name != "labels":
            continue
        rows.append((name, _value(value), UNNAMED if name == "labels" and empty else card.source(name)))
    return rows


UNNAMED = (
    "nobody says them, and no number of classes tells: --labels coco, or --labels FILE, names what shows as numbers"
)


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"1/{1 / value:g}" if 0 < value < 0.1 and abs(1 / value - round(1 / value, 1)) < 1e-6 else f"{value:g}"
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        shown = ", ".join(value[:4])
        return f"{len(value)}: {shown}{', …' if len(value) > 4 else ''}"
    if isinstance(value, tuple):
        numbers = [_value(entry) for entry in value]
        return numbers[0] if len(set(numbers)) == 1 else ", ".join(numbers) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={entry}" for name, entry in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _bytes(size: int) -> str:
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
