"""edgerun detect: what is in images, folders, videos and what a camera sees."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from edgerun.cli.common import ENDED, FAILED, AsJson, Debug, as_error, ascii_only, console, door, plain, problem, say
from edgerun.cli.options import takes_model
from edgerun.errors import CameraEnded, InputError

if TYPE_CHECKING:
    from edgerun.detections import Detections
    from edgerun.detector import Detector
    from edgerun.media.images import Image
    from edgerun.media.sources import Picture, Source
    from edgerun.media.writers import Album
    from edgerun.report import Report

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
            out: _Json | _Text = _Json(detector.report()) if as_json else _Text(detector.report(), quiet)
            stack.push(out.end)
            way.as_json = False  # an error from here on is part of the document that has begun
            out.omitted(left_out)
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


def _look(detector: Detector, picture: Picture, out: _Output, listeners: Sequence[Listener]) -> None:
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


# ------------------------------------------------------------------------------------------- what is printed


class _Output:
    """What was printed so far, and the exit code that follows."""

    def __init__(self) -> None:
        self.images = self.rows = self.failures = 0
        self.has_ended = False

    @property
    def code(self) -> int:
        """Of the process."""
        if self.failures:
            return FAILED
        return ENDED if self.has_ended else 0

    def found(self, picture: Picture, found: Detections) -> None:
        """An image and what is in it."""
        self.images += 1
        self.rows += len(found)

    def failed(self, picture: Picture, failure: InputError) -> None:
        """An image that cannot be used, or the end of a camera."""
        if isinstance(failure, CameraEnded):
            self.has_ended = True
        else:
            self.failures += 1
        problem(failure)

    def omitted(self, sentence: str) -> None:
        """Files that are left out, if any."""
        if sentence:
            say(f"note: {plain(sentence)}", err=True)


class _Text(_Output):
    """Rows for people."""

    def __init__(self, report: Report, quiet: bool) -> None:
        super().__init__()
        self._quiet = quiet
        runtime = f"{report.backend} {report.version}, delegate {report.delegate}"
        self._say(
            f"{plain(report.model)}: {report.decoder} on {runtime}\n"
            f"conf {report.conf.value:g} ({report.conf.source}), iou {report.iou.value:g} ({report.iou.source}), "
            f"at most {report.max_det} rows"
        )
        if report.delegate_reason:
            self._say(f"note: {report.delegate_reason}")

    def _say(self, text: str) -> None:
        if not self._quiet:
            say(text)

    def found(self, picture: Picture, found: Detections) -> None:
        super().found(picture, found)
        height, width = found.shape
        lines = [f"\n{plain(picture.name)}  {width} x {height}  {len(found)} found  {sum(found.speed.values()):.1f} ms"]
        longest = max(map(len, found.label), default=0)
        for row in found:
            sides = " ".join(f"{side:8.1f}" for side in row.box)
            lines.append(f"  {plain(row.label):<{longest}}  {row.score:.3f}  {sides}")
        self._say("\n".join(lines))

    def saved(self, files: Sequence[Path], folder: Path | None) -> None:
        if files:
            where = str(files[0]) if len(files) == 1 else f"{len(files)} files in {folder}"
            self._say(f"\nannotated: {where}")

    def end(self, kind: type[BaseException] | None, value: BaseException | None, trace: Any) -> None:
        total = self.images + self.failures
        if total <= 1:
            return
        self._say(f"\n{self.rows} found in {self.images} images")
        if self.failures:
            say(f"error: {self.failures} of {total} images could not be used; the others are done", err=True)


class _Json(_Output):
    """One document, written as it comes, so that memory stays flat; whole even where it is ended early."""

    def __init__(self, report: Report) -> None:
        import json

        from edgerun.media.writers import JsonList

        super().__init__()
        self._errors: list[dict[str, Any]] = []
        self._saved: list[str] = []
        self._left_out = ""
        self._dumps = json.dumps
        sys.stdout.write(f'{{"report": {json.dumps(report.to_dict(), ensure_ascii=ascii_only())},\n"results": ')
        self._results = JsonList(sys.stdout, ascii=ascii_only())

    def found(self, picture: Picture, found: Detections) -> None:
        super().found(picture, found)
        self._results.add(_entry(picture) | found.to_dict())

    def failed(self, picture: Picture, failure: InputError) -> None:
        super().failed(picture, failure)
        self._errors.append(_entry(picture) | failure.to_dict())

    def omitted(self, sentence: str) -> None:
        super().omitted(sentence)
        self._left_out = sentence

    def saved(self, files: Sequence[Path], folder: Path | None) -> None:
        self._saved = [str(file) for file in files]

    def end(self, kind: type[BaseException] | None, value: BaseException | None, trace: Any) -> None:
        self._results.close()
        rest: dict[str, Any] = {"errors": self._errors, "saved": self._saved}
        if self._left_out:
            rest["note"] = self._left_out
        if isinstance(value, Exception):
            rest["error"] = as_error(value).to_dict()
        say(f",\n{self._dumps(rest, ensure_ascii=ascii_only())[1:]}")


def _entry(picture: Picture) -> dict[str, Any]:
    entry: dict[str, Any] = {"path": str(picture.source.place)}
    if picture.frame is not None:
        entry["frame"] = picture.frame
    return entry


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

    seen: dict[int | str, Source] = {}
    for source in dict.fromkeys(planned):
        number = _image_id(source, None)
        if number in seen:
            raise InputError(
                f"{seen[number].name} and {source.name} would share the COCO image_id {number}.",
                hint="run them one by one",
            )
        seen[number] = source
    if path.is_file() and path.suffix.lower() != ".json":  # an image or a model, most likely
        raise InputError(
            f"{path} is there already and is not a results file.", hint="name another file, such as rows.json"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("w", encoding="utf-8")
    except OSError as cause:
        raise InputError(f"{path} cannot be written: {cause.strerror}.", hint="choose another place") from cause
    with stream:
        rows = JsonList(stream)

        def add(picture: Picture, image: Image, found: Detections) -> None:
            for row in found.to_coco(_image_id(picture.source, picture.frame)):
                rows.add(row)

        try:
            yield add
        finally:
            rows.close()


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
