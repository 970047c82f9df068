"""One way of running a model, opened to be measured: in this process, or in one of its own.

A process of its own, because a delegate may bring its process down or never answer, because some runtimes have one pool
of threads for the whole process, and because an idle runtime must not disturb the one that is measured.
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
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from edgerun import errors
from edgerun.contract import ReadsGraphs
from edgerun.detector import Detector
from edgerun.errors import BackendUnavailable, EdgerunError, InputError, ModelUnreadable
from edgerun.media.images import read
from edgerun.media.synthetic import picture
from edgerun.runtime import installed
from edgerun.runtime.registry import Registry
from edgerun.tensors import AnyArray, Arrays
from edgerun.tools import agreement

__all__ = ["Apart", "Candidate", "Facts", "Here", "Lane"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way of running a model.

    Attributes:
        backend: its name.
        delegate: as `delegate=` takes it.
        threads: that the runtime is given.
    """

    backend: str
    delegate: str
    threads: int

    def __str__(self) -> str:
        return f"{self.delegate} with {self.threads} thread{'s' * (self.threads != 1)}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a way of running a model once it is opened.

    Attributes:
        seconds: that opening it took, the import of its runtime included.
        quantised: whether the model computes in eight bits, as far as its file tells.
        batch: pictures that one run takes at most.
        size: height and width of the model's input.
    """

    seconds: float
    quantised: bool
    batch: int
    size: tuple[int, int]


class Lane(Protocol):
    """A way of running a model, opened."""

    facts: Facts

    def answers(self, batch: int = 1) -> list[Arrays]:
        """What is found in each picture, as `parity.rows` gives it; so many pictures a run."""

    def measure(self, runs: int, batch: int = 1) -> list[float]:
        """Seconds of the runtime's own call for a picture, once for each run."""

    def close(self) -> None:
        """Give everything back."""


class Here:
    """In this process.

    Args:
        model, options: of `Detector.load`.
        candidate: the way.
        pictures: paths; () for made-up ones.
        registry: who is in the house; None for everybody who is installed.
    """

    def __init__(
        self,
        model: str | Path,
        candidate: Candidate,
        options: Mapping[str, Any],
        pictures: Sequence[str],
        registry: Registry | None = None,
    ) -> None:
        started = time.perf_counter()
        way: dict[str, Any] = {
            "backend": candidate.backend, "delegate": candidate.delegate, "threads": candidate.threads,
        }  # fmt: skip
        self._detector = Detector.load(model, registry=registry, **{**options, **way})
        card = self._detector.card
        self.facts = Facts(
            seconds=time.perf_counter() - started,
            quantised=_quantised(self._detector),
            batch=self._detector.batch,
            size=(card.height, card.width),
        )
        if pictures:
            self._pictures = [read(Path(path)) for path in pictures]
        else:
            soft = _soft(card.height, card.width)
            self._pictures = [soft, soft[::-1], soft[:, ::-1]]

    def _batch(self, batch: int) -> list[AnyArray]:
        return [self._pictures[number % len(self._pictures)] for number in range(batch)]

    def answers(self, batch: int = 1) -> list[Arrays]:
        """What is found in each picture; so many pictures a run, of which the last one's place counts."""
        found = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # boxes that are no numbers are missed, which is verdict enough
            for shown in self._pictures:
                batched = [*self._batch(batch - 1), shown]
                last = self._detector(batched, conf=0.0, nms="none", max_det=agreement.LIMIT)[-1]
                found.append(agreement.rows(last))
        return found

    def measure(self, runs: int, batch: int = 1) -> list[float]:
        """Seconds of the runtime's own call for a picture, once for each run."""
        shown = self._batch(batch)
        # at a threshold of 1 there is nothing to suppress, which is no part of what is measured
        return [self._detector(shown, conf=1.0)[0].speed["inference"] / 1000 for _ in range(runs)]

    def close(self) -> None:
        """Give everything back."""
        self._detector.close()


def _soft(height: int, width: int) -> AnyArray:
    """A made-up picture without noise, on which models of eight bits are steadier, as on photos."""
    return np.asarray(cv2.GaussianBlur(picture("textured", height, width), (0, 0), max(height, width) / 100))


