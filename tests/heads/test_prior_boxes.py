"""Boxes and points written as offsets from prior boxes come back."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.heads import prior_boxes
from edgerun.heads.bound_outputs import Cells

HEIGHT, WIDTH, STRIDES = 200, 330, (8, 16, 32)
"""A wide input that no stride divides on both sides."""


def encoded(boxes, priors, variances):
    """Offsets x y w h of corners in 0..1: SSD's equation 2 read backwards."""
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    x_y = (centres - priors[:, :2]) / priors[:, 2:] / variances[0]
    return np.concatenate((x_y, np.log(sizes / priors[:, 2:]) / variances[1]), axis=1).astype(np.float32)


@pytest.mark.parametrize("y_first", [False, True])
@pytest.mark.parametrize("variances", [(0.1, 0.2), (1.0, 1.0)])
def test_what_is_encoded_is_decoded(variances, y_first):
    layout = prior_boxes.Squares(prior_boxes.RETINAFACE)
    priors = layout(HEIGHT, WIDTH, ())
    random = np.random.default_rng(5)
    corners = random.random((len(priors), 2)) * 0.6
    boxes = np.concatenate((corners, corners + random.uniform(0.05, 0.4, corners.shape)), axis=1)
    points = random.random((len(priors), 5, 2))
    offsets = encoded(boxes, priors, variances)
    marks = (points - priors[:, None, :2]) / priors[:, None, 2:] / variances[0]
    scores = np.zeros((len(priors), 1), np.float32)
    scores[::7] = 0.5
    tables = {
        "boxes": offsets[:, [1, 0, 3, 2]] if y_first else offsets,
        "landmarks": marks.reshape(len(priors), 10).astype(np.float32),
        "scores": scores,
    }
    head = prior_boxes.PriorOffsets(layout, variances, y_first)
    found = head(tables, Cells(HEIGHT, WIDTH, (8, 16, 32)), 0.5)
    assert head.count(HEIGHT, WIDTH) == len(priors) == 2 * (25 * 42 + 13 * 21 + 7 * 11)
    np.testing.assert_allclose(found.boxes, boxes[::7], atol=2e-5)
    np.testing.assert_allclose(found.keypoints[..., :2], points[::7], atol=2e-5)
    assert (found.keypoints[..., 2] == 1).all()


def test_a_prior_of_the_first_cell_lies_at_half_a_stride():
    first, second = prior_boxes.Squares(prior_boxes.RETINAFACE)(HEIGHT, WIDTH, ())[:2]
    np.testing.assert_allclose(first * (WIDTH, HEIGHT, WIDTH, HEIGHT), (4, 4, 16, 16), atol=1e-4)
    np.testing.assert_allclose(second * (WIDTH, HEIGHT, WIDTH, HEIGHT), (4, 4, 32, 32), atol=1e-4)
