from __future__ import annotations

import numpy as np
import pytest

from edgerun.heads import grids
from edgerun.heads.grid_facts import GridFacts

GRID = grids.Grid(320, 320, (8, 16, 32))
CENTRES = grids.centres(320, 320, (8, 16, 32))


def facts(*columns):
    return GridFacts(np.concatenate(columns, axis=1).T.astype(np.float32), GRID)


@pytest.mark.parametrize("unit", [1, 320])
def test_boxes_about_their_cells_are_evidence_for_a_grid(unit):
    found = facts(CENTRES / unit, np.full((2100, 2), 20 / unit))
    assert found.boxes_hold_cells
    assert found.lie_on_cells


def test_boxes_of_the_whole_input_hold_any_cell_and_are_no_evidence():
    """YOLOX's raw offsets within -1..1 beside logarithms of 1 and more: read as corners in 0..1 they span the input."""
    random = np.random.default_rng(0)
    raw = facts(random.uniform(-1, 0, (2100, 2)), random.uniform(1, 1.5, (2100, 2)))
    assert not raw.boxes_hold_cells
    whole = facts(np.tile([[0, 0, 320, 320]], (2100, 1)))
    assert not whole.lie_on_cells


@pytest.mark.parametrize(("scores", "ranked"), [((0.9, 0.4, 0.4), True), ((0.4, 0.9, 0.1), False), ((0, 0, 0), False)])
def test_rows_that_come_best_first_are_known(scores, ranked):
    boxes = np.ones((3, 4))
    assert GridFacts(np.column_stack((boxes, scores)).T, GRID).are_ranked is ranked


@pytest.mark.parametrize(("padding", "padded"), [(0, True), (-1, True), (0.5, False)])
def test_rows_that_hold_nothing_are_known(padding, padded):
    assert GridFacts(np.array([[1, 2, 3, 4, 0.9, 0], [padding] * 6], np.float32).T, GRID).are_padded is padded


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("size", [(160, 640), (640, 160)])
def test_centres_cover_an_input_of_any_shape_or_do_not(size, unit):
    height, width = size
    scale = (width, height) if unit else (1, 1)
    centres = grids.centres(*size, (8, 16, 32)) / scale

    def cover(points):
        table = np.concatenate((points, np.full((len(points), 2), 0.1)), axis=1).T
        return GridFacts(table, grids.Grid(*size, (8, 16, 32))).centres_cover_input

    assert cover(centres)
    assert not cover(centres * (1, 0.4))  # the upper two fifths
    assert not cover(centres * (0.4, 1))  # the left ones
    assert not cover(np.random.default_rng(0).permutation(centres))  # not in the order of the cells


@pytest.mark.parametrize(
    ("values", "inside"), [((0.0, 1.0), True), ((-0.02, 0.5), True), ((-0.03, 0.5), False), ((0.5, 1.03), False)]
)
def test_columns_in_0_to_1_are_told_one_by_one(values, inside):
    table = np.array([[300, 5], [2, 7], [8, 8], [8, 8], values, [0.1, 0.2]], float)
    found = GridFacts(table, GRID)
    assert found.columns_in_unit_range.tolist() == [False, False, False, False, inside, True]
    assert found.in_unit_range(slice(4, 6)) is inside
