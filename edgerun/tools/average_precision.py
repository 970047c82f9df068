"""COCO's average precision of what a model found, against labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgerun.errors import EdgerunError
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["ANY_CLASS", "NO_CLASS", "Labelled", "Matched", "average_precision", "coco_evaluation"]

ANY_CLASS = -1
"""Class of a found row that may match any label."""

NO_CLASS = -2
"""Class of a found row that the labels do not have."""

HINT = 'pip install "edgerun[eval]"'


@dataclass(frozen=True, slots=True)
class Labelled:
    """What is in one photo.

    Attributes:
        xyxy: float32 [N, 4], x1 y1 x2 y2 in image pixels.
        classes: int [N].
        crowd: bool [N]; regions of many things, in which what is found is neither right nor wrong.
        area: float [N], square pixels by which objects are small, medium or large; None takes that of their boxes.
    """

    xyxy: FloatArray
    classes: AnyArray
    crowd: AnyArray
    area: AnyArray | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """What was found in one photo, with classes as the labels number them.

    Attributes:
        xyxy: float32 [N, 4], x1 y1 x2 y2 in image pixels.
        scores: float32 [N].
        classes: int [N], also `ANY_CLASS` and `NO_CLASS`.
    """

    xyxy: FloatArray
    scores: FloatArray
    classes: AnyArray


def average_precision(found: Sequence[Matched], truth: Sequence[Labelled]) -> float:
    """COCO's average precision, IoU .5 to .95, 0..1.

    Args:
        found: in each photo; where any class is `ANY_CLASS`, classes do not count at all.
        truth: what is in each photo.

    Raises:
        EdgerunError: faster-coco-eval is not installed.
    """
    evaluation = coco_evaluation(found, truth)
    return 0.0 if evaluation is None else max(0.0, float(evaluation.stats[0]))


def coco_evaluation(found: Sequence[Matched], truth: Sequence[Labelled]) -> Any:
    """The finished evaluation of faster-coco-eval, a `COCOeval_faster`; None where nothing was found that labels know.

    Args and errors as for `average_precision`.
    """
    coco, evaluator = _evaluator()
    tables = _Tables(agnostic=any((rows.classes == ANY_CLASS).any() for rows in found))
    for image, (labelled, rows) in enumerate(zip(truth, found, strict=True), 1):
        tables.add_labels(image, labelled)
        tables.add_results(image, rows)
    results = tables.known_results
    if not results:
        return None
    dataset = coco(tables.dataset(len(truth)))
    evaluation = evaluator(dataset, dataset.loadRes(results), "bbox", print_function=lambda *_: None)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation


def _evaluator() -> tuple[Any, Any]:
    try:
        from faster_coco_eval import COCO
        from faster_coco_eval.core import COCOeval_faster
    except ImportError as cause:
        raise EdgerunError("To rank by labels needs faster-coco-eval.", hint=HINT) from cause
    return COCO, COCOeval_faster


@dataclass
class _Tables:
    """Annotations and results as COCO's tools take them.

    Attributes:
        agnostic: whether all classes are one.
    """

    agnostic: bool
    annotations: list[dict[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)

    @property
    def categories(self) -> list[int]:
        """Those that are in the labels."""
        return sorted({entry["category_id"] for entry in self.annotations})

    @property
    def known_results(self) -> list[dict[str, Any]]:
        """Results of classes that are in the labels."""
        known = self.categories
        return [entry for entry in self.results if entry["category_id"] in known]

    def dataset(self, photos: int) -> Mapping[str, Any]:
        """Of so many photos, numbered from 1."""
        return {
            "images": [{"id": image} for image in range(1, photos + 1)],
            "annotations": self.annotations,
            "categories": [{"id": category, "name": str(category)} for category in self.categories],
        }

    def add_labels(self, image: int, labelled: Labelled) -> None:
        """Add what is in one photo."""
        categories = self._categories(labelled.classes)
        boxes = _xywh(labelled.xyxy)
        areas = [box[2] * box[3] for box in boxes] if labelled.area is None else labelled.area.tolist()
        for box, category, crowd, area in zip(boxes, categories, labelled.crowd.tolist(), areas, strict=True):
            annotation = {
                "id": len(self.annotations) + 1,
                "image_id": image,
                "category_id": category,
                "bbox": box,
                "area": area,
                "iscrowd": int(crowd),
            }
            self.annotations.append(annotation)

    def add_results(self, image: int, rows: Matched) -> None:
        """Add what was found in one photo; what the labels do not have is left out."""
        kept = rows.classes != NO_CLASS
        boxes = _xywh(rows.xyxy[kept])
        categories = self._categories(rows.classes[kept])
        for box, score, category in zip(boxes, rows.scores[kept].tolist(), categories, strict=True):
            self.results.append({"image_id": image, "category_id": category, "bbox": box, "score": score})

    def _categories(self, classes: AnyArray) -> list[int]:
        numbers: list[int] = (np.zeros_like(classes) if self.agnostic else classes).astype(int).tolist()
        return numbers


def _xywh(boxes: FloatArray) -> list[list[float]]:
    """x1 y1 width height, computed in float32."""
    rows: list[list[float]] = np.concatenate((boxes[:, :2], boxes[:, 2:] - boxes[:, :2]), axis=1).tolist()
    return rows
