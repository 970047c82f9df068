"""What a decoder gives: boxes in the pixels of the model's input, before suppression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from edgerun.boxes import enclosing
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["Candidates"]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows that may become detections. Columns that a model has not are None.

    Attributes:
        boxes: float32 [N, 4], x1 y1 x2 y2, model pixels. For oriented boxes: the upright box that encloses.
        scores: float32 [N], 0..1.
        classes: int32 [N].
        keypoints: float32 [N, K, 3], x y in model pixels and visibility 0..1.
        coefficients: float32 [N, P], weights of the mask prototypes.
        rotated: float32 [N, 5], centre x, centre y, width, height in model pixels, angle in radians clockwise.
        prototypes: float32 [P, h, w], shared by all rows; the frame of reference is the model's input.
        masks: float32 [N, h, w] in 0..1 over the model's input, where a model gives whole masks.
        box_masks: float32 [N, h, w] in 0..1, each over its own row's box.
    """

    boxes: FloatArray
    scores: FloatArray
    classes: AnyArray
    keypoints: FloatArray | None = None
    coefficients: FloatArray | None = None
    rotated: FloatArray | None = None
    masks: FloatArray | None = None
    prototypes: FloatArray | None = None
    box_masks: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: AnyArray) -> Candidates:
        """The rows at these indices or under this mask, in that order."""
        changed = {
            field.name: value[rows]
            for field in fields(self)
            if field.name != "prototypes" and (value := getattr(self, field.name)) is not None
        }
        return replace(self, **changed)

    def scaled(self, width: float, height: float) -> Candidates:
        """The same rows with every x times `width` and every y times `height`; angles and masks stay as they are."""
        changed: dict[str, FloatArray] = {"boxes": self.boxes * np.array([width, height] * 2, np.float32)}
        if self.keypoints is not None:
            changed["keypoints"] = self.keypoints * np.array([width, height, 1], np.float32)
        if self.rotated is not None:
            rotated = self.rotated * np.array([*[width, height] * 2, 1], np.float32)
            changed |= {"rotated": rotated, "boxes": enclosing(rotated)}
        return replace(self, **changed)

    @staticmethod
    def joined(parts: Sequence[Candidates]) -> Candidates:
        """The rows of several, one after the other; all must have the same optional columns and prototypes."""
        if not parts:
            return Candidates.empty()
        columns = {
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Candidates)
            if field.name != "prototypes" and getattr(parts[0], field.name) is not None
        }
        return replace(parts[0], **columns)

    @staticmethod
    def empty() -> Candidates:
        """No rows and no optional columns."""
        return Candidates(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))
