from __future__ import annotations

import numpy as np

from edgerun.heads.peaks import peaks


def test_a_plateau_keeps_all_its_cells_and_a_slope_none():
    scores = np.zeros((4, 4), np.float32)
    scores[1, 1] = scores[1, 2] = 0.9
    scores[2, 1] = 0.8
    cells, classes = peaks(scores.reshape(16, 1), 0.5, 4, 4)
    np.testing.assert_array_equal(cells, [5, 6])
    np.testing.assert_array_equal(classes, [0, 0])
