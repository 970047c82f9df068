"""A way of running a model, opened in this process."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgerun.contract import Graph, ReadsGraphs, SaysInexact
from edgerun.detector import Detector
from edgerun.errors import ModelUnreadable
from edgerun.media.images import Image, read
from edgerun.media.synthetic import picture
from edgerun.runtime.registry import Registry
from edgerun.tensors import AnyArray, Arrays
from edgerun.tools import agreement
from edgerun.tools.tune.runner import Candidate, Facts

__all__ = ["InProcessRunner"]

EIGHT_BITS = ("int8", "uint8")


class InProcessRunner:
    """Runs the candidate in this process.

    Args:
        model, options: of `Detector.load`.
        candidate: the way.
        images: paths; () for synthetic ones.
        registry: plugins to use; None for all that are installed.

    Attributes:
        facts: what is known of it.
    """

    def __init__(
        self,
        model: str | Path,
        candidate: Candidate,
        options: Mapping[str, Any],
        images: Sequence[str],
        registry: Registry | None = None,
    ) -> None:
        started = time.perf_counter()
        self._detector = Detector.load(model, registry=registry, **{**options, **asdict(candidate)})
        card, session = self._detector.card, self._detector.session
        self.facts = Facts(
            seconds=time.perf_counter() - started,
            quantised=_is_quantised(self._detector),
            batch=self._detector.batch,
            size=(card.height, card.width),
            inexact=isinstance(session, SaysInexact) and bool(session.inexact),
        )
        self._images = _read(images) if images else _synthetic(card.height, card.width)

    def _batch(self, batch: int) -> list[Image]:
        return [self._images[number % len(self._images)] for number in range(batch)]

    def answers(self, batch: int = 1) -> list[Arrays]:
        """What is found in each image; `batch` images a run, of which the last one's place counts."""
        answers = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # boxes that are not numbers are missed, which is verdict enough
            for image in self._images:
                batched = [*self._batch(batch - 1), image]
                last = self._detector(batched, conf=0.0, nms="none", max_det=agreement.MAX_ROWS)[-1]
                answers.append(agreement.comparable(last))
        return answers

    def measure(self, runs: int, batch: int = 1) -> list[float]:
        """Seconds of the runtime's own call per image, once for each run."""
        images = self._batch(batch)
        # at a threshold of 1 there is nothing to suppress, which is not part of what is measured
        return [self._detector(images, conf=1.0)[0].speed["inference"] / 1000 for _ in range(runs)]

    def close(self) -> None:
        """Give everything back."""
        self._detector.close()


def _read(paths: Sequence[str]) -> list[Image]:
    return [read(Path(path)) for path in paths]


def _synthetic(height: int, width: int) -> list[Image]:
    """A made-up image, upright, upside down and mirrored; without noise, as models of eight bits are unsteady on it."""
    blurred = cv2.GaussianBlur(picture("textured", height, width), (0, 0), max(height, width) / 100)
    image: AnyArray = np.asarray(blurred)
    return [image, image[::-1], image[:, ::-1]]


def _is_quantised(detector: Detector) -> bool:
    """Whether a model holds numbers of eight bits besides its inputs."""
    if any(spec.quantization is not None for spec in detector.session.outputs):
        return True
    backend = detector.opened.backend
    if not isinstance(backend, ReadsGraphs):
        return False
    try:
        graph = backend.graph(detector.path)
    except ModelUnreadable:  # what only its own runtime reads, such as .ort: no more tolerance than plain models get
        return False
    return _has_eight_bit_values(graph)


def _has_eight_bit_values(graph: Graph) -> bool:
    computed = [spec.dtype for name, spec in graph.values.items() if name not in graph.inputs]
    constants = [str(array.dtype) for array in graph.constants.values()]
    return not {*computed, *constants}.isdisjoint(EIGHT_BITS)
