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


def test_boxes_apart_in_one_direction_alone_share_nothing():
    """Above one another, beside one another, and inside out."""
    box = np.array([[0, 0, 10, 4]], np.float32)
    others = np.array([[0, 6, 10, 10], [12, 0, 20, 4], [0, -9, 10, -5], [-9, 0, -5, 4], [0, 4, 10, 0]], np.float32)
    assert boxes.iou(box, others).tolist() == [[0, 0, 0, 0, 0]]
    assert boxes.iou(others, box).tolist() == [[0], [0], [0], [0], [0]]


@pytest.mark.parametrize("inside_out", [(5, 1, 1, 4), (1, 4, 5, 1), (5, 4, 1, 1)])
def test_a_box_that_is_inside_out_in_one_direction_has_no_area(inside_out):
    assert boxes.area(np.array([inside_out], np.float32)).tolist() == [0]


def test_a_box_around_an_oriented_one_is_as_wide_as_it_reaches():
    """A box of 8 x 2, upright, on its side, and at 30 degrees: 8 cos 30 + 2 sin 30 by 8 sin 30 + 2 cos 30."""
    rotated = np.array([[10, 20, 8, 2, 0], [10, 20, 8, 2, np.pi / 2], [10, 20, 8, 2, np.pi / 6]], np.float32)
    upright = boxes.enclosing(rotated)
    np.testing.assert_allclose(upright[0], (6, 19, 14, 21), atol=1e-5)
    np.testing.assert_allclose(upright[1], (9, 16, 11, 24), atol=1e-5)
    wide, tall = 7.928203, 5.732051
    np.testing.assert_allclose(upright[2], (10 - wide / 2, 20 - tall / 2, 10 + wide / 2, 20 + tall / 2), rtol=1e-6)


def test_corners_go_along_the_width_first():
    """Clockwise where y points down: from the near corner along the width, then along the height."""
    np.testing.assert_allclose(boxes.corners([10, 20, 8, 2, 0]), [(6, 19), (14, 19), (14, 21), (6, 21)], atol=1e-5)
    quarter = boxes.corners([10, 20, 8, 2, np.pi / 2])
    np.testing.assert_allclose(quarter, [(11, 16), (11, 24), (9, 24), (9, 16)], atol=1e-5)


def test_sizes_are_those_of_the_box():
    assert boxes.xyxy_to_xywh(np.array([[1, 2, 4, 9]], np.float32)).tolist() == [[1, 2, 3, 7]]
