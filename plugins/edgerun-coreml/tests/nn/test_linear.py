"""Matrix products, lookups, normalization, reductions and padding against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from nn_model import apply, apply_flexible, floats

from edgerun_coreml.errors import ModelDamaged

RNG = np.random.default_rng(3)
X = RNG.uniform(0.2, 2, (2, 3, 4, 5)).astype(np.float32)
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.mark.parametrize("shape", [(60,), (7, 60), (2, 7, 60), (2, 3, 4, 5), (2, 2, 3, 4, 5)])
@pytest.mark.parametrize("biased", [False, True])
def test_inner_product_of_every_rank(shape, biased):
    x = RNG.uniform(-1, 1, shape).astype(np.float32)
    weights, bias = RNG.uniform(-1, 1, (6, 60)), RNG.uniform(-1, 1, 6)
    params = {"hasBias": True, "bias": floats(bias)} if biased else {}
    found = apply("innerProduct", x, inputChannels=60, outputChannels=6, weights=floats(weights), **params)
    lead = shape[:-1] if len(shape) < 4 else shape[:-3]
    expected = x.reshape(*lead, 60) @ weights.T + (bias if biased else 0)
    np.testing.assert_allclose(found, expected.reshape(*lead, 6, *(() if len(shape) < 4 else (1, 1))), **CLOSE)


@pytest.mark.parametrize(
    ("left", "right", "shape"),
    [
        ((4,), (4,), (1, 1)),
        ((3, 4), (4,), (3, 1)),
        ((4,), (4, 5), (1, 5)),
        ((2, 3, 4), (4, 5), (2, 3, 5)),
        ((2, 1, 3, 4), (6, 4, 5), (2, 6, 3, 5)),
    ],
)
def test_batched_product_makes_matrices_of_vectors(left, right, shape):
    a, b = RNG.uniform(-1, 1, left).astype(np.float32), RNG.uniform(-1, 1, right).astype(np.float32)
    found = apply("batchedMatmul", a, b)
    assert found.shape == shape
    np.testing.assert_allclose(found, np.matmul(a, b).reshape(shape), **CLOSE)


def test_batched_product_transposes_and_takes_weights():
    a, b = RNG.uniform(-1, 1, (2, 4, 3)), RNG.uniform(-1, 1, (2, 5, 4))
    found = apply("batchedMatmul", a, b, transposeA=True, transposeB=True)
    np.testing.assert_allclose(found, a.swapaxes(1, 2) @ b.swapaxes(1, 2), **CLOSE)
    weights, bias = RNG.uniform(-1, 1, (3, 6)), RNG.uniform(-1, 1, 6)
    params = {"weightMatrixFirstDimension": 3, "weightMatrixSecondDimension": 6, "hasBias": True, "bias": floats(bias)}
    for x in (a, a[0], a[0, 0]):
        found = apply("batchedMatmul", x, weights=floats(weights.T), **params)
        np.testing.assert_allclose(found, x @ weights + bias, **CLOSE)


def test_embeddings_look_up_rows():
    table, bias = RNG.uniform(-1, 1, (6, 10)), RNG.uniform(-1, 1, 6)
    ids = RNG.integers(0, 10, (3, 2))
    expected = table.T[ids] + bias
    shared = {"hasBias": True, "weights": floats(table), "bias": floats(bias)}
    found = apply("embeddingND", ids[..., None], vocabSize=10, embeddingSize=6, **shared)
    np.testing.assert_allclose(found, expected, **CLOSE)
    found = apply("embedding", ids.reshape(3, 2, 1, 1, 1), inputDim=10, outputChannels=6, **shared)
    np.testing.assert_allclose(found, expected.reshape(3, 2, 6, 1, 1), **CLOSE)


def normalized(x, axes, epsilon, divide=True):
    centred = x - x.mean(axes, keepdims=True)
    return centred / np.sqrt(x.var(axes, keepdims=True) + epsilon) if divide else centred


def test_batch_normalization_of_each_kind():
    gamma, beta, mean, variance = (RNG.uniform(0.5, 1, 3) for _ in range(4))
    column = (3, 1, 1)
    shared = {"channels": 3, "epsilon": 1e-3, "gamma": floats(gamma), "beta": floats(beta)}
    found = apply("batchnorm", X, mean=floats(mean), variance=floats(variance), **shared)
    scale = gamma / np.sqrt(variance + 1e-3)
    expected = (X - mean.reshape(column)) * scale.reshape(column) + beta.reshape(column)
    np.testing.assert_allclose(found, expected, **CLOSE)
    for instance, axes in ((True, (2, 3)), (False, (0, 2, 3))):
        found = apply("batchnorm", X, computeMeanVar=True, instanceNormalization=instance, **shared)
        expected = normalized(X, axes, 1e-3) * gamma.reshape(column) + beta.reshape(column)
        np.testing.assert_allclose(found, expected, **CLOSE)


def test_mean_and_variance_normalization():
    for across, axes in ((True, (1, 2, 3)), (False, (2, 3))):
        for divide in (True, False):
            found = apply("mvn", X, acrossChannels=across, normalizeVariance=divide, epsilon=1e-4)
            np.testing.assert_allclose(found, normalized(X, axes, 1e-4, divide), **CLOSE)


def test_l2_normalization_is_over_the_last_three_axes():
    expected = X / np.sqrt((X**2).sum((1, 2, 3), keepdims=True) + 0.1)
    np.testing.assert_allclose(apply("l2normalize", X, epsilon=0.1), expected, **CLOSE)
    np.testing.assert_allclose(apply("l2normalize", X[0], epsilon=0.1), expected[0], **CLOSE)


def test_layer_normalization():
    gamma, beta = RNG.uniform(0.5, 1, (4, 5)), RNG.uniform(-1, 1, (4, 5))
    found = apply("layerNormalization", X, normalizedShape=[4, 5], eps=1e-3, gamma=floats(gamma), beta=floats(beta))
    np.testing.assert_allclose(found, normalized(X, (2, 3), 1e-3) * gamma + beta, **CLOSE)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_local_response_leans_to_the_lower_channels(size):
    x = RNG.uniform(-2, 2, (2, 6, 3, 2)).astype(np.float32)
    found = apply("lrn", x, alpha=0.8, beta=0.75, localSize=size, k=2.0)
    sums = np.zeros(x.shape)
    for channel in range(6):
        low = channel - size // 2
        sums[:, channel] = (x[:, max(low, 0) : low + size].astype(np.float64) ** 2).sum(1)
    np.testing.assert_allclose(found, x / (2 + 0.8 / size * sums) ** 0.75, **CLOSE)
    negative = apply("lrn", x, alpha=-0.1, beta=0.75, localSize=size, k=9.0)
    np.testing.assert_allclose(negative, x / (9 - 0.1 / size * sums) ** 0.75, **CLOSE)
    flexible = apply_flexible("lrn", x, alpha=0.8, beta=0.75, localSize=size, k=2.0)
    np.testing.assert_allclose(flexible, found, **CLOSE)


def test_scale_and_bias_of_every_shape():
    for shape in ([1], [3], [1, 4, 5], [3, 4, 5]):
        values, offset = RNG.uniform(-1, 1, shape), RNG.uniform(-1, 1, [3])
        wide = values.reshape(-1, 1, 1) if len(shape) == 1 else values
        found = apply(
            "scale", X, shapeScale=shape, scale=floats(values), hasBias=True, shapeBias=[3], bias=floats(offset)
        )
        np.testing.assert_allclose(found, X * wide + offset.reshape(3, 1, 1), **CLOSE)
        np.testing.assert_allclose(apply("bias", X, shape=shape, bias=floats(values)), X + wide, **CLOSE)


def test_softmax_over_channels_or_any_axis():
    def soft(axis):
        return np.exp(X) / np.exp(X).sum(axis, keepdims=True)

    np.testing.assert_allclose(apply("softmax", X), soft(1), **CLOSE)
    np.testing.assert_allclose(apply("softmaxND", X, axis=-1), soft(3), **CLOSE)
    np.testing.assert_allclose(apply("softmaxND", X, axis=0), soft(0), **CLOSE)


REDUCTIONS = {
    "L1": lambda x, a, k: np.abs(x).sum(a, keepdims=k),
    "L2": lambda x, a, k: np.sqrt((x**2).sum(a, keepdims=k)),
    "Max": lambda x, a, k: x.max(a, keepdims=k),
    "Min": lambda x, a, k: x.min(a, keepdims=k),
    "Sum": lambda x, a, k: x.sum(a, keepdims=k),
    "Prod": lambda x, a, k: x.prod(a, keepdims=k),
    "Mean": lambda x, a, k: x.mean(a, keepdims=k),
    "LogSum": lambda x, a, k: np.log(x.sum(a, keepdims=k)),
    "SumSquare": lambda x, a, k: (x**2).sum(a, keepdims=k),
    "LogSumExp": lambda x, a, k: np.log(np.exp(x).sum(a, keepdims=k)),
}


@pytest.mark.parametrize("axes", [(1,), (-1, 0), (2, 3)])
@pytest.mark.parametrize("kind", REDUCTIONS)
def test_reductions(kind, axes):
    for keep in (True, False):
        found = apply(f"reduce{kind}", X, axes=axes, keepDims=keep)
        np.testing.assert_allclose(found, REDUCTIONS[kind](X.astype(np.float64), axes, keep), **CLOSE)


def test_a_full_reduction_has_one_axis_left():
    found = apply("reduceSum", X, reduceAll=True)
    assert found.shape == (1,)
    np.testing.assert_allclose(found, [X.sum()], rtol=1e-5)


MODES = {
    "SUM": "Sum", "AVG": "Mean", "PROD": "Prod", "SUMSQUARE": "SumSquare", "L1": "L1", "L2": "L2", "MAX": "Max",
    "MIN": "Min",
}  # fmt: skip


def test_legacy_reductions():
    axes = {"CHW": (1, 2, 3), "HW": (2, 3), "C": (1,), "H": (2,), "W": (3,)}
    for name, over in axes.items():
        for mode, kind in MODES.items():
            expected = REDUCTIONS[kind](X.astype(np.float64), over, True)
            np.testing.assert_allclose(apply("reduce", X, mode=mode, axis=name), expected, rtol=1e-3)
        found = apply("reduce", X, mode="LOGSUM", axis=name, epsilon=0.1)
        np.testing.assert_allclose(found, np.log(X + 0.1).sum(over, keepdims=True), **CLOSE)
    found = apply("reduce", X, mode="ARGMAX", axis="H")
    np.testing.assert_array_equal(found, X.argmax(2, keepdims=True).astype(np.float32))


def test_indices_of_extremes():
    np.testing.assert_array_equal(apply("argMax", X, axis=-1), X.argmax(3, keepdims=True).astype(np.float32))
    np.testing.assert_array_equal(apply("argMin", X, axis=1, removeDim=True), X.argmin(1).astype(np.float32))
    assert apply("argMin", X[0, 0, 0], axis=0, removeDim=True).shape == (1,)


def test_dot_product_and_cosine():
    a, b = (RNG.uniform(-1, 1, (2, 6, 1, 1)) for _ in range(2))
    dot = (a * b).sum(1, keepdims=True)
    np.testing.assert_allclose(apply("dot", a, b), dot, **CLOSE)
    norms = np.sqrt((a**2).sum(1, keepdims=True) * (b**2).sum(1, keepdims=True))
    np.testing.assert_allclose(apply("dot", a, b, cosineSimilarity=True), dot / norms, **CLOSE)


def amounts(top, bottom, left, right):
    edges = [{"startEdgeSize": top, "endEdgeSize": bottom}, {"startEdgeSize": left, "endEdgeSize": right}]
    return {"borderAmounts": edges}


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5), (2, 3, 4, 5), (2, 2, 3, 4, 5)])
def test_padding_of_images(shape):
    x = np.resize(X, shape)
    pads = [(0, 0)] * (len(shape) - 2) + [(1, 2), (3, 0)]
    given = {"paddingAmounts": amounts(1, 2, 3, 0)}
    expected = np.pad(x, pads, constant_values=1.5)
    np.testing.assert_array_equal(apply("padding", x, constant={"value": 1.5}, **given), expected)
    np.testing.assert_array_equal(apply("padding", x, reflection={}, **given), np.pad(x, pads, mode="reflect"))
    np.testing.assert_array_equal(apply("padding", x, replication={}, **given), np.pad(x, pads, mode="edge"))


def test_constant_padding():
    x = X[0, 0]
    expected = np.pad(x, [(1, 0), (2, 3)], constant_values=-1)
    np.testing.assert_array_equal(apply("constantPad", x, value=-1.0, padAmounts=[1, 0, 2, 3]), expected)
    np.testing.assert_array_equal(apply("constantPad", x, np.array([1, 0, 2, 3]), value=-1.0), expected)
    for way in (apply, apply_flexible):
        found = way("constantPad", x, value=-1.0, padAmounts=[0, 6, 9, 0], padToGivenOutputSizeMode=True)
        np.testing.assert_array_equal(found, np.pad(x, [(0, 2), (4, 0)], constant_values=-1))


def test_crops():
    np.testing.assert_array_equal(apply("crop", X, cropAmounts=amounts(1, 0, 2, 1)), X[:, :, 1:, 2:4])
    reference = np.zeros((2, 3, 2, 3), np.float32)
    for way in (apply, apply_flexible):
        np.testing.assert_array_equal(way("crop", X, reference, offset=[1, 2]), X[:, :, 1:3, 2:5])
    with pytest.raises(ModelDamaged, match="cut"):
        apply("crop", X, cropAmounts=amounts(2, 2, 0, 0))
