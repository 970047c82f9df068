"""Shapes, slices, gathering, scattering, sorting and constants against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from nn_model import apply, apply_flexible, floats, layer, run_layers

from edgerun_coreml.errors import ModelDamaged

RNG = np.random.default_rng(4)
X = RNG.uniform(-1, 1, (2, 3, 4, 5)).astype(np.float32)
equal = np.testing.assert_array_equal


# shapes ---------------------------------------------------------------------------------------------------------------


def test_flatten_in_both_orders():
    equal(apply("flatten", X), X.reshape(2, 60, 1, 1))
    equal(apply("flatten", X, mode="CHANNEL_LAST"), X.transpose(0, 2, 3, 1).reshape(2, 60, 1, 1))
    equal(apply("flatten", X[0]), X[0].reshape(60, 1, 1))


def test_legacy_reshape_in_both_orders():
    equal(apply("reshape", X, targetShape=[6, 2, 5]), X.reshape(2, 6, 2, 5))
    last = X.transpose(0, 2, 3, 1).reshape(2, 2, 5, 6).transpose(0, 3, 1, 2)
    equal(apply("reshape", X, targetShape=[6, 2, 5], mode="CHANNEL_LAST"), last)
    x = X.reshape(2, 1, 3, 4, 5)
    equal(apply("reshape", x, targetShape=[4, 3, 2, 5]), x.reshape(4, 1, 3, 2, 5))
    last = x.transpose(0, 1, 3, 4, 2).reshape(4, 1, 2, 5, 3).transpose(0, 1, 4, 2, 3)
    equal(apply("reshape", x, targetShape=[4, 3, 2, 5], mode="CHANNEL_LAST"), last)


def test_a_reshape_that_loses_elements_is_refused():
    with pytest.raises(ModelDamaged, match="makes no sense"):
        apply("reshape", X, targetShape=[6, 2, 4])


def test_legacy_permute_leaves_the_batch_alone():
    x = RNG.uniform(-1, 1, (2, 3, 4, 5, 6)).astype(np.float32)
    equal(apply("permute", x, axis=[0, 3, 1, 2]), x.transpose(0, 1, 4, 2, 3))
    equal(apply("permute", x, axis=[3, 1, 2, 0]), x.transpose(4, 1, 2, 3, 0))


def test_blocks_to_channels_and_back():
    """The example of the format's description."""
    x = np.arange(1, 17, dtype=np.float32).reshape(1, 8, 1, 2)
    deep = np.array([[[1, 5, 2, 6], [9, 13, 10, 14]], [[3, 7, 4, 8], [11, 15, 12, 16]]], np.float32)
    shuffled = np.array([[[1, 3, 2, 4], [5, 7, 6, 8]], [[9, 11, 10, 12], [13, 15, 14, 16]]], np.float32)
    equal(apply("reorganizeData", x, mode="DEPTH_TO_SPACE", blockSize=2)[0], deep)
    equal(apply("reorganizeData", x, mode="PIXEL_SHUFFLE", blockSize=2)[0], shuffled)
    equal(apply("reorganizeData", deep[None], mode="SPACE_TO_DEPTH", blockSize=2), x)


def test_reshapes_of_any_rank():
    equal(apply("transpose", X, axes=[3, 1, 0, 2]), X.transpose(3, 1, 0, 2))
    equal(apply("reshapeStatic", X, targetShape=[6, -1]), X.reshape(6, 20))
    equal(apply("rankPreservingReshape", X, targetShape=[0, 4, -1, 5]), X.reshape(2, 4, 3, 5))
    equal(apply("reshapeDynamic", X, np.array([4, 30])), X.reshape(4, 30))
    equal(apply("reshapeLike", X, np.zeros((5, 24))), X.reshape(5, 24))
    equal(apply("flattenTo2D", X, axis=2), X.reshape(6, 20))
    equal(apply("flattenTo2D", X, axis=-1), X.reshape(24, 5))
    equal(apply("expandDims", X, axes=[0, -1]), X[None, ..., None])
    equal(apply("squeeze", X[:, None, :1], axes=[1, 2]), X[:, 0])
    for way in (apply, apply_flexible):
        equal(way("squeeze", X[:1, :1], squeezeAll=True), X[0, 0])


def test_a_lone_axis_stays_when_squeezed():
    equal(apply("squeeze", np.array([3.0]), axes=[0]), np.array([3.0], np.float32))


# joining --------------------------------------------------------------------------------------------------------------


