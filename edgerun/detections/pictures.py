"""Detections drawn into their image, and cut out of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.detections.rows import Columns
from edgerun.errors import InputError
from edgerun.media import draw, images, showing, skeletons
from edgerun.media.skeletons import Limbs

__all__ = ["cut_out", "drawn", "preview", "seen"]


def seen(found: Columns, image: Any, color: images.ArrayColor) -> images.Image:
    """The image that these were found in, as given or as it is known, uint8 [H, W, 3], blue-green-red.

    Raises:
        InputError: it is of another size, or not known.
    """
    canvas = images.as_bgr(image, color) if image is not None else found.origin.image()
    height, width = canvas.shape[:2]
    if found.shape not in ((0, 0), (height, width)):
        raise InputError(
            f"These were found in an image of {found.shape[1]} x {found.shape[0]}, not of {width} x {height} pixels.",
            hint="draw into the same image",
        )
    return canvas


def drawn(
    found: Columns, image: Any, color: images.ArrayColor, visibility: float, skeleton: Limbs | None
) -> images.Image:
    """A copy of the image with everything drawn in; see `Detections.draw`."""
    canvas = seen(found, image, color)
    return draw.annotate(
        canvas,
        found.xyxy,
        list(map("{} {:.2f}".format, found.label.tolist(), found.score.tolist())),
        found.class_id,
        keypoints=found.keypoints,
        limbs=_limbs(found, skeleton),
        polygons=None if found.xyxyxyxy is None else list(found.xyxyxyxy),
        masks=found.bitmaps,
        visible=visibility,
    )


def _limbs(found: Columns, skeleton: Limbs | None) -> list[Limbs]:
    """Of each row; [] for models without keypoints."""
    if found.keypoints is None:
        return []
    count = found.keypoints.shape[1]
    if skeleton is None:
        return [skeletons.limbs(label, count) for label in found.label.tolist()]
    if any(not 0 <= point < count for limb in skeleton for point in limb):
        raise InputError(f"The skeleton joins points that are not among the {count} keypoints.", hint="count from 0")
    return [skeleton] * len(found)


def cut_out(found: Columns, image: images.Image) -> list[images.Image]:
    """What lies in each box, at whole pixels around it; one pixel at least."""
    height, width = image.shape[:2]
    low = np.clip(np.floor(found.xyxy[:, :2]), 0, [width - 1, height - 1]).astype(int)
    high = np.maximum(np.ceil(found.xyxy[:, 2:]).astype(int), low + 1)
    return [image[y1:y2, x1:x2].copy() for (x1, y1), (x2, y2) in zip(low.tolist(), high.tolist(), strict=True)]


def preview(found: Columns, suffix: str) -> bytes | None:
    """The bytes of a small drawn picture; None where the image is not known, or is another by now."""
    try:
        return showing.encoded(drawn(found, None, "bgr", 0.5, None), suffix)
    except InputError:
        return None
