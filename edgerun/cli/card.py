"""edgerun card: settle by photos how a model is fed and read, and put the card into the model's file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgerun.cli.common import (
    INTERRUPTED,
    NO,
    AsJson,
    Debug,
    door,
    facts,
    plain,
    print_json,
    print_table,
    say,
    spoken,
)
from edgerun.cli.options import takes_model
from edgerun.cli.progress import counted

if TYPE_CHECKING:
    from edgerun.tools.settle.result import Ranked, Settlement

__all__ = ["command"]

SHEETS = (".jpg", ".jpeg", ".png")
"""Suffixes of --sheet."""

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
    sheet: Annotated[Path | None, typer.Option(metavar="FILE", help="The same as one image, .jpg or .png.")] = None,
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
    _check_usage(images, embed, needing_images=(truth, html, sheet, write_sidecar))
    with door(as_json=as_json, debug=debug):
        _check_places(html, sheet, force)
        content: dict[str, Any] = {}
        code = 0
        arguments = dict(load)
        if images is not None:
            settlement = _settle(model, images, truth, limit, load)
            content |= settlement.to_dict()
            code = _exit_code(settlement)
            if not as_json:  # before anything is written: it took minutes, and a full disk must not lose it
                _print(settlement)
            written = _write(settlement, html, sheet, write_sidecar, force)
            if not as_json:
                facts(written.items())
            content |= written
            arguments |= _arguments(settlement)
        if embed and code == 0:
            place = _embed(model, output, force, arguments)
            content |= {"embedded": place}
            if not as_json:
                facts([("written", f"{place}, which carries its card")])
        if as_json:
            print_json(content)
        if code:
            raise typer.Exit(code)


def _check_usage(images: str | None, embed: bool, needing_images: Iterable[object]) -> None:
    """Raise BadParameter where options do not go together."""
    if images is not None:
        return
    if not embed:
        raise typer.BadParameter("give --images DIR, or --embed, or both", param_hint="--images")
    if any(needing_images):
        message = "--truth, --html, --sheet and --write-sidecar need --images DIR"
        raise typer.BadParameter(message, param_hint="--images")


def _check_places(html: Path | None, sheet: Path | None, force: bool) -> None:
    """Raise InputError where a file cannot be written, before minutes are spent."""
    from edgerun.errors import InputError

    if sheet is not None and sheet.suffix.lower() not in SHEETS:
        raise InputError(f"{sheet} is not named like an image.", hint="use .jpg or .png")
    if force:
        return
    for place in (html, sheet):
        if place is not None and place.exists():
            raise InputError(f"{place} is there already.", hint="name another file, or pass --force")


def _exit_code(settlement: Settlement) -> int:
    if settlement.interrupted:
        return INTERRUPTED
    return 0 if settlement.clear else NO


def _arguments(settlement: Settlement) -> Mapping[str, Any]:
    """What was settled, as arguments of `Detector.load`."""
    return {} if settlement.chosen is None else settlement.chosen.hypothesis.arguments


def _embed(model: str, output: Path | None, force: bool, arguments: Mapping[str, Any]) -> str:
    """Where the copy of the model lies that carries its card."""
    from edgerun.tools.embedding import embed

    return str(embed(model, output, force=force, **arguments))


def _settle(model: str, images: str, truth: Path | None, limit: int, load: Mapping[str, Any]) -> Settlement:
    from edgerun.errors import InputError
    from edgerun.media import sources
    from edgerun.tools import ground_truth as labels
    from edgerun.tools.settle.settle import settle

    pictures = [source for source in sources.expand([images]) if source.kind == "picture"]
    if not pictures:
        raise InputError(f"{images} holds no photos.", hint="videos and cameras settle nothing; give images")
    left_out = sources.left_out([images])
    if left_out:
        say(f"note: {plain(left_out)}", err=True)
    photos = [Path(source.place) for source in pictures if not isinstance(source.place, int)]
    known = None if truth is None else labels.read(truth, photos)
    with counted() as progress:
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
    if sidecar:
        obstacle = _obstacle(settlement)
        if settlement.card is None or obstacle:
            say(f"no sidecar is written: {obstacle or 'it is not clear'}", err=True)
        else:
            written["sidecar"] = str(inspection.write_card(Path(settlement.model), settlement.card, force=force))
    return written


def _obstacle(settlement: Settlement) -> str:
    """Why no sidecar is written; "" where one can be."""
    if settlement.interrupted:
        return "it was interrupted"
    return "" if settlement.clear else "it is not clear"


# ------------------------------------------------------------------------------------------- what is printed


def _print(settlement: Settlement) -> None:
    facts(_summary(settlement))
    if settlement.verdicts:
        say("\nwhat is open")
        fields = [(one.open.name, one.value, one.kind, one.why, one.open.why or "-") for one in settlement.verdicts]
        print_table(fields, ("field", "taken", "verdict", "why", "without photos"), indent=2)
    say("\nreadings")
    _print_ranked(settlement)
    if settlement.chosen is not None:
        say("  * what is taken")
    if len(settlement.ranked) > SHOWN:
        say(f"  and {len(settlement.ranked) - SHOWN} more, far behind")
    if settlement.refused:
        say("\ncontradicted by the outputs")
        print_table(settlement.refused, indent=2)
    say("\n" + spoken(settlement.sentence))


def _summary(settlement: Settlement) -> Iterator[tuple[str, str]]:
    yield "model", settlement.model
    yield "photos", f"{settlement.photos}, something found in {settlement.telling}"
    yield "ranked by", settlement.by
    if settlement.interrupted:
        yield "interrupted", "after these photos"
    for note in settlement.notes:
        yield "note", note


def _print_ranked(settlement: Settlement) -> None:
    """The best readings: by repeatability, or by average precision where there are labels."""
    rows = []
    for place, entry in enumerate(settlement.ranked[:SHOWN], 1):
        mark = "*" if entry is settlement.chosen else ""
        rows.append((f"{place}{mark}", *_row(entry)))
    if settlement.ranked[0].repeatability is None:
        headings = ("", "reading", "AP", "found", "photos", "options")
        print_table([row[:4] + row[5:] for row in rows], headings, indent=2)
    else:
        print_table(rows, ("", "reading", "score", "found", "steady", "photos", "options"), indent=2)


def _row(entry: Ranked) -> tuple[str, str, str, str, str, str]:
    repeatability = 0.0 if entry.repeatability is None else entry.repeatability
    options = _options(entry.hypothesis.arguments_needed)
    score, found, steady = f"{entry.score:.3f}", f"{entry.found:.1f}", f"{repeatability * 100:.0f} %"
    return str(entry.hypothesis), score, found, steady, str(entry.photos), options


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
