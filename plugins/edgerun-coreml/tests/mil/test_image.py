"""Resizing, cropping, sampling and suppression."""

from __future__ import annotations

import numpy as np
import pytest
from mil_program import FED, Program, apply

from edgerun_coreml.errors import ModelUnsupported

RNG = np.random.default_rng(4)
X = RNG.normal(size=(1, 2, 4, 5)).astype(np.float32)


def at(image, y, x):
    """Bilinear samples of [C, H, W] at grids of pixels, clamped to the image."""
    height, width = image.shape[1:]
    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    dy, dx = y - top, x - left
    upper = image[:, top, left] * (1 - dx) + image[:, top, right] * dx
    lower = image[:, bottom, left] * (1 - dx) + image[:, bottom, right] * dx
    return upper * (1 - dy) + lower * dy


def grid(rows, columns, place):
    """Where the samples of a resize lie: ``place(i, inputs, outputs)`` per axis."""
    return np.meshgrid(place(np.arange(rows), 4, rows), place(np.arange(columns), 5, columns), indexing="ij")


PLACES = {
    "STRICT_ALIGN_CORNERS": lambda i, n, m: i * (n - 1) / (m - 1),
    "ALIGN_CORNERS": lambda i, n, m: i * (n - 1) / (m - 1),
    "DEFAULT": lambda i, n, m: i * n / m,
    "UNALIGN_CORNERS": lambda i, n, m: (i + 0.5) * n / m - 0.5,
    "OFFSET_CORNERS": lambda i, n, m: (i + 0.5) * max(1, n - 1) / m,
}


@pytest.mark.parametrize("mode", PLACES)
@pytest.mark.parametrize("size", [(7, 9), (8, 10), (3, 3)])
def test_resize_bilinear_samples_where_the_mode_says(mode, size):
    found = apply(
        "resize_bilinear", ("fp32", (1, 2, *size)), x=X, target_size_height=np.int32(size[0]),
        target_size_width=np.int32(size[1]), sampling_mode=mode,
    )  # fmt: skip
    np.testing.assert_allclose(found[0], at(X[0], *grid(*size, PLACES[mode])), atol=1e-5)


@pytest.mark.parametrize(("aligned", "half", "mode"), [
    (True, None, "ALIGN_CORNERS"), (False, True, "UNALIGN_CORNERS"), (False, False, "DEFAULT"), (False, None,
     "UNALIGN_CORNERS"),
])  # fmt: skip
def test_upsample_bilinear(aligned, half, mode):
    found = apply(
        "upsample_bilinear", ("fp32", (1, 2, 8, 15)), x=X, scale_factor_height=np.float32(2),
        scale_factor_width=np.float32(3), align_corners=aligned, half_pixel_centers=half,
    )  # fmt: skip
    np.testing.assert_allclose(found[0], at(X[0], *grid(8, 15, PLACES[mode])), atol=1e-5)


@pytest.mark.parametrize("height", [4, None])
def test_upsample_nearest_repeats_pixels(height):
    program = Program()
    x = program.input("x", "fp32", (1, 2, height, 5))
    result = program.op(
        "upsample_nearest_neighbor", ("fp32", (1, 2, None, 15)), x=x, scale_factor_height=np.float32(2),
        scale_factor_width=np.float32(3),
    )  # fmt: skip
    np.testing.assert_array_equal(program.run(result, x=X), X.repeat(2, 2).repeat(3, 3))


@pytest.mark.parametrize("height", [4, None])
def test_upsample_bilinear_by_a_fraction_goes_by_the_size_that_results(height):
    program = Program()
    x = program.input("x", "fp32", (1, 2, height, 5))
    result = program.op(
        "upsample_bilinear", ("fp32", (1, 2, None, 7)), x=x, scale_factor_height=np.float32(1.6),
        scale_factor_width=np.float32(1.5), align_corners=False,
    )  # fmt: skip
    np.testing.assert_allclose(program.run(result, x=X)[0], at(X[0], *grid(6, 7, PLACES["UNALIGN_CORNERS"])), atol=1e-5)


