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
