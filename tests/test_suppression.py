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


@pytest.mark.parametrize("nms", ["class", "agnostic", "soft", "weighted", "none"])
def test_limit_overlap_and_classes_reach_the_suppression_that_is_wanted(nms):
    """Two boxes alike of one class, one of another class in the same place, one apart."""
    boxes = np.float32([[0, 0, 40, 40], [0, 0, 40, 39], [0, 0, 40, 38], [60, 0, 90, 40]])
    scores, classes = np.float32([0.9, 0.8, 0.7, 0.6]), np.array([0, 0, 1, 1], np.int32)
    found = Candidates(boxes, scores, classes)
    kept = {
        "class": [0.9, 0.7, 0.6],
        "agnostic": [0.9, 0.6],
        "soft": [0.9, 0.7, 0.6],  # the second keeps .8 · exp(-.975² / .5) = .12, below the threshold
        "weighted": [0.9, 0.7, 0.6],
        "none": [0.9, 0.8, 0.7, 0.6],
    }
    for limit in (1, 2, 9):
        rows = suppressed(found, Wanted(0.25, 0.5, limit, None, nms), "polygon")
        np.testing.assert_allclose(rows.scores, kept[nms][:limit])
    if nms == "weighted":  # (40 · .9 + 39 · .8) / 1.7
        assert rows.boxes[0].tolist() == pytest.approx([0, 0, 40, (36 + 31.2) / 1.7])


def test_poses_are_compared_by_their_keypoints_in_their_class():
    points = np.zeros((2, 3, 3), np.float32)
    pair = np.float32([[0, 0, 40, 40], [100, 0, 140, 40]])
    for classes, count in (([0, 0], 1), ([0, 1], 2)):
        found = Candidates(pair, SCORES, np.array(classes, np.int32), keypoints=points)
        assert len(suppressed(found, wanted("oks"), "polygon")) == count
