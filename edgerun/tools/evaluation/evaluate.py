"""Several models on one set of labelled images: their measures, their mistakes, and which is better beyond chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgerun.detections import Detections
from edgerun.detector import Detector
from edgerun.errors import InputError
from edgerun.tensors import AnyArray
from edgerun.tools import ground_truth
from edgerun.tools.evaluation.error_split import Split, split
from edgerun.tools.evaluation.measures import Measures, measure

__all__ = ["CONF", "MAX_DET", "Evaluated", "Evaluation", "evaluate"]

CONF, MAX_DET = 0.001, 100
"""Rows that count: nearly all, since the measure weighs them by their score, and so many an image. COCO's own limit is
100 of each class in an image, so that more rows give a slightly higher precision."""

SURE = 1.96
"""Standard errors of a difference that chance alone does not reach 95 times of 100."""

Progress = Callable[[int, int, str], None]
"""Told how many images are done, how many there are, and the model."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One model.

    Attributes:
        model: as it was given.
        measures: COCO's.
        split: its mistakes by kind.
        spread: standard error of its average precision, by the jackknife over folds of the images; None for one image.
        difference: its average precision less that of the first model, and the standard error of that; None for the
            first model and where there are too few images.
    """

    model: str
    measures: Measures
    split: Split
    spread: float | None = None
    difference: tuple[float, float] | None = None

    @property
    def verdict(self) -> str:
        """How it stands to the first model: better, worse or no clear difference; empty for the first."""
        if self.difference is None:
            return ""
        value, error = self.difference
        if abs(value) <= SURE * error:
            return "no clear difference"
        return "better" if value > 0 else "worse"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All models.

    Attributes:
        models: in the order in which they were given.
        images: how many have labels and were looked at.
        names: class of the labels -> name.
        notes: what there is to know of the comparison.
    """

    models: Sequence[Evaluated]
    images: int
    names: Mapping[int, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        models = [asdict(entry) | {"verdict": entry.verdict} for entry in self.models]
        return {"images": self.images, "names": dict(self.names), "notes": list(self.notes), "models": models}


def evaluate(
    models: Sequence[str], data: Path, photos: Sequence[Path], *, progress: Progress | None = None, **load: Any
) -> Evaluation:
    """Run each model on the labelled images and compare what it finds with the labels.

    Args:
        models: paths, or names of models of ours.
        data: a COCO JSON file, or a folder of texts of YOLO's kind.
        photos: images; those that the labels do not know are left out, and said.
        load: arguments of `Detector.load`, for every model; `conf` and `max_det` are those of the measure unless given.

    Raises:
        InputError: nothing is labelled, or an image cannot be read.
        EdgerunError: faster-coco-eval is not installed, or a model cannot be loaded.
    """
    truth = ground_truth.read(data, photos)
    known = [photo for photo in photos if photo in truth.photos]
    if not any(len(truth.photos[photo].xyxy) for photo in known):
        raise InputError(f"No object is labelled in {data}.", hint="name labels that have boxes")
    found = _found(models, known, progress, load)
    left_out = len(photos) - len(known)
    if left_out:
        truth.notes.append(f"{left_out} of {len(photos)} images are not in the labels and were left out.")
    labels = [truth.photos[photo] for photo in known]
    folds = truth.folds(found, known)
    entries: list[Evaluated] = []
    for model, detections, parts in zip(models, found, folds, strict=True):
        rows = truth.matched(detections)
        difference = None if not entries else _difference(parts - folds[0])
        entries.append(Evaluated(model, measure(rows, labels), split(rows, labels), _error(parts), difference))
    return Evaluation(entries, len(known), truth.names, tuple(truth.notes))


def _found(
    models: Sequence[str], photos: Sequence[Path], progress: Progress | None, load: Mapping[str, Any]
) -> list[list[Detections]]:
    """What each model finds in each image; all are opened before the first one runs."""
    settings = {"conf": CONF, "max_det": MAX_DET} | {name: value for name, value in load.items() if value is not None}
    with ExitStack() as opened:
        detectors = [opened.enter_context(Detector.load(model, **settings)) for model in models]
        return [
            _by_one(detector, photos, model, progress or _silent)
            for model, detector in zip(models, detectors, strict=True)
        ]


def _by_one(detector: Detector, photos: Sequence[Path], model: str, tell: Progress) -> list[Detections]:
    found: list[Detections] = []
    for photo in photos:
        tell(len(found), len(photos), model)
        found.append(detector(photo))
    return found


def _silent(done: int, total: int, what: str) -> None:
    """Tell nobody."""


def _error(parts: AnyArray) -> float | None:
    """Standard error of the mean of the jackknife's pseudo-values."""
    if len(parts) < 2:
        return None
    return float(np.std(parts, ddof=1) / math.sqrt(len(parts)))


def _difference(parts: AnyArray) -> tuple[float, float] | None:
    error = _error(parts)
    return None if error is None else (float(np.mean(parts)), error)
