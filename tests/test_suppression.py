"""Which suppression a frame gets, by the call and the card."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.arguments import Wanted
from edgerun.contract import Candidates
from edgerun.errors import InputError
from edgerun.suppression import suppressed

SCORES = np.array([0.9, 0.8], np.float32)
PAIR = np.array([[48, 40, 88, 80], [56, 40, 96, 80]], np.float32)
SHIPS = np.array([[50, 50, 200, 20, 0], [50, 54, 200, 20, 0]], np.float32)
"""2/3 of one another as polygons, .7587 as Gaussians."""


def of(boxes=PAIR, **columns):
    return Candidates(boxes, SCORES, np.zeros(2, np.int32), **columns)


def wanted(nms="class", iou=0.7):
    return Wanted(conf=0.25, iou=iou, max_det=9, classes=None, nms=nms)


def test_oriented_boxes_are_compared_as_the_card_says():
    ships = of(rotated=SHIPS)
    assert len(suppressed(ships, wanted(), "polygon")) == 2
    assert len(suppressed(ships, wanted(), "probiou")) == 1
    assert len(suppressed(ships, wanted("agnostic"), "probiou")) == 1
    assert len(suppressed(ships, wanted("none"), "probiou")) == 2


def test_upright_boxes_are_compared_by_their_overlap_whatever_the_card_says():
    """Their overlap is 2/3."""
    assert len(suppressed(of(), wanted(iou=0.66), "probiou")) == 1
    assert len(suppressed(of(), wanted(iou=0.67), "probiou")) == 2


def test_weighted_blends_boxes_and_keypoints_and_keeps_the_best_rows_score_and_visibility():
    points = np.array([[[60, 50, 0.9]], [[68, 50, 0.1]]], np.float32)
    (found,) = [suppressed(of(keypoints=points), wanted("weighted", iou=0.3), "polygon")]
    np.testing.assert_allclose(found.boxes, [[51.7647, 40, 91.7647, 80]], rtol=1e-6)
    np.testing.assert_allclose(found.keypoints, [[[63.7647, 50, 0.9]]], rtol=1e-6)
    assert found.scores.tolist() == [np.float32(0.9)]
    assert points[0, 0, 0] == 60


@pytest.mark.parametrize(
    ("nms", "columns", "why"),
    [
        ("oks", {}, "keypoints"),
        ("weighted", {"rotated": SHIPS}, "oriented boxes"),
        ("weighted", {"box_masks": np.zeros((2, 4, 4), np.float32)}, "masks over their own boxes"),
    ],
)
def test_a_suppression_that_does_not_fit_the_model_is_refused(nms, columns, why):
    with pytest.raises(InputError, match=why):
        suppressed(of(**columns), wanted(nms), "polygon")


def test_soft_lowers_scores():
    found = suppressed(of(), wanted("soft"), "polygon")
    assert found.scores[1] == pytest.approx(0.8 * np.exp(-((2 / 3) ** 2) / 0.5), abs=1e-6)
