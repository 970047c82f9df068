"""A Python module in a process of its own, asked and answering in lines of JSON.

A process of its own, because a runtime may crash the process that it is in or never answer, because some runtimes have
one pool of threads for the whole process, and because two runtimes in one process may clash.
"""

from __future__ import annotations

import io
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any

__all__ = ["Child", "Parent", "command"]

MAX_LINE_CHARACTERS = 200
"""Characters of the child's last line on stderr that are told."""


def command(module: str, arguments: Sequence[str]) -> list[str]:
    """The command that runs a module of edgerun in this interpreter; -P keeps the current folder out of its path."""
    return [sys.executable, "-P", "-m", module, *arguments]


class Child:
    """The child process, as its parent sees it. Leaving the `with` block ends it.

    Args:
        module: to be run, such as "edgerun.tools.doctor.examiners"; it talks to its parent through `Parent`.
        arguments: of its command line.
    """

    def __init__(self, module: str, arguments: Sequence[str] = ()) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        self._noise = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        # a module of ours with names of installed plugins, and no shell is asked
        self._process = subprocess.Popen(  # noqa: S603
            command(module, arguments),
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._noise,
        )
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            whole = line.strip()
            if whole.startswith(b"{") and whole.endswith(b"}"):  # a crash may cut off the last one
                self._lines.put(whole)
        self._lines.put(b"")

    def send(self, request: Mapping[str, Any]) -> None:
        """Hand a request to the child; one that has ended already does not get it, which `receive` tells.

        Raises:
            TypeError: JSON has no form for a value of the request.
        """
        line = json.dumps(request).encode() + b"\n"
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def receive(self, patience: float) -> Any:
        """The next answer, an object of JSON; None where the child has ended and gives no more.

        Args:
            patience: seconds to wait for it.

        Raises:
            TimeoutError: it did not come.
        """
        try:
            line = self._lines.get(timeout=max(patience, 0.0))
        except queue.Empty:
            raise TimeoutError(f"no answer within {patience:g} seconds") from None
        return json.loads(line) if line else None

    def ending(self, patience: float | None = None) -> str:
        """How the child ended: "was killed by SIGABRT", "ended with code 1: …"; "" for well.

        Args:
            patience: seconds to wait for its end; None for as long as it takes.

        Raises:
            TimeoutError: it has not ended.
        """
        try:
            code = self._process.wait(patience if patience is None else max(patience, 0.0))
        except subprocess.TimeoutExpired as late:
            raise TimeoutError(str(late)) from None
        if code < 0:
            return f"was killed by {_signal_name(-code)}"
        if code == 0:
            return ""
        last = self._last_line()
        return f"ended with code {code}: {last}" if last else f"ended with code {code}"

    def _last_line(self) -> str:
        """The last thing that the child printed on stderr, such as the message of an exception."""
        self._noise.seek(0)
        lines = self._noise.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:MAX_LINE_CHARACTERS] if lines else ""

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
        self._process.wait()
        self._noise.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Parent:
    """The process that asks, as its child sees it; to be made before anything prints.

    What else is printed in this process goes to stderr: a runtime that prints must not end up between the answers.
    """

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def requests(self) -> Iterator[Any]:
        """What is asked, until the parent ends."""
        for line in io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8"):
            yield json.loads(line)

    def send(self, answer: Mapping[str, Any]) -> None:
        """Answer, at once."""
        self._out.write(json.dumps(answer) + "\n")
        self._out.flush()
