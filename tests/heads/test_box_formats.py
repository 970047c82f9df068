from __future__ import annotations

import numpy as np
import pytest

from edgerun.heads import box_formats, grids

HEIGHT, WIDTH, STRIDES = 256, 320, (8, 16, 32)
WRITTEN = {
    "cx cy w h": lambda b: np.concatenate(((b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]), axis=1),
    "x1 y1 x2 y2": lambda b: b,
    "x1 y1 w h": lambda b: np.concatenate((b[:, :2], b[:, 2:] - b[:, :2]), axis=1),
    "y1 x1 y2 x2": lambda b: b[:, [1, 0, 3, 2]],
    "cy cx h w": lambda b: WRITTEN["cx cy w h"](b)[:, [1, 0, 3, 2]],
}


def corners():
    points = grids.centres(HEIGHT, WIDTH, STRIDES)
    steps = grids.strides_of(HEIGHT, WIDTH, STRIDES)
    sides = np.abs(np.random.default_rng(0).normal(2, 0.8, (len(points), 4))) * steps[:, None]
    return np.concatenate((points - sides[:, :2], points + sides[:, 2:]), axis=1)


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("form", WRITTEN)
def test_a_grid_s_boxes_are_told_by_their_cells(form, unit):
    boxes = WRITTEN[form](corners() / ((WIDTH, HEIGHT) * 2 if unit else 1))
    np.testing.assert_allclose(box_formats.FORMS[form](WRITTEN[form](corners())), corners(), atol=1e-4)
    for read in WRITTEN:
        wrong = box_formats.misread(boxes, read, HEIGHT, WIDTH, STRIDES)
        assert wrong == ("" if read == form else f"the boxes of a trial run are {form}, not {read}")


def test_boxes_by_chance_and_rows_of_nothing_are_given_the_benefit_of_the_doubt():
    random = np.random.default_rng(1).uniform(0, 256, (1680, 4))
    planted = np.zeros((1680, 4))
    planted[7] = 10, 20, 60, 90
    for boxes in (random, planted):
        assert box_formats.misread(boxes, "cx cy w h", HEIGHT, WIDTH, STRIDES) == ""
    assert box_formats.fits(planted, HEIGHT, WIDTH, STRIDES) == {}


def test_boxes_that_count_from_their_cells_are_not_decoded():
    raw = np.random.default_rng(2).normal(0, 3, (1680, 4))
    assert "count from their cells" in box_formats.misread(raw, "cx cy w h", HEIGHT, WIDTH, STRIDES)


@pytest.mark.parametrize("factor", [0.5, 2.0])
@pytest.mark.parametrize("form", ["cx cy w h", "x1 y1 x2 y2"])
@pytest.mark.parametrize("unit", [False, True])
def test_boxes_of_an_input_of_another_size_are_not_decoded(form, factor, unit):
    boxes = WRITTEN[form](corners() / ((WIDTH, HEIGHT) * 2 if unit else 1)) * factor
    wrong = box_formats.misread(boxes, form, HEIGHT, WIDTH, STRIDES)
    assert f"fit an input {factor:.2g} times as large" in wrong or (unit and "count from their cells" in wrong)


def test_boxes_in_another_order_than_their_cells_are_not_taken_for_those_of_another_size():
    boxes = WRITTEN["cx cy w h"](corners())[::-1]
    assert box_formats.misread(boxes, "cx cy w h", HEIGHT, WIDTH, STRIDES) == ""


def test_anchors_of_a_stride_lie_one_after_another():
    points = np.concatenate([np.tile(grids.centres(HEIGHT, WIDTH, (stride,)), (3, 1)) for stride in STRIDES])
    boxes = np.concatenate((points - 9, points + 15), axis=1)
    assert box_formats.misread(boxes, "x1 y1 x2 y2", HEIGHT, WIDTH, STRIDES, 3) == ""
    assert "x1 y1 x2 y2" in box_formats.misread(boxes, "cx cy w h", HEIGHT, WIDTH, STRIDES, 3)


def test_boxes_of_queries_are_told_by_the_picture_s_edges():
    ends = np.sort(np.random.default_rng(3).uniform(0, 1, (100, 2, 2)), axis=1).reshape(100, 4)
    assert box_formats.outside(WRITTEN["cx cy w h"](ends), "cx cy w h") == ""
    assert "x1 y1 w h" in box_formats.outside(WRITTEN["x1 y1 w h"](ends), "cx cy w h")
    assert box_formats.outside(np.zeros((5, 4)), "cx cy w h") == ""


def test_queries_that_all_give_one_box_tell_nothing():
    alike = np.array([0.3, 0.3, 0.9, 0.95]) + np.random.default_rng(4).normal(0, 0.002, (100, 4))
    assert box_formats.outside(alike, "cx cy w h") == ""


def test_crossed_corners_are_no_corners():
    assert not box_formats.crosses(np.array([[1, 2, 30, 40], [0, 0, 0, 0]]))
    assert box_formats.crosses(np.array([[1, 2, 30, 40], [30, 40, 5, 6]]))


# ------------------------------------------------------------------------------ inputs four times as wide as high


@pytest.mark.parametrize("size", [(160, 640), (640, 160)])
@pytest.mark.parametrize(("side", "near"), [(18, True), (24, False), (70, False)])
def test_boxes_near_the_origin_are_measured_by_the_shorter_side(size, side, near):
    """An eighth of 160 is 20; boxes that reach 24 are within an eighth of 640, and may be decoded."""
    count = grids.cells(*size, STRIDES)
    boxes = np.random.default_rng(2).uniform(-side, side, (count, 4))
    boxes[:, 3] = side
    wrong = box_formats.misread(boxes, "cx cy w h", *size, STRIDES)
    assert ("count from their cells" in wrong) is near, wrong


@pytest.mark.parametrize("size", [(160, 640), (640, 160)])
@pytest.mark.parametrize("form", WRITTEN)
def test_boxes_in_0_to_1_are_brought_to_the_sides_of_the_input(size, form):
    height, width = size
    points, steps = grids.centres(*size, STRIDES), grids.strides_of(*size, STRIDES)
    sides = np.abs(np.random.default_rng(0).normal(2, 0.5, (len(points), 4))) * steps[:, None]
    pixels = np.concatenate((points - sides[:, :2], points + sides[:, 2:]), axis=1)
    written = WRITTEN[form](pixels / ((width, height) * 2))
    found = box_formats.fits(written, height, width, STRIDES)
    assert found[form].holding > 0.99
    areas = np.prod(pixels[:, 2:] - pixels[:, :2], axis=1)
    assert found[form].area == pytest.approx(np.median(areas), rel=1e-3)
    assert box_formats.misread(written, form, height, width, STRIDES) == ""


def test_a_box_may_end_a_hundredth_of_the_longer_side_before_its_cell():
    points = grids.centres(160, 640, STRIDES)
    for off, holding in ((6.0, 1.0), (7.0, 0.0)):
        boxes = np.concatenate((points + off, points + off + 10), axis=1)
        assert box_formats.fits(boxes, 160, 640, STRIDES)["x1 y1 x2 y2"].holding == holding
