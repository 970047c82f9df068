from __future__ import annotations

import numpy as np
import pytest

from edgerun.processing.nms import suppress_rotated
from edgerun.processing.probiou import similarity, suppress


def boxes(*rows):
    return np.array(rows, np.float32)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((50, 50, 40, 40, 0), (50, 50, 40, 40, 0), 1.0),
        ((50, 50, 40, 40, 0), (70, 50, 40, 40, 0), 0.4408),  # 1 - sqrt(1 - exp(-1.5 · (1/2)²)); the IoU is 1/3
        ((50, 50, 200, 20, 0), (50, 54, 200, 20, 0), 0.7587),  # 1 - sqrt(1 - exp(-1.5 · (1/5)²)); the IoU is 2/3
        ((50, 50, 60, 6, 0), (50, 50, 60, 6, np.pi / 2), 0.1045),  # D = ln(151.5² / 900) / 2; the IoU is 1/19
        ((50, 50, 60, 6, 0.3), (50, 50, 6, 60, 0.3 + np.pi / 2), 1.0),  # the same box, its sides swapped
        ((50, 50, 40, 40, 0), (50, 50, 40, 40, 0.7), 1.0),  # a square's Gaussian is round
        ((0, 0, 10, 10, 0), (1e6, 0, 10, 10, 0), 0.0),
        ((50, 50, 40, 0, 0), (50, 50, 40, 40, 0), 0.0),  # no area
    ],
)
def test_similarity_is_that_of_the_paper(first, second, expected):
    """Llerena et al., arXiv 2106.06072: worked out by hand from the distance of Bhattacharyya."""
    assert similarity(boxes(first), boxes(second))[0, 0] == pytest.approx(expected, abs=1e-4)
    assert similarity(boxes(second), boxes(first))[0, 0] == pytest.approx(expected, abs=1e-4)


def test_similarity_does_not_change_when_both_are_turned_and_moved():
    turn, there = 0.8, np.array([300, 200])
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    pair = np.array([[50, 50, 80, 20, 0.2], [58, 47, 70, 24, 0.5]])
    moved = pair.copy()
    moved[:, :2] = pair[:, :2] @ matrix.T + there
    moved[:, 4] += turn
    before, after = similarity(pair[:1], pair[1:]), similarity(moved[:1], moved[1:])
    assert before[0, 0] == pytest.approx(after[0, 0], abs=1e-9)


def test_a_row_goes_where_a_better_one_is_as_similar_though_that_one_goes_too():
    """Fast NMS, arXiv 1904.02689: steps of 4 across a box of 20 are .7587 alike, two steps .5438."""
    rows = boxes((50, 50, 200, 20, 0), (50, 54, 200, 20, 0), (50, 58, 200, 20, 0))
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    assert suppress(rows, scores, np.zeros(3), iou=0.7, max_det=9).tolist() == [0]
    assert suppress(rows, scores, np.zeros(3), iou=0.8, max_det=9).tolist() == [0, 1, 2]


def test_classes_limits_and_order_are_those_of_the_other_suppressions():
    rows = np.repeat(boxes((50, 50, 40, 20, 0.1)), 4, axis=0)
    scores, classes = np.array([0.5, 0.9, 0.9, 0.1], np.float32), np.array([0, 0, 1, 1])
    assert suppress(rows, scores, classes, iou=0.7, max_det=9).tolist() == [1, 2]
    assert suppress(rows, scores, classes, iou=0.7, max_det=9, mode="agnostic").tolist() == [1]
    assert suppress(rows, scores, classes, iou=0.7, max_det=3, mode="none").tolist() == [1, 2, 0]
    assert suppress(rows, scores, classes, iou=0.7, max_det=1).tolist() == [1]
    assert suppress(rows[:0], scores[:0], classes[:0], iou=0.7, max_det=1).tolist() == []


def test_rows_are_compared_across_blocks():
    """200 copies of one box, and one elsewhere that scores least."""
    rows = np.repeat(boxes((50, 50, 40, 20, 0.1)), 201, axis=0)
    rows[200, 0] = 500
    scores = np.linspace(0.9, 0.3, 201, dtype=np.float32)
    assert suppress(rows, scores, np.zeros(201), iou=0.7, max_det=300).tolist() == [0, 200]


def test_one_box_an_object_stays_at_the_usual_threshold_where_polygons_leave_more():
    """30 ships of 120 x 24 pixels, eight candidates each that are a few pixels and degrees off."""
    random = np.random.default_rng(11)
    ships = np.stack(np.meshgrid(np.arange(6) * 200.0, np.arange(5) * 200.0), axis=-1).reshape(-1, 2)
    centres = np.repeat(ships, 8, axis=0) + random.normal(0, 1.2, (240, 2))
    angles = np.repeat(random.uniform(0, 1.5, 30), 8) + random.normal(0, 0.015, 240)
    sides = np.array([120, 24]) * random.normal(1, 0.03, (240, 2))
    rows = np.concatenate((centres, sides, angles[:, None]), axis=1).astype(np.float32)
    scores = random.random(240, np.float32)
    assert len(suppress(rows, scores, np.zeros(240), iou=0.7, max_det=999)) == 30
    assert len(suppress_rotated(rows, scores, np.zeros(240), iou=0.7, max_det=999)) == 35


def test_a_row_that_is_just_as_similar_goes():
    """Fast NMS: as similar as `iou` or more."""
    same = np.float32([[50, 50, 40, 10, 0]] * 2)
    assert suppress(same, np.float32([0.9, 0.8]), np.zeros(2), iou=1.0, max_det=9).tolist() == [0]
