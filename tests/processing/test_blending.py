from __future__ import annotations

import numpy as np

from edgerun.processing import blending


def rows(*boxes):
    return np.array(boxes, np.float32)


def test_boxes_that_overlap_are_blended_by_their_scores():
    """MediaPipe, non_max_suppression_calculator.cc, WEIGHTED: x1 = (.9 · 48 + .8 · 56) / 1.7 = 51.76."""
    boxes = rows((48, 40, 88, 80), (56, 40, 96, 80), (200, 40, 240, 80))
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    groups = blending.groups(boxes, scores, np.zeros(3), iou=0.3, max_det=9)
    assert groups.best.tolist() == [0, 2]
    np.testing.assert_allclose(groups.blend(boxes, scores), [[51.7647, 40, 91.7647, 80], [200, 40, 240, 80]], rtol=1e-6)


def test_what_overlaps_the_best_alone_joins_it():
    """The third overlaps the second and not the first, so it is another object, whose own box stays."""
    boxes = rows((0, 0, 40, 40), (20, 0, 60, 40), (40, 0, 80, 40))
    scores = np.array([0.5, 0.5, 0.5], np.float32)
    groups = blending.groups(boxes, scores, np.zeros(3), iou=0.3, max_det=9)
    assert groups.blend(boxes, scores).tolist() == [[10, 0, 50, 40], [40, 0, 80, 40]]


def test_exactly_the_threshold_is_another_object_and_so_is_another_class():
    boxes = rows((0, 0, 40, 40), (0, 0, 40, 20), (0, 0, 40, 40))
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    groups = blending.groups(boxes, scores, np.array([0, 0, 1]), iou=0.5, max_det=9)
    assert [members.tolist() for members in groups.members] == [[0], [1], [2]]
    assert blending.groups(boxes, scores, np.zeros(3), iou=0.5, max_det=1).best.tolist() == [0]


def test_a_box_without_area_is_a_group_of_its_own_and_ends_nothing():
    boxes = rows((10, 10, 10, 10), (0, 0, 40, 40), (0, 0, 40, 44))
    scores = np.array([0.9, 0.8, 0.8], np.float32)
    groups = blending.groups(boxes, scores, np.zeros(3), iou=0.3, max_det=9)
    assert groups.blend(boxes, scores).tolist() == [[10, 10, 10, 10], [0, 0, 40, 42]]


def test_nothing_blends_to_nothing():
    groups = blending.groups(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0), iou=0.3, max_det=9)
    assert groups.blend(np.empty((0, 4), np.float32), np.empty(0, np.float32)).shape == (0, 4)
