from __future__ import annotations

import numpy as np

from edgerun.heads import landmarks


def test_points_that_nobody_calls_hidden_are_visible():
    found = landmarks.visible(np.array([[[1, 2], [3, 4]]]))
    assert found.dtype == np.float32
    assert found.tolist() == [[[1, 2, 1], [3, 4, 1]]]


def test_points_are_measured_from_their_row_in_its_own_size():
    """Two rows, one of size 10 and one of size 2."""
    offsets = np.array([[0, 0, 1, 2], [1, 1, 0, -1]], np.float32)
    centres = np.array([[100, 50], [20, 30]], np.float32)
    found = landmarks.around(offsets, centres, np.array([[10], [2]], np.float32))
    assert found.tolist() == [[[100, 50, 1], [110, 70, 1]], [[22, 32, 1], [20, 28, 1]]]