def test_concatenation():
    equal(apply("concat", X, X + 1), np.concatenate([X, X + 1], 1))
    equal(apply("concatND", X, X + 1, axis=-1), np.concatenate([X, X + 1], 3))
    x = X[None]
    equal(apply("concat", x, x + 1, sequenceConcat=True), np.concatenate([x, x + 1], 0))
    for way in (apply, apply_flexible):
        found = way("concatND", X, X + 1, axis=2, interleave=True)
        equal(found, np.stack([X, X + 1], 3).reshape(2, 3, 8, 5))
    equal(apply("stack", X, X + 1, axis=-2), np.stack([X, X + 1], -2))


def test_splits():
    for found, expected in zip(apply("split", X, outputs=3, nOutputs=3), np.split(X, 3, 1), strict=True):
        equal(found, expected)
    parts = apply("splitND", X, outputs=2, axis=-1, splitSizes=[2, 3])
    equal(parts[1], X[..., 2:])
    equal(apply("splitND", X, outputs=2, axis=2, numSplits=2)[1], X[:, :, 2:])
    for way in (apply, apply_flexible):
        for found, expected in zip(way("splitND", X, outputs=3, axis=-1), np.array_split(X, 3, -1), strict=True):
            equal(found, expected)
    with pytest.raises(ModelDamaged):
        apply("splitND", X, outputs=2, axis=-1, splitSizes=[2, 4])


def test_repetition():
    equal(apply("tile", X, reps=[2, 3]), np.tile(X, (1, 1, 2, 3)))
    equal(apply("tile", X, np.array([1, 2, 1, 3])), np.tile(X, (1, 2, 1, 3)))
    equal(apply("tile", X, np.array([2, 3])), np.tile(X, (1, 1, 2, 3)))
    x = X[:, None]
    equal(apply("sequenceRepeat", x, nRepetitions=3), np.tile(x, (3, 1, 1, 1, 1)))


# slices ---------------------------------------------------------------------------------------------------------------


def test_legacy_slice():
    equal(apply("slice", X, startIndex=1, endIndex=-1, stride=2, axis="WIDTH_AXIS"), X[..., 1:-1:2])
    equal(apply("slice", X, startIndex=1, axis="CHANNEL_AXIS"), X[:, 1:])


