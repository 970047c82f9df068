"""What is in photos, by people's labels: a COCO file or a folder of YOLO's, and how well what was found agrees."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from edgerun.detections import Detections
from edgerun.errors import InputError
from edgerun.tensors import AnyArray
from edgerun.tools.average_precision import ANY_CLASS, NO_CLASS, Labelled, Matched, average_precision

__all__ = ["GroundTruth", "Labelled", "read"]

Photo = TypeVar("Photo", Matched, Labelled)

FOLDS = 10
"""Parts into which photos are put to see how much the average precision depends on which they are."""

NO_NAME_IN_COMMON = (
    "The model and the labels have no class names in common, so boxes are compared whatever their class; "
    "name the model's with --labels."
)


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

    def folds(self, found: Sequence[Sequence[Detections]], photos: Sequence[Path]) -> AnyArray:
        """Average precision (IoU .5 to .95) of each hypothesis, as parts that have it as their mean.

        A part is the pseudo-value of the jackknife, K times the precision on all photos less K - 1 times that on all
        but the photos of one fold, without its bias. Their spread tells how far the precision depends on the photos.
        Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 11.

        Args:
            found: of each hypothesis, of each photo.
            photos: those that were tried.

        Returns:
            float64 [hypotheses, folds].

        Raises:
            EdgerunError: faster-coco-eval is not installed.
        """
        truth = [self.photos[photo] for photo in photos]
        rows = [_pseudo_values([self._matched(rows) for rows in by_photo], truth) for by_photo in found]
        return np.array(rows, np.float64)

    def _matched(self, found: Detections) -> Matched:
        """What was found in a photo, with classes as the labels number them."""
        if not self.names:
            return Matched(found.xyxy, found.score, found.class_id)
        numbers = {name.lower(): number for number, name in self.names.items()}
        table = np.array([numbers.get(name.lower(), NO_CLASS) for name in found.names], int)
        if (table == NO_CLASS).all():
            if NO_NAME_IN_COMMON not in self.notes:
                self.notes.append(NO_NAME_IN_COMMON)
            return Matched(found.xyxy, found.score, np.full(len(found), ANY_CLASS))
        named = found.class_id < len(table)
        classes = np.full(len(found), NO_CLASS)
        classes[named] = table[found.class_id[named]]
        return Matched(found.xyxy, found.score, classes)


def _pseudo_values(found: Sequence[Matched], truth: Sequence[Labelled]) -> AnyArray:
    """See `GroundTruth.folds`."""
    whole = average_precision(found, truth)
    parts = min(FOLDS, len(truth))
    if parts < 2:
        return np.array([whole])
    values = []
    for part in range(parts):
        without = average_precision(_without_fold(found, part, parts), _without_fold(truth, part, parts))
        values.append(parts * whole - (parts - 1) * without)
    return np.asarray(whole + np.array(values) - np.mean(values))  # their mean is biased otherwise


def _without_fold(photos: Sequence[Photo], part: int, parts: int) -> list[Photo]:
    """All but each of so many parts."""
    left = list(photos)
    del left[part::parts]
    return left


# ------------------------------------------------------------------------------------------- reading labels


_MATCHING = "COCO's file_name must end in the photo's name; a text of YOLO's has the photo's name and .txt"


def read(place: Path, photos: Sequence[Path]) -> GroundTruth:
    """Labels of these photos: a COCO JSON file, or a folder of texts of YOLO's kind.

    Photos that the labels do not know are left out.

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


def _of_file(place: Path, photos: Sequence[Path]) -> GroundTruth:
    try:
        return _of_coco(json.loads(place.read_text(encoding="utf-8")), photos)
    except (ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError) as cause:
        raise InputError(
            f"{place} cannot be read as COCO's annotations: {_fault(cause)}.",
            hint="it needs images, annotations with bbox, and categories",
        ) from cause


def _fault(cause: Exception) -> str:
    if isinstance(cause, UnicodeDecodeError):
        return "it is not a text"
    if isinstance(cause, KeyError):
        return f"it lacks {cause}"
    return getattr(cause, "strerror", None) or str(cause)


def _of_coco(content: Mapping[str, Any], photos: Sequence[Path]) -> GroundTruth:
    ids = {Path(str(image["file_name"])).name: image["id"] for image in content["images"]}
    annotations: dict[Any, list[Mapping[str, Any]]] = {}
    for entry in content["annotations"]:
        annotations.setdefault(entry["image_id"], []).append(entry)
    names = {int(category["id"]): str(category["name"]) for category in content["categories"]}
    known = [photo for photo in photos if photo.name in ids]
    return GroundTruth({photo: _labelled(annotations.get(ids[photo.name], [])) for photo in known}, names)


def _labelled(annotations: Sequence[Mapping[str, Any]]) -> Labelled:
    boxes = np.array([entry["bbox"] for entry in annotations], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    classes = np.array([int(entry["category_id"]) for entry in annotations], int)
    crowd = np.array([bool(entry.get("iscrowd", 0)) for entry in annotations], bool)
    return Labelled(boxes, classes, crowd)


def _of_folder(place: Path, photos: Sequence[Path]) -> GroundTruth:
    """A text for each photo: a line for each thing, class cx cy w h (or the corners of an outline) in 0..1."""
    known = {}
    for photo in photos:
        text = place / f"{photo.stem}.txt"
        image = cv2.imread(str(photo)) if text.is_file() else None
        if image is not None:  # one that cannot be read is told where it is used
            known[photo] = _of_text(text, height=image.shape[0], width=image.shape[1])
    return GroundTruth(known)


def _of_text(text: Path, height: int, width: int) -> Labelled:
    boxes, classes = [], []
    try:
        for number, *values in map(str.split, filter(str.strip, text.read_text(encoding="utf-8").splitlines())):
            classes.append(int(number))
            boxes.append(_box(np.array(values, float)) * [width, height, width, height])
    except (ValueError, OSError) as cause:
        raise InputError(
            f"{text} cannot be read as YOLO's labels: {cause}.", hint="each line is: class cx cy w h, in 0..1"
        ) from cause
    table = np.array(boxes, np.float32).reshape(-1, 4)
    return Labelled(table, np.array(classes, int), np.zeros(len(boxes), bool))


def _box(values: AnyArray) -> AnyArray:
    """x1 y1 x2 y2 of cx cy w h, or around the corners x y x y … of an outline."""
    if len(values) == 4:
        return np.concatenate((values[:2] - values[2:] / 2, values[:2] + values[2:] / 2))
    if len(values) < 6 or len(values) % 2:
        raise ValueError(f"a line has {len(values)} numbers after its class")
    corners = values.reshape(-1, 2)
    return np.concatenate((corners.min(axis=0), corners.max(axis=0)))
