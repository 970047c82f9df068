"""A bar on stderr for work that is counted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from edgerun.cli.common import console, plain

__all__ = ["Advance", "counted"]


class Advance(Protocol):
    """Told how many of how many are done, and what is being done."""

    def __call__(self, done: int, total: int, what: str = "") -> None:
        """Move the bar."""


@contextmanager
def counted() -> Iterator[Advance | None]:
    """The bar, where stderr is a terminal; else None."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console(err=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def advance(done: int, total: int, what: str = "") -> None:
            bar.update(task, completed=done, total=total, description=plain(what))

        yield advance
