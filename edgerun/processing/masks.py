"""Masks of instances, kept as small as the model gives them and made at the image's size when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgerun.processing.preprocess import Geometry
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["Masks", "from_prototypes"]

THRESHOLD = 0.5
"""Probability beyond which a pixel belongs to the instance."""


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """One mask per row.

    Attributes:
        probabilities: float32 [N, h, w], 0..1, over the model's input, however coarse, or each over its box.
        boxes: float32 [N, 4], x1 y1 x2 y2 in image pixels.
        geometry: where the image lies in the model's input.
        height, width: pixels of the model's input.
        in_boxes: whether each mask covers its box alone.
        cut: whether a mask ends at its box.
    """

    probabilities: FloatArray
    boxes: FloatArray
    geometry: Geometry
    height: int
    width: int
    in_boxes: bool = False
    cut: bool = True

    @staticmethod
    def of_bitmaps(bitmaps: AnyArray) -> Masks:
        """Masks that are at the image's size already, bool [N, H, W]."""
        count, height, width = bitmaps.shape
        whole = np.tile(np.array([0, 0, width, height], np.float32), (count, 1))
        geometry = Geometry(1.0, 1.0, 0.0, 0.0, height, width)
        return Masks(bitmaps.astype(np.float32), whole, geometry, height, width, cut=False)

    @property
    def shares(self) -> FloatArray:
        """`probabilities` under their earlier name."""
        return self.probabilities

    def __len__(self) -> int:
        return len(self.probabilities)

    def __iter__(self) -> Iterator[NDArray[np.bool_]]:
        return (self.bitmap(row) for row in range(len(self)))

    def __getitem__(self, rows: Any) -> Masks:
        """The masks of a slice, a boolean mask or a list of numbers."""
        return replace(self, probabilities=self.probabilities[rows], boxes=self.boxes[rows])

    def bitmap(self, row: int) -> NDArray[np.bool_]:
        """Where the instance is, bool [H, W] over the image."""
        geometry = self.geometry
        high, wide = geometry.image_height, geometry.image_width
        tall, broad = self.probabilities.shape[1:]
        if self.in_boxes:  # image pixel centre -> mask pixel centre
            left, top, right, bottom = (float(edge) for edge in self.boxes[row])
            scale_x, scale_y = broad / max(right - left, 1e-6), tall / max(bottom - top, 1e-6)
            shift_x, shift_y = (0.5 - left) * scale_x - 0.5, (0.5 - top) * scale_y - 0.5
        else:  # image pixel centre -> model pixel -> mask pixel centre
            step_x, step_y = broad / self.width, tall / self.height
            scale_x, scale_y = geometry.scale_x * step_x, geometry.scale_y * step_y
            shift_x = (0.5 * geometry.scale_x + geometry.left) * step_x - 0.5
            shift_y = (0.5 * geometry.scale_y + geometry.top) * step_y - 0.5
        matrix = np.array([[scale_x, 0, shift_x], [0, scale_y, shift_y]])
        probability = cv2.warpAffine(
            self.probabilities[row],
            matrix,
            (wide, high),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT if self.in_boxes else cv2.BORDER_REPLICATE,
        )
        if not self.cut:
            return np.asarray(probability) > THRESHOLD
        x1, y1 = np.floor(self.boxes[row, :2]).astype(int)
        x2, y2 = np.ceil(self.boxes[row, 2:]).astype(int)
        inside = np.zeros((high, wide), np.bool_)
        inside[y1:y2, x1:x2] = np.asarray(probability)[y1:y2, x1:x2] > THRESHOLD
        return inside

    @property
    def bitmaps(self) -> NDArray[np.bool_]:
        """All of them, bool [N, H, W]."""
        size = (self.geometry.image_height, self.geometry.image_width)
        return np.stack(list(self)) if len(self) else np.zeros((0, *size), np.bool_)

    def polygons(self, row: int) -> list[NDArray[np.int32]]:
        """The outer outlines of an instance, int32 [K, 2] each, x y in image pixels, the largest first."""
        outlines, _ = cv2.findContours(self.bitmap(row).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        found = [np.asarray(outline, np.int32).reshape(-1, 2) for outline in outlines]
        return sorted(found, key=lambda outline: -abs(cv2.contourArea(outline)))

    def rle(self, row: int) -> dict[str, Any]:
        """COCO's uncompressed run lengths: size [H, W], counts down the columns, beginning with zeros.

        Source: cocoapi, mask.py (BSD-2).
        """
        bits = self.bitmap(row).T.ravel()
        changes = np.flatnonzero(np.diff(bits)) + 1
        counts = np.diff(np.concatenate(([0], changes, [len(bits)]))).tolist()
        if bits.size and bits[0]:
            counts.insert(0, 0)
        return {"size": [self.geometry.image_height, self.geometry.image_width], "counts": counts}


def from_prototypes(coefficients: AnyArray, prototypes: AnyArray) -> FloatArray:
    """Probabilities from a linear mix of prototypes: sigmoid(coefficients · prototypes).

    Source: Bolya et al., YOLACT, arXiv 1904.02689.

    Args:
        coefficients: float32 [N, P].
        prototypes: float32 [P, h, w].

    Returns:
        float32 [N, h, w], 0..1.
    """
    kinds, tall, broad = prototypes.shape
    mixed = coefficients.astype(np.float32) @ prototypes.reshape(kinds, -1)
    probabilities = 1 / (1 + np.exp(-np.clip(mixed, -60, 60)))
    return probabilities.reshape(-1, tall, broad).astype(np.float32, copy=False)
