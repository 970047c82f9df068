"""A line of the table: what was exported, by what, and how edgerun reads it against the package's own pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgerun import Detector, EdgerunError

Rows = NDArray[np.float64]
"""[N, 6] x1 y1 x2 y2 score class, pixels of the image."""

Image = NDArray[np.uint8]
"""[h, w, 3], blue first."""

SAME_IOU, SAME_SCORE, ENOUGH = 0.9, 0.02, 0.95
MARGIN = 1.03
"""Rows that score less than this times the threshold may be on either side of it."""

COMPARED = 60
"""Rows of the package's own, the best ones."""


@dataclass(frozen=True)
class Line:
    """One model.

    Attributes:
        exporter: a package, with its version.
        model: what was exported.
        verdict: "right", "read", "refused", "wrong" or "not made".
        why: the decoder and the figures, or the sentence of the refusal.
    """

    exporter: str
    model: str
    verdict: str
    why: str

    def __str__(self) -> str:
        return f"{self.verdict:9}{self.exporter:24} {self.model:36} {self.why}"


def named(package: str) -> str:
    """A package with its version."""
    return f"{package} {version(package)}"


def images(size: tuple[int, int]) -> Iterator[Image]:
    """Made-up images of a size (height, width): colours that change smoothly, with rectangles in them."""
    for seed in range(2):
        random = np.random.default_rng(seed)
        image = cv2.resize(random.integers(0, 256, (6, 8, 3), np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC)
        for _ in range(12):
            x, y = random.integers(0, size[1]), random.integers(0, size[0])
            wide, high = random.integers(8, size[1] // 2), random.integers(8, size[0] // 2)
            cv2.rectangle(image, (x, y), (x + wide, y + high), random.integers(0, 256, 3).tolist(), -1)
        yield image


def judged(
    exporter: str, model: str, file: Path, reference: Callable[[Image, float, float], Rows] | None, **said: Any
) -> Line:
    """How edgerun reads a file.

    Args:
        exporter, model: of the line.
        file: what was exported.
        reference: (image, score, IoU of suppression) -> the package's own rows; None where it has none.
        said: arguments of `Detector.load` beside none.
    """
    try:
        with Detector.load(file, **said) as detector:
            if reference is None:
                return Line(exporter, model, "read", f"as {detector.card.decoder}")
            shares = [
                share
                for share in (_agreement(detector, image, reference) for image in images(_size(detector)))
                if share
            ]
            if not shares:
                return Line(
                    exporter, model, "read", f"as {detector.card.decoder}; the scores of random weights are alike"
                )
            verdict = "right" if min(map(min, shares)) >= ENOUGH else "wrong"
            return Line(exporter, model, verdict, f"as {detector.card.decoder}; found there and here: {shares}")
    except EdgerunError as refusal:
        return Line(exporter, model, "refused", str(refusal).replace("\n", " "))


def _size(detector: Detector) -> tuple[int, int]:
    return int(detector.card.height), int(detector.card.width)


def _agreement(
    detector: Detector, image: Image, reference: Callable[[Image, float, float], Rows]
) -> tuple[float, float] | None:
    """What share of each side's rows the other side has; None where no row stands out."""
    best = np.sort(reference(image, 1e-4, detector.iou)[:, 4])[::-1]
    conf = float(best[min(COMPARED, len(best) - 1)]) if len(best) else 0.25
    if len(best) and best[0] <= conf * MARGIN:
        return None
    found = detector(image, conf=conf, max_det=1000)
    here = _with_an_area(np.column_stack([found.xyxy, found.score, found.class_id]).astype(np.float64))
    there = _with_an_area(reference(image, conf, detector.iou))
    return _share(here, there, conf), _share(there, here, conf)


def _with_an_area(rows: Rows) -> Rows:
    return rows[((rows[:, 2:4] - rows[:, :2]) > 1).all(axis=1)]


def _share(of: Rows, among: Rows, conf: float) -> float:
    of = of[of[:, 4] > conf * MARGIN]
    if not len(of):
        return 1.0
    corners = np.minimum(of[:, None, 2:4], among[:, 2:4]) - np.maximum(of[:, None, :2], among[:, :2])
    shared = np.clip(corners, 0, None).prod(axis=2)
    areas = [(rows[:, 2:4] - rows[:, :2]).prod(axis=1) for rows in (of, among)]
    iou = shared / (areas[0][:, None] + areas[1] - shared)
    same = (iou >= SAME_IOU) & (of[:, None, 5] == among[:, 5]) & (np.abs(of[:, None, 4] - among[:, 4]) <= SAME_SCORE)
    return round(float(same.any(axis=1).mean()), 3)
