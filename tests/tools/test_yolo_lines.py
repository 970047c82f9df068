"""Numbers of a line: box, outline, oriented box, or box and keypoints."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.tools import yolo_lines

BOX = [0.5, 0.5, 0.2, 0.4]
VISIBLE = [0.45, 0.35, 2, 0.55, 0.65, 1]
POINTS = [0.45, 0.35, 0.55, 0.65]
SMALL = [0.5, 0.5, 0.52, 0.5, 0.53, 0.52, 0.51, 0.54]
ROTATED = [0.5, 0.4, 0.6, 0.5, 0.5, 0.6, 0.4, 0.5]
WIDE = [0.1, 0.2, 0.5, 0.2, 0.5, 0.6, 0.1, 0.5]


@pytest.mark.parametrize(
    ("line", "outlines"),
    [
        (BOX + VISIBLE, False),
        (BOX + VISIBLE + [0, 0, 0], False),
        (BOX + POINTS, False),
        (BOX + [0, 0, 0.55, 0.65], False),
        (BOX + POINTS[:2], True),  # a triangle may have any corners
        (SMALL, True),
    ],
)
def test_poses_that_may_be_outlines_too(line, outlines):
    table = np.array([line], float)
    assert yolo_lines.may_be_poses(table)
    assert yolo_lines.may_be_outlines(table) is outlines


@pytest.mark.parametrize(
    "line",
    [BOX + [0.2, 0.35, 0.55, 0.65], ROTATED, WIDE, [0, 0, 1, 0, 1, 1, 0, 1, 0, 0]],
    ids=["a point outside its box", "oriented box", "outline", "closed frame"],
)
def test_lines_that_are_not_poses(line):
    assert not yolo_lines.may_be_poses(np.array([line], float))


def test_one_line_may_tell_of_all():
    assert not yolo_lines.may_be_poses(np.array([SMALL, WIDE]))


@pytest.mark.parametrize(("lengths", "common"), [((4, 10, 10), 10), ((6, 8), 0), ((4, 4), 0), ((), 0)])
def test_the_length_that_all_long_lines_share(lengths, common):
    assert yolo_lines.common_length([np.zeros(length) for length in lengths]) == common


def test_boxes_of_lines():
    np.testing.assert_allclose(yolo_lines.sides(np.array(BOX + VISIBLE)), [0.4, 0.3, 0.6, 0.7])
    np.testing.assert_allclose(yolo_lines.around(np.array(WIDE)), [0.1, 0.2, 0.5, 0.6])
