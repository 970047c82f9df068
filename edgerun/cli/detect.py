"""edgerun detect: what is in images, folders, videos and what a camera sees."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgerun.cli import detect_files as files
from edgerun.cli.common import AsJson, console, door
from edgerun.cli.detect_output import Json, JsonLines, Output, Text
from edgerun.cli.options import takes_model
from edgerun.errors import InputError

if TYPE_CHECKING:
    from edgerun.cli.detect_files import Listener
    from edgerun.detections import Detections
    from edgerun.detector import Detector
    from edgerun.media.images import Image
    from edgerun.media.sources import Picture, Source
    from edgerun.media.writers import Album
    from edgerun.report import Report

__all__ = ["command"]

WRITTEN = "What is written and printed"
MODEL_FOLDER = -1
"""Where a downloaded model lies beside the images, which are counted from 0."""

WINDOW = "edgerun"
STOP_KEYS = (27, ord("q"))
"""Escape and q."""


@partial(takes_model, first=("conf", "classes", "labels"))
def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Path of a model, or the name of one of ours (codes).")],
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE", help="Images, folders, patterns, videos, a camera's number, addresses of streams."
        ),
    ],
    load: dict[str, Any],
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write annotated images and videos into this folder.")
    ] = None,
    as_json: AsJson = False,
    json_lines: Annotated[
        bool,
        typer.Option("--json-lines", metavar="", help="Print a line of JSON for each image.", rich_help_panel=WRITTEN),
    ] = False,
    show: Annotated[
        bool, typer.Option("--show", metavar="", help="Show each image in a window; q ends.", rich_help_panel=WRITTEN)
    ] = False,
    save_txt: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write a YOLO text for each image into a new folder.", rich_help_panel=WRITTEN
        ),
    ] = None,
    save_crop: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write what was found, cut out, into a new folder, by class.", rich_help_panel=WRITTEN
        ),
    ] = None,
    coco: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the rows as a COCO results file; frames of a single video by number.",
            rich_help_panel=WRITTEN,
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", metavar="", help="Print no rows.", rich_help_panel=WRITTEN)
    ] = False,
    allow_download: Annotated[
        bool,
        typer.Option(
            "--allow-download", metavar="", help="Fetch images and the model by https.", rich_help_panel=WRITTEN
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            metavar="",
            help="Show the traceback of an error, and what runtimes print.",
            rich_help_panel=WRITTEN,
        ),
    ] = False,
) -> None:
    """Find objects in images, folders, videos or what a camera sees. Exit code 4: a camera or a stream has ended."""
    with door(as_json=as_json or json_lines, debug=debug, indent=None if json_lines else 2) as way:
        from edgerun.detector import Detector
        from edgerun.media import sources as places
        from edgerun.media.writers import Album

        with ExitStack() as stack:
            downloads = Path(stack.enter_context(TemporaryDirectory())) if allow_download else None
            planned = places.expand(sources, downloads=downloads)
            left_out = places.left_out(sources)
            if show:
                _check_window()
            listeners: list[Listener] = []
            if coco is not None:
                listeners.append(stack.enter_context(files.coco(coco, planned)))
            if save_txt is not None:
                listeners.append(files.yolo_texts(save_txt, planned))
            if save_crop is not None:
                listeners.append(files.crops(save_crop, planned))
            album = None if save is None else stack.enter_context(Album(save, planned))
            detector = stack.enter_context(Detector.load(_fetched(model, downloads), **load))
            out = _output(detector.report(), as_json, json_lines, quiet)
            stack.push(out.end)
            way.as_json = False  # an error from here on is part of the document that has begun
            out.left_out(left_out)
            if album is not None:
                listeners.append(_keeper(album))
            if show:
                listeners.append(_show)
            with suppress(_Enough):
                for picture in stack.enter_context(_watched(planned)):
                    _look(detector, picture, out, listeners)
                    way.chatter.trim()
            if album is not None:
                album.close()
                out.saved(album.files, save)
        if out.code:
            raise typer.Exit(out.code)


def _output(report: Report, as_json: bool, json_lines: bool, quiet: bool) -> Output:
    if json_lines:
        return JsonLines()
    return Json(report) if as_json else Text(report, quiet)


def _fetched(model: str, downloads: Path | None) -> str:
    """The path of a model; one of the web is downloaded where the user has said that it may be."""
    if downloads is None or not model.lower().startswith(("http://", "https://")):
        return model
    from edgerun.media import download

    return str(download.fetch(model, downloads, MODEL_FOLDER))


def _look(detector: Detector, picture: Picture, out: Output, listeners: Sequence[Listener]) -> None:
    """One image, from reading to printing; one that cannot be used is said, and the others are still wanted."""
    try:
        image = picture.read()
        found = replace(detector(image), path=picture.source.path)
    except InputError as failure:
        out.failed(picture, failure)
        return
    out.found(picture, found)
    for listener in listeners:
        listener(picture, image, found)


def _keeper(album: Album) -> Listener:
    def keep(picture: Picture, image: Image, found: Detections) -> None:
        album.add(picture, found.draw(image))

    return keep


# --------------------------------------------------------------------------------------------- where it goes


@contextmanager
def _watched(planned: Sequence[Source]) -> Iterator[Iterator[Picture]]:
    """The images of all sources, with a progress bar on stderr where that is a terminal and there are several."""
    from edgerun.media import sources as places

    everything = (picture for source in planned for picture in places.pictures(source))
    several = len(planned) > 1 or any(source.kind != "picture" for source in planned)
    if not (several and sys.stderr.isatty()):
        yield everything
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    counts = [places.count(source) for source in planned]
    total = None if None in counts else sum(number for number in counts if number is not None)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    # rows for the same terminal are printed above the bar; rows for a pipe go their own way
    with Progress(*columns, console=console(err=True), transient=True, redirect_stdout=sys.stdout.isatty()) as progress:
        bar = progress.add_task("", total=total)

        def each() -> Iterator[Picture]:
            for picture in everything:
                progress.update(bar, description=Path(picture.source.name).name)
                yield picture
                progress.advance(bar)

        yield each()


def _check_window() -> None:
    """Raise InputError where no window can be opened."""
    import cv2

    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise InputError("--show needs a screen, and there is none here.", hint="write images with --save DIR")
    try:
        cv2.namedWindow(WINDOW, cv2.WINDOW_NORMAL)
    except cv2.error:
        raise InputError(
            "--show needs an OpenCV that can open windows, and opencv-python-headless cannot.",
            hint="write images with --save DIR, or: pip uninstall opencv-python-headless; pip install opencv-python",
        ) from None


def _show(picture: Picture, image: Image, found: Detections) -> None:
    import cv2

    cv2.imshow(WINDOW, found.draw(image))
    key = cv2.waitKey(0 if picture.frame is None else 1) & 0xFF
    if key in STOP_KEYS:
        raise _Enough


class _Enough(Exception):
    """The user has closed the window."""
