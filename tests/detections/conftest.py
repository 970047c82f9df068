"""Made-up results."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.detections import Detections
from edgerun.processing.masks import Masks


@pytest.fixture
def found():
    return Detections(
        xyxy=np.array([[10, 20, 30, 60], [0, 0, 5, 5], [1.5, 2.5, 3.5, 9.5]], np.float32),
        score=np.array([0.9, 0.5, 0.25], np.float32),
        class_id=np.array([1, 0, 7], np.int32),
        names=("cat", "dog"),
        shape=(100, 80),
        speed={"preprocess": 1.0, "inference": 2.0, "postprocess": 3.0},
        path="a.jpg",
    )


@pytest.fixture
def everything():
    """Two rows with every optional column there is; the second mask has a hole."""
    bitmaps = np.zeros((2, 40, 60), np.bool_)
    bitmaps[0, 2:10, 3:20] = bitmaps[1, 20:38, 30:55] = True
    bitmaps[1, 25:30, 35:40] = False
    return Detections(
        xyxy=np.array([[3, 2, 20, 10], [30, 20, 55, 38]], np.float32),
        score=np.array([0.75, 0.5], np.float32),
        class_id=np.array([0, 2], np.int32),
        names=("person", "bus", "car"),
        shape=(40, 60),
        keypoints=np.array([[[4, 3, 0.9], [18, 8, 0.2]], [[31, 21, 1.0], [50, 30, 0.5]]], np.float32),
        rotated=np.array([[11.5, 6, 17, 8, 0.0], [42.5, 29, 25, 18, 0.5]], np.float32),
        masks=Masks.of_bitmaps(bitmaps),
        path="street.jpg",
        frame=7,
    )
