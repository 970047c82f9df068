"""A way of running a model, opened in a process of its own, where a crash or a hang is a finding.

Run as a module, this is what the child process does: open, then answer until it is not asked any more.
"""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from edgerun import errors
from edgerun.errors import BackendUnavailable, EdgerunError, InputError
from edgerun.runtime import installed
from edgerun.runtime.isolation import Child, Parent
from edgerun.tensors import Arrays
from edgerun.tools.tune.in_process import InProcessRunner
from edgerun.tools.tune.runner import Candidate, Facts

__all__ = ["SubprocessRunner"]

MODULE = "edgerun.tools.tune.child_process"
"""This file, as the child process runs it."""


class SubprocessRunner:
    """Runs the candidate in a child process, with the installed registry; requests and replies are JSON lines.

    Args:
        model, candidate, options, images: see `InProcessRunner`.
        patience: seconds after which a process that does not answer is taken for stuck.

    Attributes:
        facts: what is known of it.
    """

    def __init__(
        self,
        model: str | Path,
        candidate: Candidate,
        options: Mapping[str, Any],
        images: Sequence[str],
        patience: float = 120.0,
    ) -> None:
        self._patience = patience
        self._child = Child(MODULE)
        way = {"candidate": asdict(candidate), "options": dict(options), "images": list(images)}
        try:
            known = self._ask({"model": str(model), **way})
        except BaseException:
            self.close()
            raise
        self.facts = Facts(**{**known, "size": tuple(known["size"])})

    def _ask(self, request: Mapping[str, Any]) -> Any:
        """The answer to a request.

        Raises:
            EdgerunError: the child's own, or how it ended.
        """
        try:
            self._child.send(request)
        except TypeError as cause:
            raise InputError(
                f"An option cannot be handed to another process: {cause}.", hint="give plain numbers, texts and lists"
            ) from cause
        try:
            reply = self._child.receive(self._patience)
        except TimeoutError as cause:
            raise BackendUnavailable(f"it gave {cause}") from None
        if reply is None:
            raise BackendUnavailable(f"its process {self._child.ending() or 'ended'}")
        if "error" in reply:
            raise _error(reply["error"])
        return reply["answer"]

    def answers(self, batch: int = 1) -> list[Arrays]:
        """What is found in each image; `batch` images a run."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "answers.npz"
            count = self._ask({"answers": str(path), "batch": batch})
            return _loaded(path, count)

    def measure(self, runs: int, batch: int = 1) -> list[float]:
        """Seconds of the runtime's own call per image, once for each run."""
        return list(map(float, self._ask({"measure": runs, "batch": batch})))

    def close(self) -> None:
        """End the process."""
        self._child.close()


def _error(fields: Mapping[str, Any]) -> EdgerunError:
    """An error of the child, raised again here."""
    kind = getattr(errors, fields["type"], EdgerunError)
    error: EdgerunError = kind(fields["message"], hint=fields["hint"])
    return error


def _save(path: str, answers: Sequence[Arrays]) -> None:
    """Columns of all images in one file, by the image's number and the column's name."""
    columns: Arrays = {}
    for number, answer in enumerate(answers):
        columns |= {f"{number}_{name}": column for name, column in answer.items()}
    np.savez(path, allow_pickle=False, **columns)


def _loaded(path: Path, count: int) -> list[Arrays]:
    answers: list[Arrays] = [{} for _ in range(count)]
    with np.load(path, allow_pickle=False) as columns:
        for key in columns.files:
            number, _, name = key.partition("_")
            answers[int(number)][name] = columns[key]
    return answers


# ------------------------------------------------------------------------------------- in the child process


def _opened(request: Mapping[str, Any]) -> InProcessRunner:
    candidate = Candidate(**request["candidate"])
    return InProcessRunner(request["model"], candidate, request["options"], request["images"], installed.registry())


def _answered(runner: InProcessRunner, request: Mapping[str, Any]) -> Any:
    if "measure" in request:
        return runner.measure(request["measure"], request["batch"])
    answers = runner.answers(request["batch"])
    _save(request["answers"], answers)
    return len(answers)


def main() -> None:
    """Open what the first request names, then answer the others; the first error ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the parent decides
    parent = Parent()
    requests = parent.requests()
    try:
        runner = _opened(next(requests))
        parent.send({"answer": asdict(runner.facts)})
        for request in requests:
            parent.send({"answer": _answered(runner, request)})
    except StopIteration:  # the parent has ended before it asked for anything
        return
    except EdgerunError as cause:
        parent.send({"error": cause.to_dict()})


if __name__ == "__main__":
    main()