def test_resize_nearest_neighbor_takes_the_pixel_before():
    found = apply(
        "resize_nearest_neighbor",
        ("fp32", (1, 2, 6, 7)),
        x=X,
        target_size_height=np.int32(6),
        target_size_width=np.int32(7),
    )
    np.testing.assert_array_equal(found, X[:, :, np.arange(6) * 4 // 6][:, :, :, np.arange(7) * 5 // 7])


@pytest.mark.parametrize("fixed", [True, False])
def test_resize_keeps_sizes_given_as_zero(fixed):
    program = Program(17)
    x, size = program.input("x", "fp32", X.shape), program.input("s", "int32", (3,))
    result = program.op(
        "resize", ("fp32", (1, 2, None, 5)), x=x, shape=np.int32([1, 8, 0]) if fixed else size,
        resized_dims=np.uint32(2), interpolation_mode="LINEAR", sampling_mode="UNALIGN_CORNERS",
    )  # fmt: skip
    found = program.run(result, x=X, s=[1, 8, 0])
    np.testing.assert_allclose(found[0], at(X[0], *grid(8, 5, PLACES["UNALIGN_CORNERS"])), atol=1e-5)


def test_crop():
    found = apply("crop", ("fp32", (1, 2, 2, 4)), x=X, crop_height=np.int32([1, 1]), crop_width=np.int32([1, 0]))
    np.testing.assert_array_equal(found, X[:, :, 1:3, 1:])


def test_resample_in_each_unit():
    y, x = RNG.uniform(0, 3, (1, 3, 3)), RNG.uniform(0, 4, (1, 3, 3))
    expected = at(X[0], y[0], x[0])
    for units, points in (
        ("unnormalized", np.stack([x, y], -1)),
        ("normalized_zero_to_one", np.stack([x / 4, y / 3], -1)),
        ("normalized_minus_one_to_one", np.stack([x / 2 - 1, y / 1.5 - 1], -1)),
    ):
        found = apply(
            "resample", ("fp32", (1, 2, 3, 3)), x=X, coordinates=points.astype(np.float32), sampling_mode="bilinear",
            padding_mode="border", padding_value=np.float32(0), coordinates_mode=units, align_corners=True,
        )  # fmt: skip
        np.testing.assert_allclose(found[0], expected, atol=1e-4)


def test_resample_outside_gives_the_padding_value():
    found = apply(
        "resample", ("fp32", (1, 2, 1, 1)), x=X, coordinates=np.float32([[[[-5, -5]]]]), sampling_mode="bilinear",
        padding_mode="constant", padding_value=np.float32(0.5), coordinates_mode="unnormalized", align_corners=True,
    )  # fmt: skip
    np.testing.assert_allclose(found, np.full((1, 2, 1, 1), 0.5), atol=1e-6)


@pytest.mark.parametrize(("padding", "mode"), [("reflection", "reflect"), ("symmetric", "symmetric")])
@pytest.mark.parametrize("aligned", [True, False])
def test_resample_reflects_about_centres_or_edges_before_it_rounds(padding, mode, aligned):
    row = np.float32([[1, 2, 3, 4]])
    places = np.arange(-4, 8)
    pixels = np.stack([places, np.zeros(12)], -1)[None, None]
    points = pixels / np.array([3, 1]) if aligned else (pixels + 0.5) / np.array([4, 1])
    found = apply(
        "resample", ("fp32", (1, 1, 1, 12)), x=row[None, None], coordinates=points.astype(np.float32),
        sampling_mode="nearest", padding_mode=padding, padding_value=np.float32(0),
        coordinates_mode="normalized_zero_to_one", align_corners=aligned,
    )  # fmt: skip
    np.testing.assert_allclose(found.reshape(-1), np.pad(row[0], 4, mode))


def test_resample_of_a_flexible_image():
    program = Program()
    x = program.input("x", "fp32", (1, 1, None, None))
    result = program.op(
        "resample", ("fp32", (1, 1, 1, 1)), x=x, coordinates=np.float32([[[[1, 1]]]]), sampling_mode="bilinear",
        padding_mode="border", padding_value=np.float32(0), coordinates_mode="normalized_zero_to_one",
        align_corners=True,
    )  # fmt: skip
    assert program.run(result, x=X[:, :1]).item() == X[0, 0, -1, -1]


def test_every_box_is_cut_out_of_every_image_of_a_flexible_batch():
    program = Program(15)
    images = RNG.normal(size=(2, 3, 4, 4)).astype(np.float32)
    x = program.input("x", "fp32", (None, None, 4, 4))
    roi = np.float32([[0, 0, 1, 1], [1, 2, 3, 3], [2, 0, 3, 1]]).reshape(3, 1, 4, 1, 1)
    result = program.op(
        "crop_resize", ("fp32", (3, None, None, 2, 2)), x=x, roi=roi,
        target_height=np.int32(2), target_width=np.int32(2),
        sampling_mode="ALIGN_CORNERS",
    )  # fmt: skip
    found = program.run(result, x=images)
    np.testing.assert_allclose(found[1, :, :, 0], images[:, :, 1, 2:4], atol=1e-5)
    np.testing.assert_allclose(found[2], images[:, :, 2:4, 0:2], atol=1e-5)


def test_affine_identity_is_the_image():
    found = apply(
        "affine", ("fp32", X.shape), x=X, transform_matrix=np.float32([[1, 0, 0, 0, 1, 0]]), output_height=np.int32(4),
        output_width=np.int32(5), sampling_mode="bilinear", padding_mode="constant", padding_value=np.float32(0),
        coordinates_mode="normalized_minus_one_to_one", align_corners=True,
    )  # fmt: skip
    np.testing.assert_allclose(found, X, atol=1e-5)


@pytest.mark.parametrize(
    ("mode", "order"), [("CORNERS_HEIGHT_FIRST", (0, 1, 2, 3)), ("CORNERS_WIDTH_FIRST", (1, 0, 3, 2))]
)
def test_crop_resize_cuts_boxes_out_of_the_image_told(mode, order):
    images = RNG.normal(size=(2, 3, 6, 7)).astype(np.float32)
    boxes = np.float32([[1, 1, 4, 5], [0, 2, 5, 6]])
    found = apply(
        "crop_resize", ("fp32", (2, 3, 2, 3)), 17, x=images, boxes=boxes[:, order], box_indices=np.int32([1, 0]),
        target_height=np.int32(2), target_width=np.int32(3), box_coordinate_mode=mode,
        sampling_mode="ALIGN_CORNERS", normalized_coordinates=False,
    )  # fmt: skip
    for place, image in enumerate((1, 0)):
        y1, x1, y2, x2 = boxes[place]
        points = np.meshgrid(np.linspace(y1, y2, 2), np.linspace(x1, x2, 3), indexing="ij")
        np.testing.assert_allclose(found[place], at(images[image], *points), atol=1e-4)


def test_crop_resize_of_before_ios17_has_one_more_axis_and_pads():
    images = RNG.normal(size=(1, 1, 4, 4)).astype(np.float32)
    roi = np.float32([0, 0, 1.5, 0.5]).reshape(1, 1, 4, 1, 1)
    found = apply(
        "crop_resize", ("fp32", (1, 1, 1, 2, 2)), 16, x=images, roi=roi, target_height=np.int32(2),
        target_width=np.int32(2), normalized_coordinates=True, box_coordinate_mode="CORNERS_HEIGHT_FIRST",
        sampling_mode="STRICT_ALIGN_CORNERS", spatial_scale=np.float32(1), pad_value=np.float32(9),
    )  # fmt: skip
    np.testing.assert_allclose(found[0, 0, 0, 0], at(images[0], np.zeros(2), np.array([0, 1.5]))[0], atol=1e-5)
    assert found[0, 0, 0, 1].tolist() == [9, 9]


BOXES = np.float32([[10, 10, 4, 4], [10.5, 10, 4, 4], [30, 30, 6, 6], [10, 10.5, 4, 4]])
SCORES = np.float32([[0.9, 0.1], [0.8, 0.2], [0.3, 0.6], [0.1, 0.7]])


@pytest.mark.parametrize(("per_class", "kept"), [(False, [0, 2]), (True, [0, 3, 2])])
def test_suppression_keeps_the_best_and_pads_the_rest(per_class, kept):
    program = Program(15)
    boxes, scores = program.input("boxes", "fp32", (1, 4, 4)), program.input("scores", "fp32", (1, 4, 2))
    makes = [("fp32", (1, 5, 4)), ("fp32", (1, 5, 2)), ("int32", (1, 5)), ("int32", (1,))]
    names = program.op(
        "non_maximum_suppression", makes, boxes=boxes, scores=scores, iou_threshold=np.float32(0.5),
        score_threshold=np.float32(0.2), max_boxes=np.int32(5), per_class_suppression=per_class,
    )  # fmt: skip
    coordinates, confidences, indices, count = program.run(names, boxes=BOXES[None], scores=SCORES[None])
    assert count.tolist() == [len(kept)]
    assert indices[0].tolist() == kept + [-1] * (5 - len(kept))
    np.testing.assert_array_equal(coordinates[0, : len(kept)], BOXES[kept])
    np.testing.assert_array_equal(confidences[0, : len(kept)], SCORES[kept])
    assert not coordinates[0, len(kept) :].any()


def test_suppression_of_ios17_has_boxes_along_the_last_axis():
    program = Program(17)
    boxes, scores = program.input("boxes", "fp32", (1, 4, 4)), program.input("scores", "fp32", (1, 2, 4))
    makes = [("fp32", (1, 4, 3)), ("fp32", (1, 2, 3)), ("int32", (1, 3))]
    names = program.op(
        "non_maximum_suppression",
        makes,
        boxes=boxes,
        scores=scores,
        iou_threshold=np.float32(0.5),
        max_boxes=np.int32(3),
    )
    coordinates, confidences, indices = program.run(names, boxes=BOXES.T[None], scores=SCORES.T[None])
    assert indices.tolist() == [[0, 2, -1]]
    np.testing.assert_array_equal(coordinates[0, :, :2], BOXES[[0, 2]].T)
    np.testing.assert_array_equal(confidences[0, :, :2], SCORES[[0, 2]].T)


@pytest.mark.parametrize("opset", [16, 17])
def test_suppression_takes_several_images_and_any_number_of_boxes(opset):
    program, last = Program(opset), opset == 17
    shapes = [(2, 4, None), (2, 2, None)] if last else [(2, None, 4), (2, None, 2)]
    boxes, scores = (program.input(name, "fp32", shape) for name, shape in zip(("b", "s"), shapes, strict=True))
    makes = [("fp32", None), ("fp32", None), ("int32", (2, 5))]
    names = program.op(
        "non_maximum_suppression", makes if last else [*makes, ("int32", (2,))], boxes=boxes, scores=scores,
        iou_threshold=np.float32(0.5), max_boxes=np.int32(5),
        score_threshold=None if last else np.float32(0.0),
    )  # fmt: skip
    both = [np.stack([item, item[::-1]]) for item in (BOXES, SCORES)]
    feeds = [item.transpose(0, 2, 1) for item in both] if last else both
    coordinates, confidences, indices, *count = program.run(names, b=feeds[0], s=feeds[1])
    if last:
        coordinates, confidences = coordinates.transpose(0, 2, 1), confidences.transpose(0, 2, 1)
    for image in range(2):
        kept = [index for index in indices[image] if index >= 0]
        assert kept
        np.testing.assert_array_equal(coordinates[image, : len(kept)], both[0][image][kept])
        np.testing.assert_array_equal(confidences[image, : len(kept)], both[1][image][kept])
    assert [len(BOXES) - 1 - index for index in indices[0] if index >= 0] == [i for i in indices[1] if i >= 0]
    assert all(item.tolist() == [(row >= 0).sum() for row in indices] for item in count)


@pytest.mark.parametrize(("opset", "kept"), [(16, 2), (17, 1)])
def test_since_ios17_overlaps_that_equal_the_threshold_are_suppressed(opset, kept):
    corners = np.float32([[1, 1, 2, 3], [0, 0, 2, 2]])  # they share a fifth
    boxes = np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], 1)[None]
    scores, last = np.float32([[[4], [2]]]), opset == 17
    program = Program(opset)
    feeds = [item.transpose(0, 2, 1) for item in (boxes, scores)] if last else [boxes, scores]
    names = [program.input(name, "fp32", item.shape) for name, item in zip("bs", feeds, strict=True)]
    makes = [("fp32", None), ("fp32", None), ("int32", (1, 2))]
    found = program.op(
        "non_maximum_suppression", makes if last else [*makes, ("int32", (1,))], boxes=names[0], scores=names[1],
        iou_threshold=np.float32(0.2), max_boxes=np.int32(2), score_threshold=None if last else np.float32(0),
    )  # fmt: skip
    indices = program.run(found, b=feeds[0], s=feeds[1])[2]
    assert (indices >= 0).sum() == kept


