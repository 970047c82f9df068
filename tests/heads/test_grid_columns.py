from __future__ import annotations

import numpy as np
import pytest

from edgerun.heads.grid_columns import Columns, Layout, points

ROWS = np.float32([[10, 20, 4, 6, 0.25, 0.5], [30, 40, 8, 2, 0.75, 0.125], [50, 60, 2, 2, 0.1, 0.2]])
"""cx cy w h and two scores."""


@pytest.fixture(params=["columns first", "rows first"])
def table(request):
    """ROWS as [C, N], contiguous or not."""
    return ROWS.T if request.param == "rows first" else np.ascontiguousarray(ROWS.T)


@pytest.mark.parametrize(
    ("conf", "rows"), [(0.0, [0, 1, 2]), (0.2, [0, 1, 2]), (0.25, [0, 1]), (0.5, [0, 1]), (0.75, [1]), (0.76, [])]
)
def test_a_row_stays_whose_best_score_is_the_threshold_or_more(table, conf, rows):
    columns = Columns("cxcywh", "", 2)
    assert columns.promising(table, np.float32(conf)).tolist() == rows
    found = columns.read(table, np.float32(conf))
    assert found.scores.tolist() == ROWS[rows, 4:].max(axis=1).tolist()
    assert found.classes.tolist() == ROWS[rows, 4:].argmax(axis=1).tolist()


def test_boxes_are_read_from_centres_or_corners(table):
    assert Columns("cxcywh", "", 2).read(table, 0.6).boxes.tolist() == [[26, 39, 34, 41]]
    assert Columns("xyxy", "", 2).read(table, 0.6).boxes.tolist() == [[30, 40, 8, 2]]


@pytest.mark.parametrize(("conf", "rows"), [(0.125, [0]), (0.0625, [0, 1]), (0.126, [])])
def test_an_objectness_multiplies_the_scores(conf, rows):
    table = np.float32([[9, 9, 2, 2, 0.5, 0.25], [9, 9, 2, 2, 0.25, 0.25]]).T
    columns = Columns("cxcywh", "objectness", 1)
    assert columns.read(table, conf).scores.tolist() == [0.125, 0.0625][: len(rows)]
    assert columns.promising(table, 0.25).tolist() == [0, 1]
    assert columns.promising(table, 0.5).tolist() == [0]


def test_an_objectness_alone_is_the_score_of_class_0():
    table = np.float32([[9, 9, 2, 2, 0.5], [9, 9, 2, 2, 0.25]]).T
    found = Columns("cxcywh", "objectness", 0).read(table, 0.25)
    assert (found.scores.tolist(), found.classes.tolist()) == ([0.5, 0.25], [0, 0])


def test_an_objectness_of_ones_changes_nothing():
    table = np.float32([[9, 9, 2, 2, 1, 0.25, 0.5]]).T
    found = Columns("cxcywh", "ones", 2).read(table, 0.5)
    assert (found.scores.tolist(), found.classes.tolist()) == ([0.5], [1])


def test_keypoints_without_a_visibility_are_visible():
    assert points(np.float32([[1, 2, 3, 4]]), 2).tolist() == [[[1, 2, 1], [3, 4, 1]]]
    assert points(np.float32([[1, 2, 0.5, 3, 4, 0.25]]), 2).tolist() == [[[1, 2, 0.5], [3, 4, 0.25]]]


@pytest.mark.parametrize(
    ("columns", "keypoints"),
    [
        (Columns("cxcywh", "", 1, "keypoints", 4, 2), [[10, 20, 1], [30, 40, 1]]),
        (Columns("cxcywh", "objectness", 1, points_width=4, keypoints=2), [[10, 20, 1], [30, 40, 1]]),
    ],
)
def test_points_x_y_stand_behind_the_scores_or_before_them(columns, keypoints):
    middle = [10, 20, 30, 40]
    row = [9, 9, 2, 2, 1, *middle, 0.5] if columns.confidence else [9, 9, 2, 2, 0.5, *middle]
    found = columns.read(np.float32([row]).T, 0.5)
    assert found.scores.tolist() == [0.5]
    assert found.keypoints.tolist() == [keypoints]


def test_an_angle_turns_the_box_and_weights_stay_beside_it():
    table = np.float32([[10, 20, 8, 2, 0.5, np.pi / 2]]).T
    found = Columns("cxcywh", "", 1, "angle", 1).read(table, 0.5)
    np.testing.assert_allclose(found.boxes, [[9, 16, 11, 24]], atol=1e-5)
    np.testing.assert_allclose(found.rotated, [[10, 20, 8, 2, np.pi / 2]])
    weights = Columns("cxcywh", "", 1, "weights", 1).read(table, 0.5)
    np.testing.assert_allclose(weights.coefficients, [[np.pi / 2]])


def test_a_layout_says_which_columns_may_be_missing():
    layout = Layout.of("cxcywh objectness [scores]")
    assert (layout.box, layout.confidence, layout.tail, layout.optional) == (
        "cxcywh", "objectness", "", frozenset({"scores"}),
    )  # fmt: skip
    with pytest.raises(ValueError, match="columns must be of"):
        Layout.of("scores cxcywh")
