"""Finished detections in outputs of their own: boxes, scores and classes, perhaps a count, masks or keypoints.

Each is [N, …] or [1, N, …]. Which output is which a card may say by these roles:
"boxes", "boxes x1y1x2y2", "scores", "classes", "classes from 1", "count", "masks", "keypoints"; others are left aside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgerun.boxes import yxyx_to_xyxy
from edgerun.contract import Arrays, Candidates, Evidence, Frame, TensorSpec
from edgerun.heads import finished_rows, region_masks, value_checks
from edgerun.heads.requirements import reject, require
from edgerun.tensors import AnyArray

__all__ = ["CORNERS", "FROM_ONE", "REQUIRED", "OutputsReader", "classes_and_scores", "given"]

CORNERS = "boxes x1y1x2y2"
"""The role of boxes that are so in a family that writes y before x."""

FROM_ONE = "classes from 1"
"""The role of classes of which the first is 1: 0 is a background, or no class at all."""

REQUIRED = {"boxes", "scores", "classes"}
VARIANTS = {CORNERS: "boxes", FROM_ONE: "classes"}
"""Role -> the plain role that it is a kind of."""


@dataclass(frozen=True, slots=True)
class OutputsReader:
    """Reads finished detections; names are those of outputs, "" for what a model does not have.

    Attributes:
        boxes, scores, classes, count, masks, keypoints: outputs.
        y_first: whether boxes are y1 x1 y2 x2, as TensorFlow writes them; x1 y1 x2 y2 otherwise.
        first_class: what the first class is called.
        rows_of_each: rows for each box that the count counts.
        filled_of_each: how many of these hold something, the first ones; the others are what an earlier run left.
        step: in which numbers of classes are stored; 0 where they are whole.
    """

    boxes: str
    scores: str
    classes: str
    count: str = ""
    masks: str = ""
    keypoints: str = ""
    y_first: bool = False
    first_class: int = 0
    rows_of_each: int = 1
    filled_of_each: int = 1
    step: float = 0.0

    @staticmethod
    def of(roles: Mapping[str, str], *, y_first: bool = False) -> OutputsReader:
        """The reader for outputs of these roles (name -> role); `y_first` is what plain "boxes" are."""
        names = {VARIANTS.get(role, role): name for name, role in roles.items()}
        count, masks, keypoints = (names.get(role, "") for role in ("count", "masks", "keypoints"))
        y_first = y_first and CORNERS not in roles.values()
        first_class = 1 if FROM_ONE in roles.values() else 0
        reader = OutputsReader(names["boxes"], names["scores"], names["classes"], count, masks, keypoints)
        return replace(reader, y_first=y_first, first_class=first_class)

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """The detections that score enough.

        Raises:
            DecoderUnknown: the rows cannot be what they are read as.
        """
        stored, scores, numbers = self.rows(outputs)
        boxes = yxyx_to_xyxy(stored) if self.y_first else stored.astype(np.float32)
        numbers = numbers - np.float32(self.first_class)
        meant = finished_rows.are_filled(boxes) & self.counted(outputs, len(scores))
        kept = np.flatnonzero(meant & (scores >= frame.conf) & np.isfinite(numbers))
        classes = np.rint(numbers[kept]).astype(np.int32)
        further = self._further(outputs, kept, frame)
        found = Candidates(boxes[kept], scores[kept].astype(np.float32), classes, **further)
        return finished_rows.settled(found, boxes[meant], scores[meant], numbers[meant], frame, self.step)

    def stored(self, evidence: Evidence) -> OutputsReader:
        """The same reader, which knows the steps in which numbers of classes are stored.

        Raises:
            Unmet: they are so large that a class is taken for another.
        """
        spec = next(spec for spec in evidence.outputs if spec.name == self.classes)
        classes = evidence.probe("textured")[self.classes]
        largest = max(len(evidence.card.labels) - 1.0, float(classes.max(initial=0)))
        return replace(self, step=finished_rows.class_step(spec, largest))

    def counted(self, outputs: Arrays, rows: int) -> AnyArray:
        """Which of so many rows the count covers, bool; what pads the table behind has no meaning."""
        if not self.count:
            return np.ones(rows, np.bool_)
        places = np.arange(rows)
        counted = places < int(outputs[self.count].reshape(-1)[0]) * self.rows_of_each
        return np.asarray(counted & (places % self.rows_of_each < self.filled_of_each))

    def _further(self, outputs: Arrays, kept: AnyArray, frame: Frame) -> dict[str, Any]:
        """The optional columns of `Candidates`."""
        found: dict[str, Any] = {}
        if self.masks:
            masks = outputs[self.masks]
            found |= region_masks.columns(masks.reshape(-1, *masks.shape[-2:])[kept], frame)
        if self.keypoints:
            points = outputs[self.keypoints]
            found["keypoints"] = points.reshape(-1, *points.shape[-2:])[kept].astype(np.float32)
        return found

    def rows(self, values: Arrays) -> tuple[AnyArray, AnyArray, AnyArray]:
        """Boxes [N, 4] as they are stored, scores [N] and class numbers [N] of a trial run."""
        boxes = values[self.boxes].reshape(-1, 4)
        return boxes, values[self.scores].reshape(-1), values[self.classes].reshape(-1)

    def judged(self, evidence: Evidence) -> tuple[AnyArray, AnyArray, AnyArray]:
        """The filled rows of a trial run: boxes [N, 4] as they are stored, scores [N], class numbers [N] from 0.

        Raises:
            Unmet: they cannot be what they are read as.
        """
        values = evidence.probe("textured")
        boxes, scores, classes = self.rows(values)
        require(len(boxes) == len(scores) == len(classes), "boxes, classes and scores are not of the same number")
        meant = finished_rows.are_filled(boxes) & self.counted(values, len(boxes))
        boxes, scores, classes = boxes[meant], scores[meant], classes[meant] - np.float32(self.first_class)
        require(classes.min(initial=0) >= 0, "a probe run gives class 0, where classes should count from 1")
        reject(finished_rows.misfit(boxes, scores, classes, self.step))
        reject(finished_rows.inverted(boxes, scores))
        reject(finished_rows.mislabelled(classes, evidence.card))
        return boxes, scores, classes


def given(evidence: Evidence) -> Mapping[str, str]:
    """Name -> role where the card gives all roles that are required; {} elsewhere."""
    roles = evidence.card.outputs
    plain = {VARIANTS.get(role, role) for role in roles.values()}
    return roles if plain >= REQUIRED else {}


def classes_and_scores(flat: Sequence[TensorSpec], values: Arrays) -> dict[str, str]:
    """Name -> "classes" or "scores" of two outputs [N], by types, else by a trial run's values; else {}."""
    signs = (_stored_as_integers, _all_integers, _called_labels)
    found = next(filter(any, (_showing(sign, flat, values) for sign in signs)), [])
    if sorted(found) != [False, True]:
        return {}
    classes, scores = flat[found.index(True)].name, flat[found.index(False)].name
    return {classes: "classes", scores: "scores"} if finished_rows.may_be_scores(values[scores]) else {}


def _showing(sign: Callable[[TensorSpec, AnyArray], bool], flat: Sequence[TensorSpec], values: Arrays) -> list[bool]:
    """Of which outputs a sign speaks for classes."""
    return [sign(spec, values[spec.name]) for spec in flat]


def _stored_as_integers(spec: TensorSpec, values: AnyArray) -> bool:
    return spec.quantization is None and np.dtype(spec.dtype).kind in "iu"


def _all_integers(spec: TensorSpec, values: AnyArray) -> bool:
    return value_checks.integers(values)


def _called_labels(spec: TensorSpec, values: AnyArray) -> bool:
    return spec.name == "labels"