@pytest.mark.parametrize("mode", ["LINEAR", "NEAREST_NEIGHBOR"])
@pytest.mark.parametrize("computed", [False, True])
def test_resize_along_one_axis_leaves_the_others(mode, computed):
    options = {"interpolation_mode": mode, "sampling_mode": "UNALIGN_CORNERS"}
    sizes = {1: np.int32([8]), 2: np.int32([X.shape[-2], 8])}
    one, two = (_resized(shape, count, computed, options) for count, shape in sizes.items())
    assert one.shape == (*X.shape[:-1], 8)
    np.testing.assert_array_equal(one, two)


def _resized(shape, count, computed, options):
    program = Program(17)
    x = program.input("x", "fp32", X.shape)
    size = program.input("size", "int32", shape.shape) if computed else shape
    return program.run(
        program.op("resize", ("fp32", None), x=x, shape=size, resized_dims=np.uint32(count), **options), x=X, size=shape
    )


def test_what_cannot_be_resized_is_refused_by_name():
    with pytest.raises(ModelUnsupported, match=r"resize .*resizing 3 axes"):
        apply("resize", ("fp32", None), x=X, shape=np.int32([2, 8, 8]), resized_dims=np.uint32(3))


def test_quantize_rounds_half_to_even_and_saturates():
    x = np.float32([[0.5, 1.5, -0.25, 300, -300]])
    found = apply(
        "quantize", ("int8", (1, 5)), x=x, input=FED, scale=np.float32(0.5), zero_point=np.int8(3), output_dtype="int8"
    )
    assert found.tolist() == [[4, 6, 3, 127, -128]]
    back = apply(
        "dequantize", ("fp32", (1, 5)), x=found.astype(np.int8), input=FED, scale=np.float32(0.5), zero_point=np.int8(3)
    )
    assert back.tolist() == [[0.5, 1.5, 0, 62, -65.5]]


def test_quantize_per_channel():
    x = np.float32([[[1.0], [1.0]]])
    found = apply(
        "quantize", ("uint8", (1, 2, 1)), x=x, input=FED, scale=np.float32([0.5, 0.25]),
        zero_point=np.uint8([10, 20]), axis=np.int32(1), output_dtype="uint8",
    )  # fmt: skip
    assert found.reshape(-1).tolist() == [12, 24]
