from __future__ import annotations

import numpy as np

from edgerun.card import ModelCard
from edgerun.heads import class_columns, grids

CARD = ModelCard(height=320, width=320)


def test_a_grid_is_known_by_the_number_of_its_anchors():
    assert grids.any_grid_of(2100, 320, 320) == grids.Grid(320, 320, (8, 16, 32))
    assert grids.any_grid_of(6300, 320, 320) == grids.Grid(320, 320, (8, 16, 32), 3)
    assert grids.any_grid_of(307, 320, 320) is None
    assert class_columns.fits_grid(2100, CARD)
    assert not class_columns.fits_grid(0, CARD)


def test_rows_of_all_anchors_in_no_order_are_not_finished():
    scores = np.random.default_rng(0).uniform(0, 1, 2100)
    assert "not finished" in class_columns.unfinished(scores, 2100, CARD)
    assert not class_columns.unfinished(np.sort(scores)[::-1], 2100, CARD)
    assert not class_columns.unfinished(scores[:300], 2100, CARD)


def test_as_many_rows_as_one_stride_has_cells_say_nothing_against_a_decoder_that_is_named():
    scores = np.random.default_rng(0).uniform(0, 1, 2100)
    assert "not finished" in class_columns.unfinished(scores[:100], 100, CARD)
    assert not class_columns.unfinished(scores[:100], 100, CARD, named=True)
    assert "not finished" in class_columns.unfinished(scores, 2100, CARD, named=True)


def test_scores_that_are_all_nought_are_in_no_order():
    assert class_columns.best_first(np.array([0.9, 0.4, 0.4]))
    assert not class_columns.best_first(np.array([0.4, 0.9]))
    assert not class_columns.best_first(np.zeros(3))