def _quantised(detector: Detector) -> bool:
    """Whether a model holds numbers of eight bits besides its inputs."""
    if any(spec.quantization is not None for spec in detector.session.outputs):
        return True
    backend = detector.opened.backend
    if not isinstance(backend, ReadsGraphs):
        return False
    try:
        graph = backend.graph(detector.path)
    except ModelUnreadable:  # what no runtime but its own reads, such as .ort: no more room than plain models get
        return False
    return any(
        spec.dtype in ("int8", "uint8") and name not in graph.inputs for name, spec in graph.values.items()
    ) or any(array.dtype.itemsize == 1 and array.dtype.kind in "iu" for array in graph.constants.values())


class Apart:
    """In a process of its own, which needs the installed registry. It is asked and answers in lines of JSON.

    Args:
        model, candidate, options, pictures: see `Here`.
        patience: seconds after which a process that does not answer is taken for stuck.
    """

    def __init__(
        self,
        model: str | Path,
        candidate: Candidate,
        options: Mapping[str, Any],
        pictures: Sequence[str],
        patience: float = 120.0,
    ) -> None:
        self._patience = patience
        self._noise = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        command = [sys.executable, "-P", "-m", "edgerun.tools.tune.in_process"]
        self._process = subprocess.Popen(  # noqa: S603 - our own module; what is asked goes through its stdin
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._noise
        )
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            way = {"candidate": asdict(candidate), "options": dict(options), "pictures": list(pictures)}
            known = self._asked({"model": str(model), **way})
            self.facts = Facts(**{**known, "size": tuple(known["size"])})
        except BaseException:
            self.close()
            raise

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def _asked(self, request: Mapping[str, Any]) -> Any:
        """The answer to a request.

        Raises:
            EdgerunError: the child's own, or how it ended.
        """
        try:
            text = json.dumps(request)
        except TypeError as cause:
            raise InputError(
                f"An option cannot be handed to another process: {cause}.", hint="give plain numbers, texts and lists"
            ) from cause
        assert self._process.stdin is not None
        with suppress(OSError):  # where it has ended already, its ending is told below
            self._process.stdin.write(text.encode() + b"\n")
            self._process.stdin.flush()
        try:
            line = self._lines.get(timeout=self._patience)
        except queue.Empty:
            raise BackendUnavailable(f"it gave no answer within {self._patience:.0f} seconds") from None
        if not line:
            raise BackendUnavailable(f"its process {self._ending()}")
        answer = json.loads(line)
        if "error" in answer:
            told = answer["error"]
            raise getattr(errors, told["type"], EdgerunError)(told["message"], hint=told["hint"])
        return answer["answer"]

    def _ending(self) -> str:
        code = self._process.wait()
        if code < 0:
            with suppress(ValueError):
                return f"was killed by {signal.Signals(-code).name}"
            return f"was killed by signal {-code}"
        self._noise.seek(0)
        last = self._noise.read().decode("utf-8", "replace").strip().splitlines()
        return f"ended with code {code}" + (f": {last[-1][:200]}" if last else "")

    def answers(self, batch: int = 1) -> list[Arrays]:
        """What is found in each picture; so many pictures a run."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "answers.npz"
            count = self._asked({"answers": str(path), "batch": batch})
            found: list[Arrays] = [{} for _ in range(count)]
            with np.load(path, allow_pickle=False) as columns:
                for name in columns.files:
                    number, _, column = name.partition("_")
                    found[int(number)][column] = columns[name]
            return found

    def measure(self, runs: int, batch: int = 1) -> list[float]:
        """Seconds of the runtime's own call for a picture, once for each run."""
        return list(map(float, self._asked({"measure": runs, "batch": batch})))

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
        self._process.wait()
        self._noise.close()


def _answered(lane: Here, request: Mapping[str, Any]) -> Any:
    if "measure" in request:
        return lane.measure(request["measure"], request["batch"])
    found = lane.answers(request["batch"])
    columns = {f"{number}_{name}": column for number, rows in enumerate(found) for name, column in rows.items()}
    np.savez(request["answers"], allow_pickle=False, **columns)
    return len(found)


def _main() -> None:
    """What the child process does: open, then answer line by line until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the parent decides
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a runtime that prints must not end up between our lines
    lane: Here | None = None
    for line in io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8"):
        request = json.loads(line)
        try:
            if lane is None:
                way = Candidate(**request["candidate"])
                lane = Here(request["model"], way, request["options"], request["pictures"], installed.registry())
                answer = asdict(lane.facts)
            else:
                answer = _answered(lane, request)
            told = {"answer": answer}
        except EdgerunError as cause:
            told = {"error": cause.to_dict()}
        out.write(json.dumps(told) + "\n")
        out.flush()
        if "error" in told:
            return


if __name__ == "__main__":
    _main()
