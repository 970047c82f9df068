"""What is drawn: outlines, masks, points; nothing else."""

from __future__ import annotations

import numpy as np

from edgerun.media.draw import annotate, colour

CANVAS = np.zeros((100, 200, 3), np.uint8)
BOX = np.array([[50, 40, 150, 90]], np.float32)


def drawn(boxes=BOX, captions=("",), classes=(0,), **further):
    return annotate(CANVAS, np.asarray(boxes, np.float32), captions, np.array(classes), **further)


def test_a_box_is_outlined_and_not_filled():
    picture = drawn()
    assert (picture[40, 55:145] == colour(0)).all() and (picture[45:85, 50] == colour(0)).all()
    assert not picture[45:85, 55:145].any()
    assert not CANVAS.any()


def test_the_corners_of_an_oriented_box_stand_in_for_the_box():
    picture = drawn(polygons=[np.array([(100, 45), (140, 65), (100, 85), (60, 65)], np.float32)])
    assert picture[65, 139].any() and not picture[40, 55:145].any()


def test_a_mask_lets_the_image_through():
    mask = np.zeros((1, 100, 200), np.bool_)
    mask[0, 50:80, 60:140] = True
    inside = drawn(masks=mask)[60, 100]
    np.testing.assert_allclose(inside, np.array(colour(0)) * 0.45, atol=1)


def test_points_that_are_not_numbers_do_no_harm():
    points = np.full((1, 2, 3), np.nan, np.float32)
    np.testing.assert_array_equal(drawn(keypoints=points, limbs=[[(0, 1)]]), drawn())


def test_the_best_row_lies_on_top_and_captions_lie_on_all():
    picture = drawn([*BOX, *BOX], ("", ""), (0, 1))
    assert (picture[40, 55:145] == colour(0)).all()
    captioned = drawn([*BOX, *BOX], ("a", "b"), (0, 1))
    tabs = [
        (captioned == colour(number)).all(axis=2).sum() - (picture == colour(number)).all(axis=2).sum()
        for number in (0, 1)
    ]
    assert min(tabs) > 50
