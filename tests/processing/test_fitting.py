"""Sizes of fitted images, as transformers 5.23.0 and torchvision 0.28 compute them (their sources: see the module)."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.processing.fitting import Fitting
from edgerun.processing.preprocess import Geometry

DETR = Fitting("letterbox-topleft", shorter_side=800, longer_side=1333)


@pytest.mark.parametrize(
    ("image", "size"),
    [
        ((480, 640), (800, 1066)),  # 1066.67, cut off
        ((640, 480), (1066, 800)),
        ((800, 800), (800, 800)),
        ((400, 1000), (533, 1333)),  # 1333 * 400 / 1000 = 533.2
        ((300, 900), (444, 1333)),
    ],
)
def test_the_shorter_side_is_given_and_the_longer_one_limited(image, size):
    assert DETR.open_size(image, (800, 800)) == size


def test_sides_become_multiples_down_or_up():
    assert Fitting("letterbox-topleft", 1.0, 800, 1333, 16).open_size((480, 640), (800, 800)) == (800, 1056)
    assert Fitting("letterbox-topleft", 1.0, 800, 1333, 32, "up").open_size((480, 640), (800, 800)) == (800, 1088)
    assert Fitting("letterbox-topleft", 1.0, 8, 0, 16).open_size((10, 10), (8, 8)) == (16, 16), "never nothing"


def test_without_sides_an_image_lies_within_the_size_of_the_card():
    assert Fitting("letterbox-topleft").open_size((480, 640), (96, 127)) == (95, 127)


def test_in_a_fixed_input_sides_hold_where_they_go_in():
    assert DETR.fitted((480, 640), (1333, 1333)) == (800, 1066)
    assert DETR.fitted((480, 640), (640, 640)) == (480, 640)
    assert DETR.fitted((480, 640), (800, 800)) == (600, 800)


def test_a_longer_side_alone_leaves_a_border_all_round():
    """YOLO-NAS: 636 of 640 (LibreYOLO 1.6.0, postprocess/yolonas.py, YOLO_NAS_RESIZE_SIZE)."""
    fitting = Fitting("letterbox", longer_side=636)
    assert fitting.fitted((480, 640), (640, 640)) == (477, 636)
    geometry = Geometry.fit(480, 640, 640, 640, fitting)
    assert (geometry.left, geometry.top) == (2, 81)
    assert fitting.fitted((480, 640), (320, 320)) == (240, 320)


def test_a_crop_is_cut_out_of_the_middle_of_a_larger_image():
    assert Fitting("center-crop", 224 / 256).fitted((480, 640), (224, 224)) == (256, 341)
    assert Fitting("center-crop", 0.9).fitted((480, 480), (224, 224)) == (248, 248)
    assert 68 / (68 / 100) < 100, "but a hundred is meant"
    assert Fitting("center-crop", 68 / 100).fitted((480, 480), (68, 68)) == (100, 100)
    assert Fitting("stretch", 224 / 256).fitted((480, 640), (224, 224)) == (256, 256)
    geometry = Geometry.fit(480, 640, 224, 224, Fitting("stretch", 224 / 256))
    assert (geometry.left, geometry.top, geometry.scale_x) == (-16, -16, 0.4)


def test_boxes_come_back_through_a_crop():
    geometry = Geometry.fit(480, 640, 224, 224, Fitting("center-crop", 224 / 256))
    box = np.array([[200.0, 100.0, 300.0, 200.0]])
    inside = geometry.to_model(box)
    assert inside[0, 0] == pytest.approx(200 * 341 / 640 - 58)
    assert geometry.to_image(inside) == pytest.approx(box, abs=1e-3)


@pytest.mark.parametrize(
    ("image", "canvas", "fitted"),
    [((30, 40), (20, 20), (20, 26)), ((40, 30), (20, 20), (26, 20)), ((30, 59), (20, 30), (20, 39))],
)
def test_the_longer_side_of_a_crop_is_cut_off_behind_the_point(image, canvas, fitted):
    """torchvision 0.28, transforms/functional.py, _compute_resized_output_size: 20 · 40 / 30 = 26.67 is 26."""
    assert Fitting("center-crop").fitted(image, canvas) == fitted


def test_an_image_that_just_fills_the_canvas_is_not_fitted_anew():
    """YOLOS: 640 x 480 goes in as 1056 x 800, in multiples of 16; in a canvas a pixel narrower it is fitted inside."""
    yolos = Fitting("letterbox-topleft", shorter_side=800, longer_side=1333, side_multiple=16)
    assert yolos.fitted((480, 640), (800, 1056)) == (800, 1056)
    assert yolos.fitted((480, 640), (800, 1055)) == (791, 1055)
    assert yolos.fitted((480, 640), (799, 1056)) == (792, 1056)
