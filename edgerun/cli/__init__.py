"""The command line: one page per command, nothing heavy imported before a command runs."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from edgerun import __version__
from edgerun.cli import bench, card, convert, detect, doctor, eval, inspect, ops, plugins, tune  # noqa: A004
from edgerun.cli.common import INTERRUPTED

__all__ = ["app", "main"]

EXITS = (
    "Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 an error, which is said in a sentence, "
    "4 a camera or a stream has ended."
)

app = typer.Typer(
    name="edgerun",
    help="Runs any exported object detector on any edge runtime.",
    epilog=EXITS,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for page in (detect, inspect, card, eval, bench, tune, convert, ops, doctor, plugins):
    app.command(name=page.__name__.rpartition(".")[2])(page.command)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"edgerun {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", metavar="", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """The entry point `edgerun`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a label or a file name must not end a run
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
