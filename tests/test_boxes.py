from __future__ import annotations

import numpy as np
import pytest

from edgerun import boxes


def test_centres_become_corners():
    assert boxes.cxcywh_to_xyxy(np.array([[10, 20, 4, 6]], np.float32)).tolist() == [[8, 17, 12, 23]]


def test_tensorflows_order_is_turned():
    assert boxes.yxyx_to_xyxy(np.array([[1, 2, 3, 4]])).tolist() == [[2, 1, 4, 3]]


def test_distances_reach_out_from_points():
    assert boxes.distances_to_xyxy(np.array([[10, 10]]), np.array([[1, 2, 3, 4]])).tolist() == [[9, 8, 13, 14]]


def test_overlap_is_a_share_of_the_union():
    first = np.array([[0, 0, 2, 1], [5, 5, 5, 5]], np.float32)
    second = np.array([[1, 0, 3, 1], [0, 0, 2, 1], [5, 5, 5, 5]], np.float32)
    np.testing.assert_allclose(boxes.iou(first, second), [[1 / 3, 1, 0], [0, 0, 0]], rtol=1e-6)


def test_boxes_inside_out_have_no_area():
    assert boxes.area(np.array([[5, 5, 1, 1], [0, 0, 2, 3]], np.float32)).tolist() == [0, 6]


def test_clipping_keeps_to_the_picture():
    assert boxes.clip(np.array([[-1, -2, 30, 40]], np.float32), 20, 10).tolist() == [[0, 0, 10, 20]]


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_corners_of_a_box_turned_by_quarters(turns):
    corners = boxes.corners(np.array([10, 20, 4, 2, turns * np.pi / 2]))
    wide, tall = (2, 1) if turns % 2 == 0 else (1, 2)
    np.testing.assert_allclose(corners.min(axis=0), [10 - wide, 20 - tall], atol=1e-5)
    np.testing.assert_allclose(corners.max(axis=0), [10 + wide, 20 + tall], atol=1e-5)
