"""Upsampling, resizing and crops against a sampler in numpy."""

from __future__ import annotations

import numpy as np
import pytest
from nn_model import apply, apply_flexible

RNG = np.random.default_rng(5)
X = RNG.uniform(-1, 1, (2, 3, 4, 5)).astype(np.float32)


def grid(mode, size, count):
    """The positions of samples, as the format describes them."""
    last, i = size - 1, np.arange(count)
    spread = np.linspace(0, last, count)
    if mode in ("STRICT_ALIGN_ENDPOINTS_MODE", "ALIGN_CORNERS_TRUE"):
        return spread
    if mode == "ALIGN_ENDPOINTS_MODE":
        return np.array([last / 2]) if count == 1 else spread
    if mode in ("UPSAMPLE_MODE", "DEFAULT"):
        return np.minimum(last, np.linspace(0, size - size / count, count))
    if mode == "ROI_ALIGN_MODE":
        spacing = max(1, last) / count
        return np.minimum(last, 0.5 * spacing + i * spacing)
    assert mode == "ALIGN_CORNERS_FALSE"
    return np.clip((i + 0.5) * size / count - 0.5, 0, last)


def sample(x, rows, columns):
    """Bilinear samples of the last two axes."""
    for axis, places in ((-2, rows), (-1, columns)):
        low = np.floor(places).astype(int)
        high = np.minimum(low + 1, x.shape[axis] - 1)
        part = places - low
        part = part[:, None] if axis == -2 else part
        x = np.take(x, low, axis) * (1 - part) + np.take(x, high, axis) * part
    return x


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5), (2, 1, 3, 4, 5)])
def test_nearest_upsampling(shape):
    x = np.resize(X, shape)
    expected = x.repeat(2, -2).repeat(3, -1)
    np.testing.assert_array_equal(apply("upsample", x, scalingFactor=[2, 3], mode="NN"), expected)
    np.testing.assert_array_equal(apply_flexible("upsample", x, scalingFactor=[2, 3], mode="NN"), expected)


@pytest.mark.parametrize("mode", ["DEFAULT", "ALIGN_CORNERS_TRUE", "ALIGN_CORNERS_FALSE"])
def test_bilinear_upsampling(mode):
    expected = sample(X, grid(mode, 4, 8), grid(mode, 5, 15))
    found = apply("upsample", X, scalingFactor=[2, 3], mode="BILINEAR", linearUpsampleMode=mode)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_fractional_upsampling_rounds_sizes_down():
    found = apply(
        "upsample", X, fractionalScalingFactor=[1.5, 7 / 5], mode="BILINEAR", linearUpsampleMode="ALIGN_CORNERS_FALSE"
    )
    expected = sample(X, grid("ALIGN_CORNERS_FALSE", 4, 6), grid("ALIGN_CORNERS_FALSE", 5, 7))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    found = apply("upsample", X, fractionalScalingFactor=[1.3, 1.0], mode="NN")
    assert found.shape == (2, 3, 5, 5)


SAMPLING = ["STRICT_ALIGN_ENDPOINTS_MODE", "ALIGN_ENDPOINTS_MODE", "UPSAMPLE_MODE", "ROI_ALIGN_MODE"]


@pytest.mark.parametrize("target", [(8, 9), (3, 2), (1, 7), (1, 1)])
@pytest.mark.parametrize("mode", SAMPLING)
def test_resizing(mode, target):
    expected = sample(X, grid(mode, 4, target[0]), grid(mode, 5, target[1]))
    for way in (apply, apply_flexible):
        found = way("resizeBilinear", X, targetSize=target, mode={"samplingMethod": mode})
        np.testing.assert_allclose(found, expected, atol=1e-5)


def crop_grid(mode, start, end, count):
    if mode in ("STRICT_ALIGN_ENDPOINTS_MODE", "ALIGN_ENDPOINTS_MODE"):
        middle = mode == "ALIGN_ENDPOINTS_MODE" and count == 1
        return np.array([(start + end) / 2]) if middle else np.linspace(start, end, count)
    if mode == "UPSAMPLE_MODE":
        return start + np.arange(count) * (end - start + 1) / count
    return start + (np.arange(count) + 0.5) * max(1, end - start) / count


BOXES = np.array([[0.1, 0.2, 0.8, 0.9], [0.0, 0.0, 1.0, 1.0], [0.5, 0.25, 0.5, 0.75]], np.float32)


@pytest.mark.parametrize("mode", SAMPLING)
@pytest.mark.parametrize("order", ["CORNERS_HEIGHT_FIRST", "CORNERS_WIDTH_FIRST", "CENTER_SIZE_HEIGHT_FIRST"])
@pytest.mark.parametrize("target", [(3, 4), (1, 1)])
def test_crops_of_all_images(mode, order, target):
    boxes = BOXES
    if order == "CORNERS_WIDTH_FIRST":
        boxes = BOXES[:, [1, 0, 3, 2]]
    elif order == "CENTER_SIZE_HEIGHT_FIRST":
        boxes = np.concatenate([(BOXES[:, :2] + BOXES[:, 2:]) / 2, BOXES[:, 2:] - BOXES[:, :2]], 1)
    found = apply(
        "cropResize", X[None], boxes.reshape(3, 1, 4, 1, 1), targetSize=target, normalizedCoordinates=True,
        mode={"samplingMethod": mode}, boxIndicesMode={"boxMode": order}, spatialScale=1.0,
    )  # fmt: skip
    assert found.shape == (3, 2, 3, *target)
    for number, (top, left, bottom, right) in enumerate(BOXES * np.array([3, 4, 3, 4])):
        rows = np.clip(crop_grid(mode, top, bottom, target[0]), 0, 3)
        columns = np.clip(crop_grid(mode, left, right, target[1]), 0, 4)
        np.testing.assert_allclose(found[number], sample(X, rows, columns), atol=1e-5)


def test_crops_of_the_images_that_boxes_name():
    boxes = np.array([[1, 0, 0, 2, 2], [0, 1, 2, 6, 8]], np.float32)
    found = apply(
        "cropResize", X[None], boxes.reshape(2, 1, 5, 1, 1), targetSize=[2, 3], spatialScale=0.5,
        mode={"samplingMethod": "STRICT_ALIGN_ENDPOINTS_MODE"},
    )  # fmt: skip
    assert found.shape == (2, 1, 3, 2, 3)
    np.testing.assert_allclose(found[0, 0], sample(X[1], np.linspace(0, 1, 2), np.linspace(0, 1, 3)), atol=1e-5)
    np.testing.assert_allclose(found[1, 0], sample(X[0], np.linspace(0.5, 3, 2), np.linspace(1, 4, 3)), atol=1e-5)
