"""What `edgerun detect` prints: rows for people, or one JSON document, each written as it comes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgerun.cli.common import ENDED, FAILED, as_error, ascii_only, plain, problem, say
from edgerun.errors import CameraEnded, InputError

if TYPE_CHECKING:
    from edgerun.detections import Detection, Detections
    from edgerun.media.sources import Picture
    from edgerun.report import Report

__all__ = ["Json", "JsonLines", "Output", "Text", "entry"]


class Output:
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
        """An image, and what is in it."""
        self.images += 1
        self.rows += len(found)

    def failed(self, picture: Picture, failure: InputError) -> None:
        """An image that cannot be used, or the end of a camera."""
        if isinstance(failure, CameraEnded):
            self.has_ended = True
        else:
            self.failures += 1
        problem(failure)

    def left_out(self, sentence: str) -> None:
        """Files that are no images, if any."""
        if sentence:
            say(f"note: {plain(sentence)}", err=True)

    def saved(self, files: Sequence[Path], folder: Path | None) -> None:
        """Annotated copies that were written."""

    def end(self, kind: type[BaseException] | None, value: BaseException | None, trace: Any) -> None:
        """The last words, also where an error ends the run; for `ExitStack.push`."""


class Text(Output):
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
        """A heading for the image, and a line for each row."""
        super().found(picture, found)
        height, width = found.shape
        took = sum(found.speed.values())
        longest = max(map(len, found.label), default=0)
        lines = [f"\n{plain(picture.name)}  {width} x {height}  {len(found)} found  {took:.1f} ms"]
        lines += [_line(row, longest) for row in found]
        self._say("\n".join(lines))

    def saved(self, files: Sequence[Path], folder: Path | None) -> None:
        """One file by its name, several by their folder."""
        if files:
            where = str(files[0]) if len(files) == 1 else f"{len(files)} files in {folder}"
            self._say(f"\nannotated: {where}")

    def end(self, kind: type[BaseException] | None, value: BaseException | None, trace: Any) -> None:
        """The sum, where there was more than one image."""
        total = self.images + self.failures
        if total <= 1:
            return
        self._say(f"\n{self.rows} found in {self.images} images")
        if self.failures:
            say(f"error: {self.failures} of {total} images could not be used; the others are done", err=True)


def _line(row: Detection, longest: int) -> str:
    sides = " ".join(f"{side:8.1f}" for side in row.box)
    return f"  {plain(row.label):<{longest}}  {row.score:.3f}  {sides}"


class Json(Output):
    """One document, written as it comes, so that memory stays flat; whole even where it is ended early."""

    def __init__(self, report: Report) -> None:
        from edgerun.media.writers import JsonList

        super().__init__()
        self._rest: dict[str, Any] = {"errors": [], "saved": []}
        sys.stdout.write(f'{{"report": {json.dumps(report.to_dict(), ensure_ascii=ascii_only())},\n"results": ')
        self._results = JsonList(sys.stdout, ascii=ascii_only())

    def found(self, picture: Picture, found: Detections) -> None:
        """An entry of "results"."""
        super().found(picture, found)
        self._results.add(entry(picture) | found.to_dict())

    def failed(self, picture: Picture, failure: InputError) -> None:
        """An entry of "errors"."""
        super().failed(picture, failure)
        self._rest["errors"].append(entry(picture) | failure.to_dict())

    def left_out(self, sentence: str) -> None:
        """The value of "note", which is missing where there is nothing to say."""
        super().left_out(sentence)
        if sentence:
            self._rest["note"] = sentence

    def saved(self, files: Sequence[Path], folder: Path | None) -> None:
        """The value of "saved"."""
        self._rest["saved"] = list(map(str, files))

    def end(self, kind: type[BaseException] | None, value: BaseException | None, trace: Any) -> None:
        """The rest of the document."""
        self._results.close()
        if isinstance(value, Exception):
            self._rest["error"] = as_error(value).to_dict()
        say(f",\n{json.dumps(self._rest, ensure_ascii=ascii_only())[1:]}")


class JsonLines(Output):
    """A line of JSON for each image, so that a reader need not wait for the end."""

    def found(self, picture: Picture, found: Detections) -> None:
        """What is in an image."""
        super().found(picture, found)
        _line_of_json(entry(picture) | found.to_dict())

    def failed(self, picture: Picture, failure: InputError) -> None:
        """Why an image gives nothing."""
        super().failed(picture, failure)
        _line_of_json(entry(picture) | {"error": failure.to_dict()})

    def end(self, kind: type[BaseException] | None, value: BaseException | None, trace: Any) -> None:
        """Why there are no more lines, where an error ended the run."""
        if isinstance(value, Exception):
            _line_of_json({"error": as_error(value).to_dict()})


def _line_of_json(content: dict[str, Any]) -> None:
    say(json.dumps(content, ensure_ascii=ascii_only()))


def entry(picture: Picture) -> dict[str, Any]:
    """Where an image comes from, for JSON."""
    place: dict[str, Any] = {"path": picture.source.path}
    if picture.frame is not None:
        place["frame"] = picture.frame
    return place
