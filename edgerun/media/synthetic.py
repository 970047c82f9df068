"""Made-up images that a model is tried on while it is loaded."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import cv2
import numpy as np

from edgerun.media.images import Image

__all__ = ["SEED", "picture", "stand_in"]

SEED = 20_240_601
"""Of what is random in them. It is part of what a kept trial run is known by: change it with anything below."""


@lru_cache(maxsize=4)
def picture(kind: Literal["blank", "textured"], height: int, width: int) -> Image:
    """An image that is always the same, uint8 [height, width, 3], blue-green-red, not writeable.

    "blank" is uniform grey 114; "textured" has colours, edges and noise at all scales.
    """
    canvas = np.full((height, width, 3), 114, np.uint8)
    if kind == "textured":
        random = np.random.default_rng(SEED)
        blend = np.zeros((height, width, 3), np.float32)
        for cells in (2, 5, 11, 23, 47):
            coarse = random.random((cells, cells, 3), np.float32)
            blend += np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)) * 60
        canvas = np.clip(blend, 0, 255).astype(np.uint8)
        for _ in range(24):
            x, y = int(random.integers(width)), int(random.integers(height))
            reach = int(random.integers(4, max(5, min(height, width) // 4)))
            shade = tuple(int(value) for value in random.integers(0, 256, 3))
            if random.random() < 0.5:
                cv2.rectangle(canvas, (x, y), (x + reach, y + 2 * reach), shade, -1)
            else:
                cv2.circle(canvas, (x, y), reach, shade, -1)
    canvas.setflags(write=False)
    return canvas


def stand_in(kind: Literal["blank", "textured"], height: int, width: int) -> Image:
    """What tells how a textured image is fed, made in no time: all bytes in all channels. uint8 [height, width, 3]."""
    return (np.arange(height * width * 3) % 256).astype(np.uint8).reshape(height, width, 3)
