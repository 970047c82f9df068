"""edgerun card: settle by photos how a model is fed and read, and put the card into the model's file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgerun.cli.common import (
    INTERRUPTED,
    NO,
    AsJson,
    Debug,
    console,
    door,
    facts,
    print_json,
    print_table,
    say,
    spoken,
)
from edgerun.cli.options import takes_model

if TYPE_CHECKING:
    from edgerun.tools.settle.result import Ranked, Settlement
    from edgerun.tools.settle.trial import Progress

__all__ = ["command"]

SHOWN = 12
"""Readings in the table; all of them are in --json."""


@takes_model
def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Path of a model, or the name of one of ours (codes).")],
    load: dict[str, Any],
    images: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Photos that settle what the file does not say; a folder, or a pattern."),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            "--labels-dir",
            metavar="PATH",
            help="What is in the photos, a COCO JSON file or a folder of YOLO texts: rank by average precision.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Use so many of the photos, evenly.")] = 32,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the readings side by side, as a page.")
    ] = None,
    sheet: Annotated[Path | None, typer.Option(metavar="FILE", help="The same as one picture, .jpg or .png.")] = None,
    write_sidecar: Annotated[
        bool,
        typer.Option(
            "--write-sidecar", metavar="", help="Write what is settled into MODEL.edgerun.json, for every app."
        ),
    ] = False,
    embed: Annotated[
        bool, typer.Option("--embed", metavar="", help="Write a copy of the model that carries its card.")
    ] = False,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Where --embed writes.")] = None,
    force: Annotated[bool, typer.Option("--force", metavar="", help="Overwrite what is there.")] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Settle by photos what a model's file does not say, or write its card into the file."""
    if images is None and not embed:
        raise typer.BadParameter("give --images DIR, or --embed, or both", param_hint="--images")
    if images is None and (truth or html or sheet or write_sidecar):
        raise typer.BadParameter(
            "--truth, --html, --sheet and --write-sidecar need --images DIR", param_hint="--images"
        )
    with door(as_json=as_json, debug=debug):
        from edgerun.errors import InputError

        if sheet is not None and sheet.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            raise InputError(f"{sheet} is not named like a picture.", hint="use .jpg or .png")
        for place in (html, sheet):
            if place is not None and place.exists() and not force:
                raise InputError(f"{place} is there already.", hint="name another file, or pass --force")
        content: dict[str, Any] = {}
        code = 0
        arguments = dict(load)
        if images is not None:
            settlement = _settle(model, images, truth, limit, load)
            content = settlement.to_dict()
            code = INTERRUPTED if settlement.interrupted else 0 if settlement.clear else NO
            if not as_json:  # before anything is written: it took minutes, and a full disk must not lose it
                _print(settlement)
            written = _write(settlement, html, sheet, write_sidecar, force)
            if not as_json:
                facts(written.items())
            content |= written
            if settlement.chosen is not None:
                arguments |= settlement.chosen.hypothesis.arguments
        if embed and code == 0:
            from edgerun.tools.embedding import embed as write

            place = write(model, output, force=force, **arguments)
            content |= {"embedded": str(place)}
            if not as_json:
                facts([("written", f"{place}, which carries its card")])
        if as_json:
            print_json(content)
        if code:
            raise typer.Exit(code)


def _settle(model: str, images: str, truth: Path | None, limit: int, load: Mapping[str, Any]) -> Settlement:
    from edgerun.errors import InputError
    from edgerun.media import sources
    from edgerun.tools import ground_truth as labels
    from edgerun.tools.settle.settle import settle

    photos = [
        source.place
        for source in sources.expand([images])
        if source.kind == "picture" and isinstance(source.place, Path)
    ]
    if not photos:
        raise InputError(f"{images} holds no photos.", hint="videos and cameras settle nothing; give pictures")
    known = None if truth is None else labels.read(truth, photos)
    with _progress() as progress:
        return settle(model, photos, truth=known, limit=limit, progress=progress, **load)


def _write(settlement: Settlement, html: Path | None, sheet: Path | None, sidecar: bool, force: bool) -> dict[str, str]:
    """What was written: what it is -> where."""
    from edgerun.tools import inspection
    from edgerun.tools.settle import gallery

    written = {}
    if html is not None:
        written["page"] = str(gallery.write_page(settlement, html))
    if sheet is not None:
        written["sheet"] = str(gallery.write_sheet(settlement, sheet))
    if sidecar and settlement.clear and not settlement.interrupted and settlement.card is not None:
        written["sidecar"] = str(inspection.write_card(Path(settlement.model), settlement.card, force=force))
    elif sidecar:
        say(
            "no sidecar is written: " + ("it was interrupted" if settlement.interrupted else "it is not clear"),
            err=True,
        )
    return written


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """A bar on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console(err=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)


# ------------------------------------------------------------------------------------------- what is printed


def _print(settlement: Settlement) -> None:
    facts(
        [
            ("model", settlement.model),
            ("photos", f"{settlement.photos}, something found in {settlement.telling}"),
            ("ranked by", settlement.by),
            ("interrupted", "after these photos" if settlement.interrupted else ""),
            *(("note", note) for note in settlement.notes),
        ]
    )
    if settlement.verdicts:
        say("\nwhat is open")
        fields = [(one.open.name, one.value, one.kind, one.why, one.open.why or "-") for one in settlement.verdicts]
        print_table(fields, ("field", "taken", "verdict", "why", "without photos"), indent=2)
    say("\nreadings")
    steady = settlement.ranked[0].repeatability is not None
    headings = (
        "",
        "reading",
        "score" if steady else "AP",
        "found",
        *(("steady",) if steady else ()),
        "photos",
        "options",
    )
    rows = [
        _row(f"{place}{'*' if entry is settlement.chosen else ''}", entry, steady)
        for place, entry in enumerate(settlement.ranked[:SHOWN], 1)
    ]
    print_table(rows, headings, indent=2)
    if settlement.chosen is not None:
        say("  * what is taken")
    if len(settlement.ranked) > SHOWN:
        say(f"  and {len(settlement.ranked) - SHOWN} more, far behind")
    if settlement.refused:
        say("\ncontradicted by the outputs")
        print_table(settlement.refused, indent=2)
    say("\n" + spoken(settlement.sentence))


def _row(place: str, entry: Ranked, steady: bool) -> tuple[str, ...]:
    shares = (f"{(entry.repeatability or 0) * 100:.0f} %",) if steady else ()
    options = _options(entry.hypothesis.arguments_needed)
    return (
        place,
        str(entry.hypothesis),
        f"{entry.score:.3f}",
        f"{entry.found:.1f}",
        *shares,
        str(entry.photos),
        options,
    )


def _options(arguments: Mapping[str, Any]) -> str:
    """Arguments of the library as options of the command line."""
    from edgerun.tools.settle.hypotheses import arguments_in_words

    words = []
    for name, value in arguments.items():
        if isinstance(value, Mapping):
            words += [f"--{name} {key}={entry!r}".replace("'", '"') for key, entry in value.items()]
        else:
            words.append(spoken(arguments_in_words({name: value})))
    return " ".join(words)
