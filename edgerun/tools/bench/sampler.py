"""A model, opened in a process of its own, that takes the time of one frame whenever it is asked.

Run as a module, this is what the child process does.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edgerun.tools.worker import Worker, work

__all__ = ["PARTS", "Facts", "Memory", "ProcessSampler", "Sampler"]

MODULE = "edgerun.tools.bench.sampler"
"""This file, as the child process runs it."""

PARTS = ("frame", "preprocess", "inference", "postprocess")
"""What is timed: a whole frame, from the decoded image to the boxes, and its parts."""

STATUS = Path("/proc/self/status")

PATIENCE = 600.0
"""Seconds after which a process that does not answer is taken for stuck."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a model once it is open.

    Attributes:
        opening: seconds until it was open, the import of its runtime included.
        first_frame: seconds of the first frame.
        file_bytes: size of its file or folder.
        backend, delegate, threads: on what it runs.
    """

    opening: float
    first_frame: float
    file_bytes: int
    backend: str
    delegate: str
    threads: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident bytes of a process; None where the system does not tell.

    Attributes:
        now: at this moment.
        peak: the most since it began, Python, edgerun and the runtime included.
    """

    now: int | None
    peak: int | None


class Sampler(Protocol):
    """A model that is open."""

    facts: Facts

    def sample(self, number: int) -> Mapping[str, float]:
        """Seconds of each part of one frame; the image is the one of this number, counted round."""

    def memory(self) -> Memory:
        """What its process takes."""

    def close(self) -> None:
        """Give everything back."""


class ProcessSampler:
    """A model in a process of its own, with the installed registry.

    Args:
        model, options: of `Detector.load`.
        images: paths; () for a made-up image of 1280 x 720 pixels.

    Attributes:
        facts: what is known of it.
    """

    def __init__(self, model: str, options: Mapping[str, Any], images: Sequence[str] = ()) -> None:
        self._worker = Worker(MODULE, PATIENCE)
        request = {"model": model, "options": dict(options), "images": list(images)}
        try:
            self.facts = Facts(**self._worker.ask(request))
        except BaseException:
            self.close()
            raise

    def sample(self, number: int) -> Mapping[str, float]:
        """Seconds of each part of one frame; the image is the one of this number, counted round."""
        seconds: Mapping[str, float] = self._worker.ask({"sample": number})
        return seconds

    def memory(self) -> Memory:
        """What its process takes."""
        return Memory(**self._worker.ask({"memory": True}))

    def close(self) -> None:
        """End the process."""
        self._worker.close()


# ------------------------------------------------------------------------------------- in the child process


class _Opened:
    """The detector and its images."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        from edgerun.media.images import read
        from edgerun.media.synthetic import picture

        # read before the clock starts, so that numpy and OpenCV are not part of what opening a model takes
        self.images = [read(Path(path)) for path in request["images"]] or [picture("textured", 720, 1280)]
        started = time.perf_counter()
        from edgerun.detector import Detector

        self.detector = Detector.load(request["model"], **request["options"])
        self.opening = time.perf_counter() - started
        self.first_frame = self.sample(0)["frame"]

    def sample(self, number: int) -> dict[str, float]:
        image = self.images[number % len(self.images)]
        started = time.perf_counter()
        found = self.detector(image)
        parts = {"frame": time.perf_counter() - started}
        return parts | {part: milliseconds / 1000 for part, milliseconds in found.speed.items()}

    def facts(self) -> dict[str, Any]:
        from edgerun.tools.inspection import size_in_bytes

        opened = self.detector.opened
        return {
            "opening": self.opening,
            "first_frame": self.first_frame,
            "file_bytes": size_in_bytes(opened.path),
            "backend": opened.backend.name,
            "delegate": opened.session.delegate,
            "threads": opened.threads,
        }


def memory_of_this_process() -> dict[str, int | None]:
    """The fields of `Memory`, in bytes.

    Linux: VmRSS and VmHWM of proc_pid_status(5); getrusage(2) would keep the peak of the process that started this one.
    macOS: the peak by getrusage(2), in bytes there. Elsewhere nothing is told.
    """
    if STATUS.exists():
        lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines() if ":" in line)
        return {"now": _bytes(lines.get("VmRSS")), "peak": _bytes(lines.get("VmHWM"))}
    if sys.platform == "darwin":
        import resource

        return {"now": None, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}
    return {"now": None, "peak": None}


def _bytes(text: str | None) -> int | None:
    """Of "1234 kB"; these kB are of 1024 bytes."""
    return None if text is None else int(text.split()[0]) * 1024


def _open(request: Mapping[str, Any]) -> tuple[_Opened, Any]:
    opened = _Opened(request)
    return opened, opened.facts()


def _answer(opened: _Opened, request: Mapping[str, Any]) -> Any:
    return memory_of_this_process() if "memory" in request else opened.sample(request["sample"])


if __name__ == "__main__":
    work(_open, _answer)
