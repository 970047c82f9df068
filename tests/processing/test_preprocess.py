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


# --------------------------------------------------------------------------------- where x and y differ


def test_an_oriented_box_on_a_stretched_picture_is_scaled_along_its_own_directions():
    """A picture of 200 x 50 in an input of 100 x 100: half as wide, twice as tall."""
    geometry = Geometry.fit(50, 200, 100, 100, "stretch")
    rotated = np.array([[50, 20, 30, 10, 0], [50, 20, 30, 10, np.pi / 2], [50, 20, 30, 10, np.pi / 4]], np.float32)
    lying, standing, slanted = geometry.rotated_to_image(rotated)
    np.testing.assert_allclose(lying, (100, 10, 60, 5, 0), atol=1e-5)
    np.testing.assert_allclose(standing, (100, 10, 15, 20, np.pi / 2), atol=1e-5)
    longer = np.hypot(2, 0.5) / np.sqrt(2)  # of a step at 45 degrees, which goes twice as far to the right
    np.testing.assert_allclose(slanted, (100, 10, 30 * longer, 10 * longer, np.arctan2(0.5, 2)), rtol=1e-5)


def test_an_oriented_box_on_a_letterboxed_picture_keeps_its_shape_and_angle():
    """A picture of 200 x 100 at half its size, below 25 rows of border."""
    geometry = Geometry.fit(100, 200, 100, 100, "letterbox")
    (moved,) = geometry.rotated_to_image(np.array([[50, 40, 30, 10, 0.3]], np.float32))
    np.testing.assert_allclose(moved, (100, 30, 60, 20, 0.3), rtol=1e-5)


def test_points_and_boxes_on_a_stretched_picture_are_scaled_apart():
    geometry = Geometry.fit(50, 200, 100, 100, "stretch")
    assert (geometry.scale_x, geometry.scale_y) == (0.5, 2.0)
    assert geometry.points_to_image(np.array([[50, 20]])).tolist() == [[100, 10]]
    assert geometry.to_image(np.array([[10, 20, 30, 40]])).tolist() == [[20, 10, 60, 20]]
    assert geometry.to_model(np.array([[20, 10, 60, 20]])).tolist() == [[10, 20, 30, 40]]
    assert geometry.keypoints_to_image(np.array([[[50.0, 20, 0.5]]])).tolist() == [[[100, 10, 0.5]]]


@pytest.mark.parametrize(
    ("picture", "size", "resize", "left", "top"),
    [
        ((33, 48), (32, 48), "center-crop", 0, 0),  # of one row too many the last goes
        ((32, 51), (32, 48), "center-crop", -1, 0),  # of three columns one goes in front and two behind
        ((67, 48), (32, 48), "center-crop", 0, -17),
        ((31, 48), (32, 48), "letterbox", 0, 0),  # an odd row of border lies below
        ((32, 45), (32, 48), "letterbox", 1, 0),  # and an odd column to the right
        ((29, 48), (32, 48), "letterbox", 0, 1),
        ((29, 48), (32, 48), "letterbox-topleft", 0, 0),
    ],
)
def test_an_odd_pixel_lies_or_is_cut_below_and_to_the_right(picture, size, resize, left, top):
    """Ultralytics' LetterBox and torchvision's center_crop halve what is left, and give the rest to the far side."""
    geometry = Geometry.fit(*picture, *size, resize)
    assert (geometry.left, geometry.top) == (left, top)


# ------------------------------------------------------------------------------- each channel has its own


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(
    ("mean", "std", "pixel"),
    [
        ((0, 0, 0), (1.0, 1.25, 2.0), (30 / 1.0, 20 / 1.25, 10 / 2.0)),
        ((0, 0, 0), (2.0, 2.0, 4.0), (15.0, 10.0, 2.5)),
        ((0, 5, 0), (2.0, 2.0, 2.0), (15.0, 7.5, 5.0)),
        ((0, 0, 6), (1.0, 1.0, 1.0), (30.0, 20.0, 4.0)),
        ((10, 0, 0), (5.0, 1.0, 1.0), (4.0, 20.0, 10.0)),
        ((0, 0, 0), (2.0, 2.0, 2.0), (15.0, 10.0, 5.0)),
    ],
)
def test_each_channel_has_its_own_mean_and_deviation(channels_last, mean, std, pixel):
    picture = np.full((32, 48, 3), (10, 20, 30), np.uint8)  # blue 10, green 20, red 30
    _, out = applied(plan(channels_last=channels_last, scale=1.0, mean=mean, std=std), picture)
    first = out[0, 0] if channels_last else out[:, 0, 0]
    np.testing.assert_allclose(first, pixel, rtol=1e-6)


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_border_has_a_colour_for_each_channel(channels_last):
    """In the order and the normalisation of the input."""
    the_plan = plan(channels_last=channels_last, scale=1.0, std=(1.0, 2.0, 4.0), fill=(40, 80, 120))
    geometry, out = applied(the_plan, np.zeros((16, 48, 3), np.uint8))
    assert (geometry.left, geometry.top) == (0, 8)
    pixels = out if channels_last else out.transpose(1, 2, 0)
    for row, colour in ((0, (40, 40, 30)), (7, (40, 40, 30)), (8, (0, 0, 0)), (23, (0, 0, 0)), (24, (40, 40, 30))):
        assert pixels[row, 0].tolist() == list(colour)
        assert pixels[row, -1].tolist() == list(colour)


def test_a_border_beside_a_tall_picture_is_filled_too():
    geometry, out = applied(plan(height=32, width=48, scale=1.0), np.zeros((32, 20, 3), np.uint8))
    assert (geometry.left, geometry.top) == (14, 0)
    assert out[0, 5, [0, 13, 14, 33, 34, 47]].tolist() == [114, 114, 0, 0, 114, 114]


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
