"""Boxes written as distances of their sides come back, in each unit and from either point of a cell."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.heads import side_distances
from edgerun.heads.bound_outputs import Cells

HEIGHT, WIDTH, STRIDES = 200, 330, (8, 16, 32)
"""A wide input that no stride divides on both sides."""


def planted(offset):
    """Boxes about the point of every cell, and the distances of their sides, from arithmetic of our own."""
    points, steps = [], []
    for stride in STRIDES:
        for line in range(-(-HEIGHT // stride)):
            for column in range(-(-WIDTH // stride)):
                points.append(((column + offset) * stride, (line + offset) * stride))
                steps.append(stride)
    sides = np.random.default_rng(4).integers(0, 8, (len(points), 4)) * np.array(steps)[:, None]
    points = np.array(points)
    return np.concatenate((points - sides[:, :2], points + sides[:, 2:]), axis=1), sides, np.array(steps)[:, None]


def bins(cells):
    """Logits of 8 bins a side that stand for whole numbers of cells."""
    return np.where(cells[..., None] == np.arange(8), 40.0, -40.0).reshape(len(cells), 32).astype(np.float32)


ENCODERS = {
    side_distances.in_pixels: lambda sides, steps: sides.astype(np.float32),
    side_distances.in_strides: lambda sides, steps: (sides / steps).astype(np.float32),
    side_distances.in_bins: lambda sides, steps: bins(sides / steps),
}


@pytest.mark.parametrize("offset", [0.0, 0.5])
@pytest.mark.parametrize("measure", ENCODERS)
def test_what_is_encoded_is_decoded(measure, offset):
    boxes, sides, steps = planted(offset)
    scores = np.zeros((len(boxes), 2), np.float32)
    kept = np.arange(0, len(boxes), 3)
    scores[kept, kept % 2] = 0.75
    tables = {side_distances.PIXELS: ENCODERS[measure](sides, steps), "scores": scores}
    found = side_distances.SideDistances(offset, measure)(tables, Cells(HEIGHT, WIDTH, STRIDES), 0.75)
    np.testing.assert_allclose(found.boxes, boxes[kept], atol=1e-3)
    assert found.scores.tolist() == [0.75] * len(kept)
    assert found.classes.tolist() == (kept % 2).tolist()
    assert found.keypoints is None
