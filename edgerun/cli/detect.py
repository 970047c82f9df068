"""edgerun detect: what is in images, folders, videos and what a camera sees."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, TypeAlias

import typer

from edgerun.cli.common import AsJson, Debug, console, door
from edgerun.cli.detect_output import Json, Output, Text
from edgerun.cli.options import takes_model
from edgerun.errors import InputError

if TYPE_CHECKING:
    from edgerun.detections import Detections
    from edgerun.detector import Detector
    from edgerun.media.images import Image
    from edgerun.media.sources import Picture, Source
    from edgerun.media.writers import Album

    Listener: TypeAlias = Callable[[Picture, Image, Detections], None]

__all__ = ["command"]

WINDOW = "edgerun"
STOP_KEYS = (27, ord("q"))
"""Escape and q."""


@takes_model
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
    show: Annotated[bool, typer.Option("--show", metavar="", help="Show each image in a window; q ends.")] = False,
    coco: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the rows as a COCO results file.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Print no rows.")] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Find objects in images, folders, videos or what a camera sees. Exit code 4: a camera or a stream has ended."""
    with door(as_json=as_json, debug=debug) as way:
        from edgerun.detector import Detector
        from edgerun.media import sources as places
        from edgerun.media.writers import Album

        planned = places.expand(sources)
        left_out = places.left_out(sources)
        if show:
            _check_window()
        with ExitStack() as stack:
            listeners: list[Listener] = []
            if coco is not None:
                listeners.append(stack.enter_context(_coco(coco, planned)))
            album = None if save is None else stack.enter_context(Album(save, planned))
            detector = stack.enter_context(Detector.load(model, **load))
            out: Output = Json(detector.report()) if as_json else Text(detector.report(), quiet)
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
            if album is not None:
                album.close()
                out.saved(album.files, save)
        if out.code:
            raise typer.Exit(out.code)


def _look(detector: Detector, picture: Picture, out: Output, listeners: Sequence[Listener]) -> None:
    """One image, from reading to printing; one that cannot be used is said, and the others are still wanted."""
    try:
        image = picture.read()
        found = replace(detector(image), path=str(picture.source.place))
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


@contextmanager
def _coco(path: Path, planned: Sequence[Source]) -> Iterator[Listener]:
    """Writes rows as a COCO results file; an image's id is its stem, as a number where it is one."""
    from edgerun.media.writers import JsonList

    _check_ids(planned)
    stream = _opened(path)
    with stream:
        rows = JsonList(stream)

        def add(picture: Picture, image: Image, found: Detections) -> None:
            for row in found.to_coco(_image_id(picture.source, picture.frame)):
                rows.add(row)

        try:
            yield add
        finally:
            rows.close()


def _check_ids(planned: Sequence[Source]) -> None:
    """Raise InputError where two images would share an image_id."""
    sources: dict[int | str, Source] = {}
    for source in dict.fromkeys(planned):
        other = sources.setdefault(_image_id(source, None), source)
        if other is not source:
            shared = f"{other.name} and {source.name} would share the COCO image_id {_image_id(source, None)}"
            raise InputError(f"{shared}.", hint="run them one by one")


def _opened(path: Path) -> TextIO:
    if path.is_file() and path.suffix.lower() != ".json":  # an image or a model, most likely
        message = f"{path} is there already and is not a results file."
        raise InputError(message, hint="name another file, such as rows.json")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w", encoding="utf-8")
    except OSError as cause:
        raise InputError(f"{path} cannot be written: {cause.strerror}.", hint="choose another place") from cause


def _image_id(source: Source, frame: int | None) -> int | str:
    if frame is not None:
        return f"{source.stem}-{frame:06d}"
    return int(source.stem) if source.kind == "picture" and source.stem.isdecimal() else source.stem


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
