"""COCO's measures of what a detector found on labelled images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgerun.tools.average_precision import Labelled, Matched, coco_evaluation

__all__ = ["NAMES", "Measures", "measure"]

NAMES = {
    "AP": 0,
    "AP50": 1,
    "AP75": 2,
    "AP_small": 3,
    "AP_medium": 4,
    "AP_large": 5,
    "AR_1": 6,
    "AR_10": 7,
    "AR_100": 8,
}
"""Measure -> its place among COCO's twelve numbers; https://cocodataset.org/#detection-eval."""

AT_50 = 0
"""Place of the IoU .5 among the ten of COCO."""


@dataclass(frozen=True, slots=True)
class Measures:
    """How right a detector is.

    Attributes:
        values: name -> 0..1; None where no object is of that size.
        by_class: class -> average precision of IoU .5 to .95, 0..1.
        recall: float [101], 0..1, where precision was read.
        precision: float [101], at an IoU of .5, mean over the classes.
    """

    values: Mapping[str, float | None]
    by_class: Mapping[int, float] = field(default_factory=dict)
    recall: Sequence[float] = ()
    precision: Sequence[float] = ()


def measure(found: Sequence[Matched], truth: Sequence[Labelled]) -> Measures:
    """COCO's measures, with at most 100 rows of each class in an image.

    Args:
        found: in each image.
        truth: what is in each image.

    Raises:
        EdgerunError: faster-coco-eval is not installed.
    """
    evaluation = coco_evaluation(found, truth)
    if evaluation is None:
        return Measures(dict.fromkeys(NAMES, 0.0))
    values = {name: _known(evaluation.stats[place]) for name, place in NAMES.items()}
    table = _precisions(evaluation)
    per_class = dict(zip(map(int, evaluation.params.catIds), _means(table), strict=True))
    at_50 = _means(table[AT_50].T)
    return Measures(values, per_class, [float(step) for step in evaluation.params.recThrs], at_50)


def _known(value: float) -> float | None:
    return None if value < 0 else float(value)


def _precisions(evaluation: Any) -> Any:
    """Precision [IoU, recall, class] of all sizes and 100 rows; NaN where a class has no object."""
    table = np.asarray(evaluation.eval["precision"], np.float64)[:, :, :, 0, -1]
    return np.where(table < 0, np.nan, table)


def _means(table: Any) -> list[float]:
    """Mean over all but the last axis, of what is known."""
    known = ~np.isnan(table)
    axes = tuple(range(table.ndim - 1))
    sums, counts = np.where(known, table, 0).sum(axis=axes), known.sum(axis=axes)
    return [float(value) for value in sums / np.maximum(counts, 1)]