SLICES = [
    ({"beginIds": [0, 1, -3, 4], "endIds": [2, 3, -1, 0], "strides": [1, 1, 1, -2]}, np.s_[0:2, 1:3, -3:-1, 4:0:-2]),
    (
        {"beginIds": [1, 0, 0, 0], "endIds": [9, 9, 9, 9], "strides": [1, 1, 2, 1],
         "beginMasks": [1, 1, 1, 0], "endMasks": [0, 1, 1, 0], "squeezeMasks": [0, 0, 0, 1]},
        np.s_[:9, :, ::2, 0],
    ),
    (
        {"beginIds": [-1, 0, 0, -1], "endIds": [0, 0, 0, 0], "strides": [1, -1, -1, 1],
         "beginMasks": [0, 1, 1, 0], "endMasks": [0, 1, 1, 0], "squeezeMasks": [1, 0, 0, 1]},
        np.s_[-1, ::-1, ::-1, -1],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("params", "index"), SLICES)
def test_slices_with_masks(params, index):
    equal(apply("sliceStatic", X, **params), X[index])
    rest = {name: value for name, value in params.items() if name != "beginIds"}
    equal(apply("sliceDynamic", X, np.array(params["beginIds"]), **rest), X[index])
    flags = {name: value for name, value in rest.items() if name.endswith("Masks")}
    bounds = [np.array(params[name]) for name in ("beginIds", "endIds", "strides")]
    equal(apply("sliceDynamic", X, *bounds, **flags), X[index])


def test_slice_by_size():
    equal(apply("sliceBySize", X, np.array([1]), size=2, axis=2), X[:, :, 1:3])


# choosing and changing ------------------------------------------------------------------------------------------------


def test_gathering():
    ids = RNG.integers(-4, 4, (2, 3))
    equal(apply("gather", X, ids, axis=2), np.take(X, ids, 2))
    places = np.stack([RNG.integers(0, 2, (4, 2)), RNG.integers(0, 3, (4, 2))], -1)
    equal(apply("gatherND", X, places), X[places[..., 0], places[..., 1]])
    along = RNG.integers(-4, 4, (2, 3, 7, 5))
    equal(apply("gatherAlongAxis", X, along, axis=-2), np.take_along_axis(X, along, 2))


def changed(container, place, update, mode):
    function = {
        "SCATTER_UPDATE": lambda a, b: b, "SCATTER_ADD": np.add, "SCATTER_SUB": np.subtract,
        "SCATTER_MUL": np.multiply, "SCATTER_DIV": np.divide, "SCATTER_MAX": np.maximum, "SCATTER_MIN": np.minimum,
    }[mode]  # fmt: skip
    container[place] = function(container[place], update)


MODES = ["UPDATE", "ADD", "SUB", "MUL", "DIV", "MAX", "MIN"]


@pytest.mark.parametrize("mode", [f"SCATTER_{mode}" for mode in MODES])
def test_scattering(mode):
    x, ids = X + 3, np.array([3, -4, 1])
    updates = RNG.uniform(1, 5, (2, 3, 3, 5)).astype(np.float32)
    expected = x.copy()
    for place, at in enumerate(ids):
        changed(expected, np.s_[:, :, at], updates[:, :, place], mode)
    np.testing.assert_allclose(apply("scatter", x, ids, updates, axis=2, mode=mode), expected, rtol=1e-5)
    found = apply("scatterAlongAxis", x, np.broadcast_to(ids[:, None], updates.shape), updates, axis=2, mode=mode)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    places, values = np.array([[0, 2], [1, 1]]), updates[:, 0, :1].repeat(4, 1)
    expected = x.copy()
    for place, value in zip(places, values, strict=True):
        changed(expected, tuple(place), value, mode)
    np.testing.assert_allclose(apply("scatterND", x, places, values, mode=mode), expected, rtol=1e-5)


def test_scattering_with_indices_of_several_axes():
    """The format's example: container (4, 3), indices (5, 2, 3), updates (4, 5, 2, 3), axis 1."""
    ids, x = RNG.integers(0, 3, (5, 2, 3)), np.zeros((4, 3), np.float32)
    updates = RNG.uniform(-1, 1, (4, 5, 2, 3)).astype(np.float32)
    expected = x.copy()
    for row in range(4):
        np.add.at(expected[row], ids, updates[row])
    np.testing.assert_allclose(
        apply("scatter", x, ids, updates, axis=1, mode="SCATTER_ADD"), expected, rtol=1e-4, atol=1e-5
    )


def test_indices_of_what_is_not_zero():
    x = np.array([[1, 2, 1], [0, 2, 2], [2, 1, 0]])
    equal(apply("whereNonZero", x), np.argwhere(x).astype(np.float32))


def test_one_hot_is_cold_outside_its_range():
    found = apply("oneHot", np.array([2, 0, -1, 4]), oneHotVectorSize=4, axis=-1, onValue=5.0, offValue=-1.0)
    expected = np.full((4, 4), -1.0)
    expected[0, 2] = expected[1, 0] = 5
    equal(found, expected.astype(np.float32))
    equal(apply("oneHot", np.array([2, 0, -1, 4]), np.array([4]), axis=0, onValue=5.0, offValue=-1.0), expected.T)


@pytest.mark.parametrize("way", [apply, apply_flexible])
def test_sliding_windows(way):
    found = way("slidingWindows", X, axis=3, windowSize=2, step=2)
    equal(found, np.stack([X[..., 0:2], X[..., 2:4]], 3))


def test_bands_and_triangles():
    m, n = np.indices((4, 5))
    for low, high in ((1, 2), (-1, 1), (0, -1), (-1, -1)):
        band = ((low < 0) | (m - n <= low)) & ((high < 0) | (n - m <= high))
        equal(apply("matrixBandPart", X, numLower=low, numUpper=high), X * band)
    equal(apply("lowerTriangular", X, k=1), np.tril(X, 1))
    equal(apply("upperTriangular", X, k=-1), np.triu(X, -1))


def test_turning_around():
    equal(apply("reverse", X, reverseDim=[True, False, False, True]), X[::-1, :, :, ::-1])
    lengths = np.array([3, 0])
    expected = X.copy()
    expected[0, :, :3] = X[0, :, :3][:, ::-1]
    equal(apply("reverseSeq", X, lengths, batchAxis=0, sequenceAxis=2), expected)
    other = X.copy()
    for row, length in enumerate((1, 4, 2)):
        other[:, row, :length] = X[:, row, :length][:, ::-1]
    equal(apply("reverseSeq", X, np.array([1, 4, 2]), batchAxis=1, sequenceAxis=2), other)


# sorting and constants ------------------------------------------------------------------------------------------------


def test_the_largest_and_smallest_values():
    order = np.argsort(-X, axis=2)[:, :, :3]
    for more in ((), (np.array([3]),)):
        values, ids = apply("topK", X, *more, outputs=2, axis=2, K=3)
        equal(ids, order.astype(np.float32))
        equal(values, np.take_along_axis(X, order, 2))
    values, _ = apply("topK", X, outputs=2, axis=-1, K=2, useBottomK=True)
    equal(values, np.sort(X, -1)[..., :2])
    with pytest.raises(ModelDamaged):
        apply("topK", X, outputs=2, axis=-1, K=6)


@pytest.mark.parametrize("way", [apply, apply_flexible])
def test_sorting_indices(way):
    equal(way("argSort", X, axis=3), np.argsort(X, 3).astype(np.float32))
    equal(way("argSort", X, axis=1, descending=True), np.argsort(-X, 1).astype(np.float32))


def test_running_sums():
    np.testing.assert_allclose(apply("cumSum", X, axis=1), X.cumsum(1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(apply("cumSum", X, np.array([1])), X.cumsum(1), rtol=1e-5, atol=1e-6)
    found = apply("cumSum", np.array([4.0, 6, 7]), axis=0, excludeFinalSum=True, reverse=True)
    equal(found, np.array([13, 7, 0], np.float32))


def made(kind, **params):
    """The output of a layer without inputs, added to a zero."""
    layers = [layer(kind, [], ["c"], **params), layer("addBroadcastable", ["c", "x"], ["y"])]
    return run_layers(layers, {"x": np.zeros(1)}, ["y"])[0]


def test_constants_and_ranges():
    data = RNG.uniform(-1, 1, (3, 4, 5)).astype(np.float32)
    equal(made("loadConstant", shape=[3, 4, 5], data=floats(data)), data[None, None])
    equal(made("loadConstantND", shape=[12, 5], data=floats(data)), data.reshape(12, 5))
    equal(made("fillStatic", value=2.5, targetShape=[2, 3]), np.full((2, 3), 2.5, np.float32))
    equal(made("rangeStatic", startValue=1.0, endValue=2.1, stepSizeValue=0.25), np.float32([1, 1.25, 1.5, 1.75, 2]))
    equal(apply("fillLike", X, value=2.5), np.full(X.shape, 2.5, np.float32))
    equal(apply("fillDynamic", np.array([2, 3]), value=2.5), np.full((2, 3), 2.5, np.float32))
    equal(apply("rangeDynamic", np.array([5]), startValue=1.0, stepSizeValue=2.0), np.float32([1, 3]))
    equal(apply("rangeDynamic", np.array([5]), np.array([0]), np.array([2])), np.float32([0, 2, 4]))


@pytest.mark.parametrize("way", [apply, apply_flexible])
def test_shapes_as_tensors(way):
    equal(way("getShape", X), np.float32([2, 3, 4, 5]))


def test_stretching():
    x = X[:, :1, :, :1]
    equal(apply("broadcastToStatic", x, targetShape=X.shape), np.broadcast_to(x, X.shape))
    equal(apply("broadcastToLike", x, X), np.broadcast_to(x, X.shape))
    equal(apply("broadcastToDynamic", x, np.array(X.shape)), np.broadcast_to(x, X.shape))


def test_a_shape_worked_out_of_sizes_is_known_while_translating():
    """getShape, gather, concat and reshape: what exporters write for a flatten."""
    layers = [
        layer("getShape", ["x"], ["s"]),
        layer("sliceStatic", ["s"], ["b"], beginIds=[0], endIds=[1], strides=[1], beginMasks=[0], endMasks=[0]),
        layer("loadConstantND", [], ["rest"], shape=[1], data=floats([-1])),
        layer("concatND", ["b", "rest"], ["target"], axis=0),
        layer("reshapeDynamic", ["x", "target"], ["y"]),
        layer("innerProduct", ["y"], ["z"], inputChannels=60, outputChannels=1, weights=floats(np.ones(60))),
    ]
    np.testing.assert_allclose(
        run_layers(layers, {"x": X}, ["z"])[0], X.reshape(2, 60).sum(1, keepdims=True), rtol=1e-4
    )


def test_random_layers_have_their_distribution_and_shape():
    found = apply("randomNormalLike", np.zeros((50, 60)), seed=3, mean=2.0, stdDev=0.5)
    assert found.shape == (50, 60)
    assert abs(found.mean() - 2) < 0.05
    assert abs(found.std() - 0.5) < 0.05
    found = made("randomUniformStatic", seed=3, minVal=-1.0, maxVal=3.0, outputShape=[60, 50])
    assert found.min() > -1
    assert found.max() < 3
    assert abs(found.mean() - 1) < 0.1
    found = apply("randomBernoulliDynamic", np.array([60, 50]), seed=3, prob=0.25)
    assert set(np.unique(found)) == {0, 1}
    assert abs(found.mean() - 0.25) < 0.05
    odds = np.tile(np.array([0.1, 0.0, 0.9], np.float32), (4, 1))
    found = apply("categoricalDistribution", odds, seed=3, numSamples=2000)
    assert found.shape == (4, 2000)
    np.testing.assert_allclose([(found == k).mean() for k in range(3)], [0.1, 0, 0.9], atol=0.05)
