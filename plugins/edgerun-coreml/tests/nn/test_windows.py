"""Convolution and pooling against loops in numpy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from nn_model import apply, apply_flexible, floats

from edgerun_coreml.errors import ModelDamaged

RNG = np.random.default_rng(2)
X = RNG.uniform(-1, 1, (2, 4, 9, 7)).astype(np.float32)


def padded(x, pads, value=0.0):
    count = x.ndim - 2
    return np.pad(x, [(0, 0), (0, 0), *zip(pads[:count], pads[count:], strict=True)], constant_values=value)


def places(x, kernel, strides, dilations):
    """Each output place with the window of ``x`` that belongs to it."""
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    sizes = [(n - r) // s + 1 for n, r, s in zip(x.shape[2:], reach, strides, strict=True)]
    for place in itertools.product(*map(range, sizes)):
        cut = tuple(slice(p * s, p * s + r, d) for p, s, r, d in zip(place, strides, reach, dilations, strict=True))
        yield place, x[(slice(None), slice(None), *cut)], sizes


def convolve(x, w, strides, pads, dilations=None, groups=1):
    kernel = w.shape[2:]
    dilations = dilations or [1] * len(kernel)
    x = padded(x.astype(np.float64), pads)
    out = None
    each_in, each_out = x.shape[1] // groups, w.shape[0] // groups
    for place, window, sizes in places(x, kernel, strides, dilations):
        out = np.zeros((x.shape[0], w.shape[0], *sizes)) if out is None else out
        for group in range(groups):
            part = window[:, group * each_in : (group + 1) * each_in]
            filters = w[group * each_out : (group + 1) * each_out]
            axes = list(range(1, part.ndim))
            out[(slice(None), slice(group * each_out, (group + 1) * each_out), *place)] = np.tensordot(
                part, filters, (axes, axes)
            )
    return out


def transposed(x, w, strides, pads, groups=1):
    """Each input cell adds its filter to the output; then padding is cut off."""
    count, kernel = x.ndim - 2, w.shape[2:]
    sizes = [(n - 1) * s + k for n, s, k in zip(x.shape[2:], strides, kernel, strict=True)]
    each_in, each_out = x.shape[1] // groups, w.shape[1]
    out = np.zeros((x.shape[0], each_out * groups, *sizes))
    for place in itertools.product(*map(range, x.shape[2:])):
        cut = tuple(slice(p * s, p * s + k) for p, s, k in zip(place, strides, kernel, strict=True))
        for group in range(groups):
            cell = x[(slice(None), slice(group * each_in, (group + 1) * each_in), *place)].astype(np.float64)
            filters = w[group * each_in : (group + 1) * each_in]
            into = (slice(None), slice(group * each_out, (group + 1) * each_out), *cut)
            out[into] += np.tensordot(cell, filters, ([1], [0]))
    cut = tuple(slice(pads[a], out.shape[2 + a] - pads[a + count]) for a in range(count))
    return out[(slice(None), slice(None), *cut)]


def border(top, bottom, left, right):
    edges = [{"startEdgeSize": top, "endEdgeSize": bottom}, {"startEdgeSize": left, "endEdgeSize": right}]
    return {"paddingAmounts": {"borderAmounts": edges}}


def same(sizes, kernel, strides, dilations, top_left=False):
    before, after = [], []
    for n, k, s, d in zip(sizes, kernel, strides, dilations, strict=True):
        amount = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        before.append(amount - amount // 2 if top_left else amount // 2)
        after.append(amount - before[-1])
    return before + after


CONVOLUTIONS = [
    ((3, 3), (1, 1), (1, 1), 1),
    ((3, 2), (2, 1), (1, 1), 2),
    ((1, 1), (2, 2), (1, 1), 1),
    ((3, 3), (1, 2), (2, 1), 4),
    ((4, 2), (2, 3), (1, 2), 1),
]


@pytest.mark.parametrize("padding", ["valid", "border", "same", "same top left"])
@pytest.mark.parametrize(("kernel", "strides", "dilations", "groups"), CONVOLUTIONS)
def test_convolution(kernel, strides, dilations, groups, padding):
    weights = RNG.uniform(-1, 1, (8, 4 // groups, *kernel)).astype(np.float32)
    bias = RNG.uniform(-1, 1, 8).astype(np.float32)
    pads, params = [0, 0, 0, 0], {"valid": {}}
    if padding == "border":
        pads, params = [1, 2, 0, 1], {"valid": border(1, 0, 2, 1)}
    elif padding.startswith("same"):
        top_left = padding.endswith("left")
        pads = same(X.shape[2:], kernel, strides, dilations, top_left)
        params = {"same": {"asymmetryMode": "TOP_LEFT_HEAVY" if top_left else "BOTTOM_RIGHT_HEAVY"}}
    found = apply(
        "convolution", X, outputChannels=8, kernelChannels=4 // groups, nGroups=groups, kernelSize=kernel,
        stride=strides, dilationFactor=dilations, hasBias=True, weights=floats(weights), bias=floats(bias), **params,
    )  # fmt: skip
    expected = convolve(X, weights, strides, pads, list(dilations), groups) + bias.reshape(-1, 1, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_same_padding_of_flexible_sizes():
    weights = RNG.uniform(-1, 1, (2, 4, 3, 2)).astype(np.float32)
    shared = {"outputChannels": 2, "kernelChannels": 4, "kernelSize": [3, 2], "weights": floats(weights)}
    for mode, top_left in (("TOP_LEFT_HEAVY", True), ("BOTTOM_RIGHT_HEAVY", False)):
        for strides in ([1, 1], [2, 3]):
            found = apply_flexible("convolution", X, stride=strides, same={"asymmetryMode": mode}, **shared)
            pads = same(X.shape[2:], (3, 2), strides, (1, 1), top_left)
            np.testing.assert_allclose(found, convolve(X, weights, strides, pads), rtol=1e-4, atol=1e-5)


def test_convolution_takes_five_axes_and_computed_weights():
    weights = RNG.uniform(-1, 1, (2, 4, 3, 3)).astype(np.float32)
    x = X.reshape(1, 2, 4, 9, 7)
    expected = convolve(X, weights, [1, 1], [0] * 4)
    shared = {"outputChannels": 2, "kernelChannels": 4, "valid": {}}
    found = apply("convolution", x, weights=floats(weights), **shared)
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(apply("convolution", X, weights, **shared), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    ("kernel", "strides"), [((3, 3), (2, 2)), ((2, 2), (2, 2)), ((4, 3), (2, 1)), ((1, 2), (2, 3))]
)
def test_transposed_convolution(kernel, strides, groups):
    weights = RNG.uniform(-1, 1, (4, 6 // groups, *kernel)).astype(np.float32)
    shared = {
        "isDeconvolution": True, "outputChannels": 6, "kernelChannels": 4, "nGroups": groups, "kernelSize": kernel,
        "stride": strides, "weights": floats(weights),
    }  # fmt: skip
    whole = transposed(X, weights, strides, [0] * 4, groups)
    np.testing.assert_allclose(apply("convolution", X, valid={}, **shared), whole, rtol=1e-4, atol=1e-5)
    grown = [n * s for n, s in zip(X.shape[2:], strides, strict=True)]
    shown = np.zeros((2, 6, *grown))
    cut = [max(whole.shape[2 + a] - grown[a], 0) // 2 for a in (0, 1)]
    part = whole[:, :, cut[0] : cut[0] + grown[0], cut[1] : cut[1] + grown[1]]
    shown[:, :, : part.shape[2], : part.shape[3]] = part
    np.testing.assert_allclose(apply("convolution", X, same={}, **shared), shown, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        apply("convolution", X, valid={}, outputShape=whole.shape[2:], **shared), whole, rtol=1e-4, atol=1e-5
    )


def test_transposed_convolution_with_border():
    weights = RNG.uniform(-1, 1, (4, 3, 4, 4)).astype(np.float32)
    shared = {
        "isDeconvolution": True, "outputChannels": 3, "kernelChannels": 4, "kernelSize": [4, 4], "stride": [2, 2],
        "weights": floats(weights), "valid": border(1, 1, 1, 1),
    }  # fmt: skip
    expected = transposed(X, weights, (2, 2), [1, 1, 1, 1])
    np.testing.assert_allclose(apply("convolution", X, **shared), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(apply("convolution", X, outputShape=[18, 14], **shared), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("padding", ["CUSTOM", "VALID", "SAME"])
@pytest.mark.parametrize(("strides", "dilations"), [((1, 1, 1), (1, 1, 1)), ((2, 1, 2), (1, 2, 1))])
def test_convolution_over_volumes(padding, strides, dilations):
    x = RNG.uniform(-1, 1, (1, 4, 5, 6, 5)).astype(np.float32)
    kernel, groups = (2, 3, 2), 2
    weights = RNG.uniform(-1, 1, (6, 2, *kernel)).astype(np.float32)
    axes = ("Depth", "Height", "Width")
    sizes = {
        f"{name}{axis}": value
        for name, values in (("kernel", kernel), ("stride", strides), ("dilation", dilations))
        for axis, value in zip(axes, values, strict=True)
    }
    sides = dict(zip(("Front", "Top", "Left", "Back", "Bottom", "Right"), (1, 0, 2, 0, 1, 1), strict=True))
    pads = {"CUSTOM": list(sides.values()), "VALID": [0] * 6}.get(padding) or same(
        x.shape[2:], kernel, strides, dilations
    )
    found = apply(
        "convolution3d", x, outputChannels=6, inputChannels=4, nGroups=groups, weights=floats(weights),
        paddingType=padding, **sizes, **{f"customPadding{side}": amount for side, amount in sides.items()},
    )  # fmt: skip
    expected = convolve(x, weights, strides, pads, list(dilations), groups)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_transposed_convolution_over_volumes():
    """Weights lie as coremltools writes them: inputs, outputs, then the kernel."""
    x = RNG.uniform(-1, 1, (1, 3, 3, 4, 3)).astype(np.float32)
    weights = RNG.uniform(-1, 1, (3, 2, 2, 3, 2)).astype(np.float32)
    strides = (1, 2, 2)
    found = apply(
        "convolution3d", x, isDeconvolution=True, outputChannels=2, inputChannels=3, weights=floats(weights),
        paddingType="VALID", kernelDepth=2, kernelHeight=3, kernelWidth=2, strideDepth=1, strideHeight=2, strideWidth=2,
    )  # fmt: skip
    expected = transposed(x, weights, strides, [0] * 6)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def pool(x, kind, kernel, strides, pads, exclude=False):
    count = x.ndim - 2
    real = padded(np.ones_like(x, np.float64), pads)
    values = padded(x.astype(np.float64), pads, -np.inf if kind == "MAX" else 0.0)
    out, axes = None, tuple(range(2, x.ndim))
    windows = zip(places(values, kernel, strides, [1] * count), places(real, kernel, strides, [1] * count), strict=True)
    for (place, window, sizes), (_, within, _) in windows:
        out = np.zeros((*x.shape[:2], *sizes)) if out is None else out
        cells = within.sum(axes) if exclude else np.prod(kernel)
        out[(slice(None), slice(None), *place)] = {
            "MAX": lambda: window.max(axes),  # noqa: B023
            "AVERAGE": lambda: window.sum(axes) / cells,  # noqa: B023
            "L2": lambda: np.sqrt((window**2).sum(axes)),  # noqa: B023
        }[kind]()
    return out


@pytest.mark.parametrize("exclude", [False, True])
@pytest.mark.parametrize("padding", ["valid", "border", "same"])
@pytest.mark.parametrize("kind", ["MAX", "AVERAGE", "L2"])
def test_pooling(kind, padding, exclude):
    kernel, strides = (3, 2), (2, 2)
    pads, params = [0] * 4, {"valid": {}}
    if padding == "border":
        pads, params = [1, 0, 1, 1], {"valid": border(1, 1, 0, 1)}
    elif padding == "same":
        pads, params = same(X.shape[2:], kernel, strides, (1, 1)), {"same": {}}
    found = apply("pooling", X, type=kind, kernelSize=kernel, stride=strides, avgPoolExcludePadding=exclude, **params)
    np.testing.assert_allclose(found, pool(X, kind, kernel, strides, pads, exclude), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("exclude", [False, True])
@pytest.mark.parametrize("kind", ["MAX", "AVERAGE"])
@pytest.mark.parametrize("amount", [0, 1])
def test_pooling_that_includes_the_last_pixel(kind, exclude, amount):
    """A row of 8, windows of 3 by steps of 2: the last window overhangs, and averages what it covers."""
    x = RNG.uniform(0, 1, (1, 1, 8, 8)).astype(np.float32)
    params = {"includeLastPixel": {"paddingAmounts": [amount, amount]}, "avgPoolExcludePadding": exclude}
    found = apply("pooling", x, type=kind, kernelSize=[3, 3], stride=[2, 2], **params)
    count = -(-(8 + 2 * amount - 3) // 2) + 1
    if amount and (count - 1) * 2 >= 8 + amount:
        count -= 1
    assert found.shape == (1, 1, count, count)
    counted = 0 if exclude else amount
    for row, column in itertools.product(range(count), repeat=2):
        limits = []
        for place in (row, column):
            start = place * 2 - amount
            limits.append((max(start, 0), min(start + 3, 8), min(start + 3, 8 + counted) - max(start, -counted)))
        (top, bottom, high), (left, right, wide) = limits
        window = x[0, 0, top:bottom, left:right]
        expected = window.max() if kind == "MAX" else window.sum() / (high * wide)
        np.testing.assert_allclose(found[0, 0, row, column], expected, rtol=1e-5)


def test_global_pooling():
    for kind, function in (("MAX", np.max), ("AVERAGE", np.mean), ("L2", lambda x, a: np.sqrt((x**2).sum(a)))):
        expected = function(X, (2, 3)).reshape(2, 4, 1, 1)
        np.testing.assert_allclose(apply("pooling", X, type=kind, globalPooling=True), expected, rtol=1e-5)


def test_pooling_over_volumes():
    x = RNG.uniform(-1, 1, (1, 2, 5, 4, 6)).astype(np.float32)
    sizes = {f"{n}{a}": 2 for n in ("kernel", "stride") for a in ("Depth", "Height", "Width")}
    for kind, exclude in itertools.product(("MAX", "AVERAGE"), (False, True)):
        found = apply("pooling3d", x, type=kind, paddingType="SAME", countExcludePadding=exclude, **sizes)
        pads = same(x.shape[2:], (2,) * 3, (2,) * 3, (1,) * 3)
        np.testing.assert_allclose(found, pool(x, kind, (2,) * 3, (2,) * 3, pads, exclude), rtol=1e-5, atol=1e-6)
        found = apply("pooling3d", x, type=kind, paddingType="CUSTOM", customPaddingFront=1, **sizes)
        np.testing.assert_allclose(found, pool(x, kind, (2,) * 3, (2,) * 3, [1, 0, 0, 0, 0, 0]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        apply("globalPooling3d", x, type="AVERAGE"), x.mean((2, 3, 4), keepdims=True), rtol=1e-4, atol=1e-6
    )


def test_windows_larger_than_the_image_are_refused():
    with pytest.raises(ModelDamaged, match="window of 9"):
        apply("pooling", X, type="MAX", kernelSize=[3, 9], valid={})
