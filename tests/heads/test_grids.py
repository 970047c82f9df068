from __future__ import annotations

import numpy as np
import pytest

from edgerun.heads import grids


@pytest.mark.parametrize(("size", "expected"), [((640, 640), 8400), ((416, 416), 3549), ((65, 33), 45 + 15 + 6)])
def test_cells_are_counted_with_sizes_rounded_up(size, expected):
    assert grids.cells(*size, (8, 16, 32)) == expected
    assert len(grids.centres(*size, (8, 16, 32))) == len(grids.strides_of(*size, (8, 16, 32))) == expected


def test_a_ladder_is_known_by_its_number_of_cells():
    assert grids.ladder_of(8400, 640, 640) == (8, 16, 32)
    assert grids.ladder_of(25200, 640, 640, 3) == (8, 16, 32)
    assert grids.ladder_of(8401, 640, 640) is None


def test_points_run_along_rows_and_lie_in_the_middle_of_cells():
    points = grids.centres(32, 64, (16,))
    np.testing.assert_array_equal(points[:5], [(8, 8), (24, 8), (40, 8), (56, 8), (8, 24)])


def test_a_grid_is_known_by_its_number_of_anchors_and_says_so():
    grid = grids.grid_of(25200, 640, 640, 3)
    assert grid == grids.Grid(640, 640, (8, 16, 32), 3)
    assert grid.count == 25200
    assert str(grid) == "three anchors per cell at strides 8, 16, 32"
    assert grids.grid_of(None, 640, 640) is grids.grid_of(8401, 640, 640) is None


def test_scores_of_all_anchors_come_in_no_order():
    scores = np.random.default_rng(0).uniform(0, 1, 8400)
    assert grids.unordered_grid(scores, 640, 640).per_cell == 1
    assert grids.unordered_grid(np.tile(scores, 3), 640, 640).per_cell == 3
    assert grids.unordered_grid(np.sort(scores)[::-1], 640, 640) is None
    assert grids.unordered_grid(scores[1:], 640, 640) is None
