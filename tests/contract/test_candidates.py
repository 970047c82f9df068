from __future__ import annotations

import numpy as np

from edgerun.contract import Candidates


def test_the_box_around_an_oriented_one_is_that_of_its_pixels():
    """A square of 0.2 x 0.2 on an input of 200 x 100, a quarter turned: 40 x 20 lies 20 wide and 40 high."""
    rotated = np.array([[0.5, 0.5, 0.2, 0.2, np.pi / 2]], np.float32)
    found = Candidates(np.array([[0.4, 0.4, 0.6, 0.6]], np.float32), np.ones(1), np.zeros(1), rotated=rotated)
    scaled = found.scaled(200, 100)
    np.testing.assert_allclose(scaled.rotated, [[100, 50, 40, 20, np.pi / 2]], rtol=1e-6)
    np.testing.assert_allclose(scaled.boxes, [[90, 30, 110, 70]], rtol=1e-5)


def test_points_are_scaled_and_their_visibility_is_not():
    points = np.array([[[0.5, 0.25, 0.9]]], np.float32)
    found = Candidates(np.array([[0.1, 0.2, 0.5, 0.4]], np.float32), np.ones(1), np.zeros(1), points).scaled(200, 100)
    np.testing.assert_allclose(found.boxes, [[20, 20, 100, 40]], rtol=1e-6)
    np.testing.assert_allclose(found.keypoints, [[[100, 25, 0.9]]], rtol=1e-6)
