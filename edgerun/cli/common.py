"""What every command shares: how it prints, how it ends, how it fails."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from edgerun.cli.chatter import Chatter, kept
from edgerun.errors import EdgerunError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "ENDED",
    "FAILED",
    "NO",
    "AsJson",
    "Debug",
    "Way",
    "as_error",
    "ascii_only",
    "console",
    "door",
    "facts",
    "plain",
    "print_json",
    "print_table",
    "problem",
    "say",
    "spoken",
]

NO = 1
"""Exit code where the command's answer is no."""
FAILED = 3
"""Exit code of an EdgerunError."""
ENDED = 4
"""Exit code where a camera or a stream has ended, and nothing else went wrong."""
INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells count."""
PIPE_CLOSED = 141
"""Exit code where nobody reads on: 128 + SIGPIPE, as shells count."""

WIDE = 10_000
"""Columns where no terminal limits them, so that lines in a pipe are never folded."""

AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON document instead of text.")]
Debug = Annotated[
    bool, typer.Option("--debug", metavar="", help="Show the traceback of an error, and what runtimes print.")
]

ARGUMENTS = (
    "backend|box_units|color|conf|crop|decoder|delegate|fill|imgsz|inputs|iou|keypoint_dims|keypoints|labels|longer_side|"
    "max_det|mean|nms|outputs|overlap|padded|resize|scale|shorter_side|side_multiple|side_rounding|std|suppressed|task|"
    "threads"
)
"""Arguments of `Detector.load` that are options of the same name here."""


def plain(text: str) -> str:
    """Text of a file, without the control characters by which it could move a terminal's cursor."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "?", text)


def say(text: str = "", *, err: bool = False) -> None:
    """One line (or several) to stdout or stderr; whoever reads the other end of a pipe sees it at once."""
    stream = sys.stderr if err else sys.stdout
    stream.write(text + "\n")
    stream.flush()


def spoken(hint: str) -> str:
    """A hint of the library in the words of the command line: decoder="yolov8" is --decoder yolov8."""

    def option(found: re.Match[str]) -> str:
        numbers = (found.group("numbers") or "").replace(" ", "")
        value = "WxH" if found.group("pair") else found.group("text") or found.group("bare") or numbers
        if found.group("name") == "imgsz" and numbers:  # the library says height first, the command line width
            value = "x".join(reversed(numbers.split(",")))
        return f"--{found.group('name').replace('_', '-')} {value}".strip()

    values = r"\"(?P<text>[^\"]*)\"|\((?P<pair>height, width)\)|\((?P<numbers>[-\d., ]+)\)|(?P<bare>[\w.]*)"
    told = re.sub(rf"\b(?P<name>{ARGUMENTS})=(?:{values})(?![{{\w])", option, hint).replace(", --", " --")
    return told.replace("--suppressed True", "--suppressed").replace("--suppressed False", "--not-suppressed")


def problem(error: EdgerunError) -> None:
    """An error on stderr: its sentence, and the next step below."""
    say(f"error: {plain(error.message)}", err=True)
    if error.hint:
        say(f"  hint: {plain(spoken(error.hint))}", err=True)


@dataclass
class Way:
    """How an error is told.

    Attributes:
        as_json: whether it is also a document on stdout; a command that has begun its own sets this to False.
        debug: whether its traceback is shown.
        chatter: what native code has printed on stderr.
    """

    as_json: bool = False
    debug: bool = False
    chatter: Chatter = field(default_factory=lambda: Chatter(None))


@contextmanager
def door(*, as_json: bool = False, debug: bool = False, indent: int | None = 2) -> Iterator[Way]:
    """Every command runs inside: here each way of ending gets its exit code and its sentence.

    An EdgerunError becomes 3 and, with `as_json`, a document {"error": {"type", "message", "hint"}} on stdout;
    Ctrl-C becomes 130; a reader who left becomes 141. Warnings of edgerun are one line each on stderr; what native code
    prints there is kept, and shown where the run fails.
    """
    if not debug:  # what OpenCV and FFmpeg print is said again in a sentence of ours
        os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    with kept(aside=not debug) as chatter, warnings.catch_warnings(), _alone() if as_json else nullcontext():
        warnings.simplefilter("default")
        for silent in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning, FutureWarning):
            warnings.filterwarnings("ignore", category=silent)
        warnings.showwarning = _show_warning
        way = Way(as_json, debug, chatter)
        try:
            yield way
            sys.stdout.flush()
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            _let_go_of_stdout()
            raise typer.Exit(PIPE_CLOSED) from None
        except Exception as cause:
            if _interrupted(cause):
                raise typer.Exit(INTERRUPTED) from None
            if debug:
                sys.stderr.write(traceback.format_exc())
            error = as_error(cause)
            problem(error)
            _quote(chatter)
            if way.as_json:
                print_json({"error": error.to_dict()}, indent=indent)
            raise typer.Exit(FAILED) from None


