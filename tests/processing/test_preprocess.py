from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerun.card import ModelCard
from edgerun.processing import model_inputs
from edgerun.processing.preprocess import Geometry, Plan
from edgerun.processing.quantization import quantise
from edgerun.processing.resize import bilinear
from edgerun.tensors import Quantization, TensorSpec

PLAIN = {
    "resize": "letterbox",
    "fill": (114, 114, 114),
    "color": "rgb",
    "scale": 1 / 255,
    "mean": (0.0, 0.0, 0.0),
    "std": (1.0, 1.0, 1.0),
}


def plan(height=32, width=48, channels_last=False, dtype="float32", quantization=None, **changes):
    spec = TensorSpec("images", (1, 3, height, width), dtype, quantization)
    return Plan(height=height, width=width, channels_last=channels_last, spec=spec, **{**PLAIN, **changes})


def applied(the_plan, picture):
    out = np.full(the_plan.shape, 77, the_plan.spec.dtype)
    return the_plan.apply(picture, out), out


@pytest.mark.parametrize("resize", ["letterbox", "letterbox-topleft", "stretch", "center-crop"])
def test_the_geometry_and_its_inverse_round_trip(resize):
    """500 random sizes, within a thousandth of a pixel."""
    random = np.random.default_rng(7)
    for _ in range(500):
        tall, wide = random.integers(1, 4000, 2)
        height, width = random.integers(16, 1281, 2)
        geometry = Geometry.fit(int(tall), int(wide), int(height), int(width), resize)
        corners = np.sort(random.random((4, 2, 2)), axis=1).reshape(-1, 4) * np.tile([wide, tall], 2)
        boxes = corners.astype(np.float32)
        back = geometry.to_image(geometry.to_model(boxes))
        np.testing.assert_allclose(back, boxes, atol=1e-3)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(8, 1500), st.integers(8, 1500))
def test_a_letterboxed_picture_lies_inside_the_input(tall, wide, height, width):
    geometry = Geometry.fit(tall, wide, height, width, "letterbox")
    fitted_height, fitted_width = geometry.fitted
    assert geometry.top >= 0
    assert geometry.top + fitted_height <= height
    assert geometry.left >= 0
    assert geometry.left + fitted_width <= width
    assert fitted_height == height or fitted_width == width
    assert (height - fitted_height) - 2 * geometry.top in (0, 1)  # an odd row goes below
    assert (width - fitted_width) - 2 * geometry.left in (0, 1)


def test_a_letterbox_offset_is_half_of_what_is_left():
    geometry = Geometry.fit(100, 200, 64, 64, "letterbox")
    assert (geometry.left, geometry.top) == (0, 16)
    assert Geometry.fit(100, 200, 64, 64, "letterbox-topleft").top == 0


def test_boxes_are_clipped_to_the_picture():
    geometry = Geometry.fit(100, 200, 64, 64, "letterbox")
    boxes = geometry.to_image(np.array([[-50, -50, 200, 200]], np.float32))
    assert boxes.tolist() == [[0, 0, 200, 100]]


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(("color", "first"), [("rgb", 30), ("bgr", 10)])
def test_channels_come_in_the_order_of_the_card(channels_last, color, first):
    picture = np.full((32, 48, 3), (10, 20, 30), np.uint8)  # blue 10, green 20, red 30
    _, out = applied(plan(channels_last=channels_last, color=color), picture)
    channel = out[..., 0] if channels_last else out[0]
    np.testing.assert_allclose(channel, first / 255, rtol=1e-6)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("resize", ["letterbox", "letterbox-topleft", "stretch", "center-crop"])
@pytest.mark.parametrize("mean", [(0.0, 0.0, 0.0), (0.485, 0.456, 0.406)])
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
def test_it_equals_the_plain_formula(channels_last, resize, mean, dtype):
    """(p * scale - mean) / std on the resized picture, fill around it, written out step by step in float64."""
    picture = np.random.default_rng(3).integers(0, 256, (50, 40, 3), np.uint8)
    std = (0.229, 0.224, 0.225) if any(mean) else (1.0, 1.0, 1.0)
    the_plan = plan(channels_last=channels_last, resize=resize, mean=mean, std=std, dtype=dtype, fill=(1, 2, 3))
    geometry, out = applied(the_plan, picture)
    height, width = geometry.fitted
    resized = bilinear(picture, height, width)[..., ::-1]
    top, left = int(geometry.top), int(geometry.left)
    if resize == "center-crop":
        expected = resized[-top : 32 - top, -left : 48 - left].astype(np.float64)
    else:
        expected = np.tile(np.array([1.0, 2, 3]), (32, 48, 1))
        expected[top : top + height, left : left + width] = resized
    expected = (expected / 255 - np.array(mean)) / np.array(std)
    if not channels_last:
        expected = expected.transpose(2, 0, 1)
    np.testing.assert_allclose(out, expected, atol=2e-3 if dtype == "float16" else 1e-6)


