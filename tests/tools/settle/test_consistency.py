"""What moves along with a photo counts for a reading."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.detections import Detections
from edgerun.tools.settle.consistency import Measure, View, measured


def rows(*entries, shape=(100, 200)):
    """Detections of (x1, y1, x2, y2, score, class)."""
    table = np.array(entries, np.float32).reshape(-1, 6)
    return Detections(table[:, :4].copy(), table[:, 4].copy(), table[:, 5].astype(np.int32), shape=shape)


@pytest.mark.parametrize("left_top", [True, False])
def test_boxes_of_a_view_come_back_to_where_they_are(left_top):
    image = np.zeros((100, 200, 3), np.uint8)
    image[40:60, 80:120] = 255
    view = View.of(image, left_top=left_top)
    assert view.image.shape == (90, 170, 3)
    y, x = np.nonzero(view.image[..., 0])
    seen = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]], np.float32)
    np.testing.assert_allclose(view.to_plain(seen), [[80, 40, 120, 60]])


def test_what_moves_along_counts_and_what_stays_does_not():
    view = View.of(np.zeros((100, 200, 3), np.uint8), left_top=True)
    plain = rows((80, 40, 120, 60, 0.8, 0))
    x1, x2 = (170 - (120 - 30)), (170 - (80 - 30))
    along = rows((x1, 30, x2, 50, 0.6, 0), shape=(90, 170))
    stays = rows((80, 40, 120, 60, 0.6, 0), shape=(90, 170))
    assert measured(plain, view, along, classify=False).matched == pytest.approx(0.48, rel=1e-4)
    assert measured(plain, view, along, classify=False).expected == pytest.approx(0.5)
    assert measured(plain, view, stays, classify=False).matched == 0
    other_class = rows((x1, 30, x2, 50, 0.6, 1), shape=(90, 170))
    assert measured(plain, view, other_class, classify=False).matched == 0


def test_a_box_around_everything_says_nothing():
    view = View.of(np.zeros((100, 200, 3), np.uint8), left_top=True)
    measure = measured(rows((0, 0, 200, 100, 0.9, 0)), view, rows((0, 0, 170, 90, 0.9, 0)), classify=False)
    assert measure == Measure(0, 0)


def test_what_a_view_cuts_off_need_not_be_found_again():
    view = View.of(np.zeros((100, 200, 3), np.uint8), left_top=True)
    gone = measured(rows((0, 0, 25, 9, 0.9, 0)), view, rows(shape=(90, 170)), classify=False)
    assert gone == Measure(0, 0)


def test_classes_of_whole_pictures_are_compared_by_their_shares():
    view = View.of(np.zeros((100, 200, 3), np.uint8), left_top=True)
    whole = rows((0, 0, 200, 100, 0.8, 3), (0, 0, 200, 100, 0.1, 5))
    again = rows((0, 0, 170, 90, 0.5, 3), (0, 0, 170, 90, 0.2, 7))
    assert measured(whole, view, again, classify=True).matched == pytest.approx(0.4)


def test_what_is_found_in_a_picture_of_nothing_does_not_count():
    rubbish, right = Measure(expected=285.0, matched=41.0), Measure(expected=6.0, matched=5.0)
    assert rubbish.score(0) > right.score(0)
    assert rubbish.score(87) == 0
    assert right.score(0) == pytest.approx((5 * 5 / 6) ** 0.5)
