"""What runtimes and codecs print on stderr from native code: kept aside, and shown where the run fails."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Chatter", "kept"]

NATIVE_STDERR = 2
"""Where native code writes, of whatever thread."""

MOST_BYTES = 1 << 20
"""Of the latest; a camera's run may last for weeks."""
MOST_LINES = 20
"""Of the latest that are shown."""


class Chatter:
    """What was printed so far, in a file without a name, so that no thread has to read it while others write."""

    def __init__(self, file: int | None) -> None:
        """Take the file's number; None where nothing is kept aside."""
        self._file = file

    def trim(self) -> None:
        """Forget what was printed where it has become too much."""
        if self._file is not None and os.fstat(self._file).st_size > MOST_BYTES:
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)  # all writers share this place

    @property
    def lines(self) -> list[str]:
        """The latest lines."""
        if self._file is None:
            return []
        size = os.fstat(self._file).st_size
        start = max(0, size - MOST_BYTES)
        text = os.pread(self._file, size - start, start).decode("utf-8", "replace")
        return text.splitlines()[-MOST_LINES:]


@contextmanager
def kept(*, aside: bool) -> Iterator[Chatter]:
    """Keep aside what native code prints on stderr; `sys.stderr` leads to the terminal as before.

    Args:
        aside: whether; otherwise everything is printed at once.
    """
    number = _own_stderr() if aside else None
    if number is None:
        yield Chatter(None)
        return
    sys.stderr.flush()
    outer, terminal = sys.stderr, os.dup(number)
    with tempfile.TemporaryFile(buffering=0) as file:
        sys.stderr = os.fdopen(terminal, "w", encoding=outer.encoding, errors=outer.errors, buffering=1)
        os.dup2(file.fileno(), number)
        try:
            yield Chatter(file.fileno())
        finally:
            inner, sys.stderr = sys.stderr, outer
            inner.flush()
            os.dup2(inner.fileno(), number)
            inner.close()


def _own_stderr() -> int | None:
    """The number of the process's stderr; None where Python's leads elsewhere, as in tests and notebooks."""
    try:
        return NATIVE_STDERR if sys.stderr.fileno() == NATIVE_STDERR else None
    except (OSError, ValueError):
        return None