@pytest.mark.parametrize(
    ("dtype", "quantization"),
    [
        ("uint8", Quantization((1 / 255,), (0,))),
        ("int8", Quantization((0.0078125,), (-1,))),
        ("int16", Quantization((3e-5,), (0,))),
        ("uint8", None),
    ],
)
def test_quantised_inputs_are_rounded_and_saturated(dtype, quantization):
    picture = np.random.default_rng(5).integers(0, 256, (32, 48, 3), np.uint8)
    scale = 1.0 if quantization is None else 1 / 255
    _, out = applied(plan(dtype=dtype, quantization=quantization, scale=scale), picture)
    real = picture[..., ::-1].transpose(2, 0, 1) * scale
    expected = real if quantization is None else quantise(real, quantization, dtype)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, expected)


def test_grey_models_see_the_luminance():
    picture = np.full((32, 48, 3), (0, 0, 255), np.uint8)
    _, out = applied(plan(color="gray"), picture)
    assert out.shape == (1, 32, 48)
    np.testing.assert_allclose(out, 76 / 255, rtol=1e-6)  # 0.299 of red, ITU-R BT.601


def test_a_kept_border_is_left_alone():
    the_plan = plan()
    picture = np.zeros((16, 48, 3), np.uint8)
    _, out = applied(the_plan, picture)
    once = out.copy()
    the_plan.apply(np.full((16, 48, 3), 255, np.uint8), out, border=False)
    np.testing.assert_array_equal(out[:, :8], once[:, :8])
    assert (out[:, 8:24] == 1).all()


def test_a_plan_is_made_of_the_card_and_the_input():
    image = model_inputs.find([TensorSpec("images", (1, 64, 96, 3), "uint8")], "model")
    made = Plan.of(ModelCard(height=64, width=96, color="bgr", resize="stretch", scale=1.0, fill=(1, 2, 3)), image)
    assert made.shape == (64, 96, 3)
    assert (made.color, made.resize, made.scale, made.fill, made.spec) == ("bgr", "stretch", 1.0, (1, 2, 3), image.spec)


def test_keypoints_come_back_with_their_visibility():
    geometry = Geometry.fit(32, 64, 64, 64, "letterbox")
    points = np.array([[[8.0, 24.0, 0.5], [0.0, 16.0, 1.0]]], np.float32)
    np.testing.assert_allclose(geometry.keypoints_to_image(points), [[[8, 8, 0.5], [0, 0, 1]]])


@st.composite
def places(draw, *, alike=False):
    """Where an image of any size lies in an input of any size; `alike` scales x and y by the same."""
    scale = draw(st.floats(0.1, 8))
    return Geometry(
        scale_x=scale,
        scale_y=scale if alike else draw(st.floats(0.1, 8)),
        left=float(draw(st.integers(-300, 300))),
        top=float(draw(st.integers(-300, 300))),
        image_height=draw(st.integers(1, 3000)),
        image_width=draw(st.integers(1, 3000)),
    )


SHARES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6)


@settings(max_examples=200, deadline=None)
@given(places(), SHARES)
def test_points_and_keypoints_come_back_from_any_place_and_keep_their_visibility(place, shares):
    points = np.array(shares) * (place.image_width, place.image_height)
    fed = points * (place.scale_x, place.scale_y) + (place.left, place.top)
    np.testing.assert_allclose(place.points_to_image(fed), points, atol=2e-3)
    seen = np.linspace(0, 1, len(points))[None, :, None]
    back = place.keypoints_to_image(np.concatenate((fed[None], seen), axis=2))
    np.testing.assert_allclose(back, np.concatenate((points[None], seen), axis=2), atol=2e-3)


@settings(max_examples=200, deadline=None)
@given(places(), st.floats(0, 3000), st.floats(0, 3000), st.floats(1, 500), st.floats(1, 500), st.integers(0, 3))
def test_a_box_that_is_turned_by_right_angles_comes_back_from_a_stretched_input(place, x, y, long, short, quarters):
    """Half its sides are drawn as arrows in the image, and each arrow's ends are fed."""
    angle = quarters * np.pi / 2
    along, across = _arrows(long, short, angle) * (place.scale_x, place.scale_y)
    centre = np.array((x, y)) * (place.scale_x, place.scale_y) + (place.left, place.top)
    turned = np.arctan2(along[1], along[0])
    fed = np.array([[*centre, 2 * np.hypot(*along), 2 * np.hypot(*across), turned]])
    ((*back, back_angle),) = place.rotated_to_image(fed).astype(float)
    np.testing.assert_allclose(back, (x, y, long, short), rtol=1e-4, atol=5e-3)
    assert np.cos(back_angle - angle) > 1 - 1e-5


@settings(max_examples=200, deadline=None)
@given(
    places(alike=True), st.floats(0, 3000), st.floats(0, 3000), st.floats(1, 500), st.floats(1, 500), st.floats(-3, 3)
)
def test_a_box_that_is_turned_by_any_angle_comes_back_where_both_sides_are_scaled_alike(
    place, x, y, long, short, angle
):
    along, across = _arrows(long, short, angle) * place.scale_x
    centre = np.array((x, y)) * place.scale_x + (place.left, place.top)
    fed = np.array([[*centre, 2 * np.hypot(*along), 2 * np.hypot(*across), angle]])
    ((*back, back_angle),) = place.rotated_to_image(fed).astype(float)
    np.testing.assert_allclose(back, (x, y, long, short), rtol=1e-4, atol=5e-3)
    assert np.cos(back_angle - angle) > 1 - 1e-5


def _arrows(long, short, angle):
    """From the centre to the middle of two sides, [2, 2]."""
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return turn * [[long / 2], [short / 2]]