def _quote(chatter: Chatter) -> None:
    """What native code said before it failed, for it may tell more than its error."""
    if chatter.lines:
        say("  what was printed meanwhile (--debug shows all, as it comes):", err=True)
    for line in chatter.lines:
        say(f"  | {plain(line)}", err=True)


def _interrupted(cause: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: compiled modules turn one during their import into an ImportError."""
    seen: set[int] = set()  # an error may be raised from itself
    while cause is not None and not isinstance(cause, KeyboardInterrupt) and id(cause) not in seen:
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return isinstance(cause, KeyboardInterrupt)


def as_error(cause: Exception) -> EdgerunError:
    """An error of ours as it is; what is left is a flaw of edgerun or of a plugin, and is said so."""
    if isinstance(cause, EdgerunError):
        return cause
    line = (str(cause).strip().splitlines() or [""])[0]
    return EdgerunError(
        f"edgerun itself failed: {type(cause).__name__}: {line}".rstrip(": "),
        hint="see where with --debug, and report it",
    )


@contextmanager
def _alone() -> Iterator[None]:
    """Keep stdout for our document: what native code prints there goes to stderr meanwhile."""
    try:
        number, other = sys.stdout.fileno(), sys.stderr.fileno()
    except (OSError, ValueError):  # stdout is no file here, so native code cannot reach it
        yield
        return
    sys.stdout.flush()
    outer, kept = sys.stdout, os.dup(number)
    os.dup2(other, number)
    sys.stdout = os.fdopen(kept, "w", encoding=outer.encoding, errors=outer.errors)
    try:
        yield
    finally:
        inner, sys.stdout = sys.stdout, outer
        os.dup2(kept, number)
        with suppress(BrokenPipeError):
            inner.close()


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    say(f"warning: {plain(str(message))}", err=True)


def _let_go_of_stdout() -> None:
    """Python would complain once more when it flushes stdout at its end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return  # stdout is no file here, so nothing is flushed


def ascii_only() -> bool:
    """Whether stdout takes less than Unicode, so that JSON is escaped."""
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") not in ("utf8", "utf16", "utf32")


def print_json(content: Any, *, indent: int | None = 2) -> None:
    """One document on stdout; on one line where `indent` is None."""
    say(json.dumps(content, indent=indent, ensure_ascii=ascii_only()))


def console(*, err: bool = False) -> Console:
    """Where rich prints: as wide as the terminal, without limit in a pipe; COLUMNS and NO_COLOR are honoured."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    free = not stream.isatty() and not os.environ.get("COLUMNS", "").isdecimal()
    return Console(stderr=err, width=WIDE if free else None, highlight=False, markup=False, emoji=False)


def print_table(rows: Iterable[Sequence[str]], headings: Sequence[str] = (), *, indent: int = 0) -> None:
    """Columns of text, folded where they do not fit into the terminal."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=bool(headings), pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    rows = [[plain(cell) for cell in row] for row in rows]
    for column in range(max([len(headings), *map(len, rows)])):
        longest = max((len(row[column]) for row in rows if column < len(row)), default=0)
        table.add_column(headings[column] if headings else "", overflow="fold", min_width=min(longest, 12))
    for row in rows:
        table.add_row(*map(Text, row))
    screen = console()
    with screen.capture() as capture:
        screen.print(Padding(table, (0, 0, 0, indent)))
    say("\n".join(line.rstrip() for line in capture.get().splitlines()))


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """A name and what is to say of it, a line each; those of which nothing is to say are left out."""
    print_table([pair for pair in pairs if pair[1]])
