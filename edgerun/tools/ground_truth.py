"""What is in photos, by people's labels: a COCO file or a folder of YOLO's, and the average precision against it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgerun.detections import Detections
from edgerun.errors import EdgerunError, InputError
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["GroundTruth", "Labelled", "read"]

FOLDS = 10
"""Parts into which photos are put to see how much the average precision depends on which they are."""

HINT = 'pip install "edgerun[eval]"'


@dataclass(frozen=True, slots=True)
class Labelled:
    """What is in one photo.

    Attributes:
        xyxy: float32 [N, 4], x1 y1 x2 y2 in image pixels.
        classes: int [N].
        crowd: bool [N]; regions of many things, in which what is found is neither right nor wrong.
    """

    xyxy: FloatArray
    classes: AnyArray
    crowd: AnyArray


@dataclass
class GroundTruth:
    """Labels of photos.

    Attributes:
        photos: file -> what is in it; files are those that were asked for.
        names: class -> name; {} where the labels give numbers alone, which then are the model's.
        notes: what there is to know of a comparison.
    """

    photos: Mapping[Path, Labelled]
    names: Mapping[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def folds(self, found: Sequence[Sequence[Detections]], seen: Sequence[Path]) -> AnyArray:
        """Average precision (IoU .5 to .95) of each reading, as parts that have it as their mean.

        A part is the pseudo-value of the jackknife, K times the precision on all photos less K - 1 times that on all
        but the photos of one fold, without its bias. Their spread tells how far the precision depends on the photos.
        Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 11.

        Args:
            found: of each reading, of each photo seen.
            seen: the photos.

        Returns:
            float64 [readings, folds].
        """
        parts = min(FOLDS, len(seen))
        rows = []
        for readings in found:
            matched = [self._matching(rows) for rows in readings]
            whole = _precision(matched, [self.photos[photo] for photo in seen])
            if parts < 2:
                rows.append(np.array([whole]))
                continue
            values = []
            for part in range(parts):
                kept = [place for place in range(len(seen)) if place % parts != part]
                without = _precision([matched[place] for place in kept], [self.photos[seen[place]] for place in kept])
                values.append(parts * whole - (parts - 1) * without)
            rows.append(whole + np.array(values) - np.mean(values))  # their mean is biased otherwise
        return np.array(rows, np.float64)

    def _matching(self, found: Detections) -> tuple[FloatArray, FloatArray, AnyArray]:
        """(boxes, scores, classes as the labels number them)."""
        if not self.names:
            return found.xyxy, found.score, found.class_id
        numbers = {name.lower(): number for number, name in self.names.items()}
        known = [numbers.get(name.lower()) for name in found.names]
        if not any(number is not None for number in known):
            note = "The model and the labels have no class names in common, so boxes are compared whatever their class"
            note += "; name the model's with --labels."
            if note not in self.notes:
                self.notes.append(note)
            return found.xyxy, found.score, np.full(len(found), -1)
        table = [-2 if number is None else number for number in known]
        classes = [table[number] if number < len(table) else -2 for number in found.class_id]
        return found.xyxy, found.score, np.array(classes, int)


def _precision(found: Sequence[tuple[FloatArray, FloatArray, AnyArray]], truth: Sequence[Labelled]) -> float:
    """COCO's average precision; classes of -1 match any.

    Raises:
        EdgerunError: faster-coco-eval is not installed.
    """
    try:
        from faster_coco_eval import COCO
        from faster_coco_eval.core import COCOeval_faster
    except ImportError as cause:
        raise EdgerunError("To rank by labels needs faster-coco-eval.", hint=HINT) from cause
    agnostic = any((classes == -1).any() for _, _, classes in found)
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image, (labelled, (boxes, scores, classes)) in enumerate(zip(truth, found, strict=True), 1):
        sizes = labelled.xyxy[:, 2:] - labelled.xyxy[:, :2]
        annotations += [
            {
                "id": len(annotations) + place,
                "image_id": image,
                "category_id": 0 if agnostic else int(number),
                "bbox": [float(side) for side in (*box[:2], *size)],
                "area": float(size[0] * size[1]),
                "iscrowd": int(crowd),
            }
            for place, (box, size, number, crowd) in enumerate(
                zip(labelled.xyxy, sizes, labelled.classes, labelled.crowd, strict=True), 1
            )
        ]
        results += [
            {
                "image_id": image,
                "category_id": 0 if agnostic else int(number),
                "bbox": [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])],
                "score": float(score),
            }
            for box, score, number in zip(boxes, scores, classes, strict=True)
            if number != -2
        ]
    if not annotations or not results:
        return 0.0
    kinds = sorted({entry["category_id"] for entry in annotations})
    results = [entry for entry in results if entry["category_id"] in kinds]
    if not results:
        return 0.0
    dataset = {
        "images": [{"id": image} for image in range(1, len(truth) + 1)],
        "annotations": annotations,
        "categories": [{"id": kind, "name": str(kind)} for kind in kinds],
    }
    coco = COCO(dataset)
    evaluation = COCOeval_faster(coco, coco.loadRes(results), "bbox", print_function=lambda *_: None)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return max(0.0, float(evaluation.stats[0]))


def read(place: Path, photos: Sequence[Path]) -> GroundTruth:
    """Labels of these photos: a COCO JSON file, or a folder of texts of YOLO's kind.

    Photos of which the labels know nothing are left out.

    Raises:
        InputError: it cannot be read, or none of the photos is in it.
    """
    if not place.exists():
        raise InputError(f"There are no labels at {place}.", hint="name a COCO JSON file, or a folder of YOLO texts")
    truth = _of_folder(place, photos) if place.is_dir() else _of_file(place, photos)
    if not truth.photos:
        example = photos[0].name if photos else "any photo"
        raise InputError(f"The labels in {place} match none of the photos, such as {example}.", hint=_MATCHING)
    return truth


_MATCHING = "COCO's file_name must end in the photo's name; a text of YOLO's has the photo's name and .txt"


def _of_file(place: Path, photos: Sequence[Path]) -> GroundTruth:
    try:
        content = json.loads(place.read_text(encoding="utf-8"))
        images = {Path(str(image["file_name"])).name: image["id"] for image in content["images"]}
        rows: dict[Any, list[Mapping[str, Any]]] = {}
        for entry in content["annotations"]:
            rows.setdefault(entry["image_id"], []).append(entry)
        names = {int(kind["id"]): str(kind["name"]) for kind in content["categories"]}
        known = {photo: _of_coco(rows.get(images[photo.name], [])) for photo in photos if photo.name in images}
    except (ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError) as cause:
        what = f"it lacks {cause}" if isinstance(cause, KeyError) else getattr(cause, "strerror", None) or str(cause)
        if isinstance(cause, UnicodeDecodeError):
            what = "it is no text"
        raise InputError(
            f"{place} cannot be read as COCO's annotations: {what}.",
            hint="it needs images, annotations with bbox, and categories",
        ) from cause
    return GroundTruth(known, names)


def _of_coco(rows: Sequence[Mapping[str, Any]]) -> Labelled:
    boxes = np.array([row["bbox"] for row in rows], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    classes = np.array([int(row["category_id"]) for row in rows], int)
    return Labelled(boxes, classes, np.array([bool(row.get("iscrowd", 0)) for row in rows], bool))


def _of_folder(place: Path, photos: Sequence[Path]) -> GroundTruth:
    """A text for each photo: a line for each thing, class cx cy w h (or the corners of an outline) in 0..1."""
    known = {}
    for photo in photos:
        text = place / f"{photo.stem}.txt"
        if not text.is_file():
            continue
        size = cv2.imread(str(photo))
        if size is None:
            continue  # it will be said where the photo is read
        height, width = size.shape[:2]
        boxes, classes = [], []
        try:
            lines = [line.split() for line in text.read_text(encoding="utf-8").splitlines() if line.strip()]
            for number, *values in lines:
                places = np.array([float(value) for value in values])
                classes.append(int(number))
                boxes.append(_box(places) * [width, height, width, height])
        except (ValueError, OSError) as cause:
            raise InputError(
                f"{text} cannot be read as YOLO's labels: {cause}.", hint="each line is: class cx cy w h, in 0..1"
            ) from cause
        table = np.array(boxes, np.float32).reshape(-1, 4)
        known[photo] = Labelled(table, np.array(classes, int), np.zeros(len(boxes), bool))
    return GroundTruth(known)


def _box(values: AnyArray) -> AnyArray:
    """x1 y1 x2 y2 of cx cy w h, or around the corners x y x y … of an outline."""
    if len(values) == 4:
        return np.concatenate((values[:2] - values[2:] / 2, values[:2] + values[2:] / 2))
    if len(values) < 6 or len(values) % 2:
        raise ValueError(f"a line has {len(values)} numbers after its class")
    corners = values.reshape(-1, 2)
    return np.concatenate((corners.min(axis=0), corners.max(axis=0)))
