"""Masks that a model gives for each row, over its input or over the row's own box.

Mask R-CNN's head computes small squares, 28 x 28, one for each box; most exports leave pasting them to the user, some
paste them over the whole input themselves. Source: He et al., Mask R-CNN, arXiv 1703.06870, section 3.
"""

from __future__ import annotations

import numpy as np

from edgerun.contract import Frame
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["columns"]

LARGEST = 56
"""Side of the largest square that a mask head is known to give: PointRend's coarse masks are smaller."""


def columns(masks: AnyArray, frame: Frame) -> dict[str, FloatArray]:
    """The column of `Candidates` that masks [N, h, w] belong in: "box_masks" for small squares, else "masks"."""
    tall, broad = masks.shape[1:]
    small = tall == broad <= LARGEST and (tall, broad) != (frame.height, frame.width)
    return {"box_masks" if small else "masks": np.asarray(masks, np.float32)}
