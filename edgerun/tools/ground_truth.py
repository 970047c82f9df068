"""What is in photos, by people's labels: a COCO file or a folder of YOLO's, and how well what was found agrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from edgerun.detections import Detections
from edgerun.errors import InputError
from edgerun.tensors import AnyArray
from edgerun.tools import coco_labels, yolo_labels
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
        rows = [_pseudo_values(self.matched(by_photo), truth) for by_photo in found]
        return np.array(rows, np.float64)

    def matched(self, found: Sequence[Detections]) -> list[Matched]:
        """What was found in each photo, with classes as the labels number them."""
        return [self._matched(rows) for rows in found]

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

    Photos that the file does not know are left out; photos without a text, where others have one, are without objects.

    Raises:
        InputError: it cannot be read, or none of the photos is in it.
    """
    if not place.exists():
        raise InputError(f"There are no labels at {place}.", hint="name a COCO JSON file, or a folder of YOLO texts")
    if place.is_dir():
        truth = GroundTruth(yolo_labels.read(place, photos))
    else:
        truth = GroundTruth(*coco_labels.read(place, photos))
    if not truth.photos:
        example = photos[0].name if photos else "any photo"
        raise InputError(f"The labels in {place} match none of the photos, such as {example}.", hint=_MATCHING)
    return truth
