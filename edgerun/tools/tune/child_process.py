"""A way of running a model, opened in a process of its own, where a crash or a hang is a finding.

Run as a module, this is what the child process does: open, then answer until it is not asked any more.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from edgerun.runtime import installed
from edgerun.tensors import Arrays
from edgerun.tools.tune.in_process import InProcessRunner
from edgerun.tools.tune.runner import Candidate, Facts
from edgerun.tools.worker import Worker, work

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
        self._worker = Worker(MODULE, patience)
        way = {"candidate": asdict(candidate), "options": dict(options), "images": list(images)}
        try:
            known = self._worker.ask({"model": str(model), **way})
        except BaseException:
            self.close()
            raise
        self.facts = Facts(**{**known, "size": tuple(known["size"])})

    def answers(self, batch: int = 1) -> list[Arrays]:
        """What is found in each image; `batch` images a run."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "answers.npz"
            count = self._worker.ask({"answers": str(path), "batch": batch})
            return _loaded(path, count)

    def measure(self, runs: int, batch: int = 1) -> list[float]:
        """Seconds of the runtime's own call per image, once for each run."""
        return list(map(float, self._worker.ask({"measure": runs, "batch": batch})))

    def close(self) -> None:
        """End the process."""
        self._worker.close()


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
    """Open what the first request names, then answer the others."""

    def opened(request: Mapping[str, Any]) -> tuple[InProcessRunner, Any]:
        runner = _opened(request)
        return runner, asdict(runner.facts)

    work(opened, _answered)


if __name__ == "__main__":
    main()
