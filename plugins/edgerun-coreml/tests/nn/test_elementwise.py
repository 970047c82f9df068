"""Activations, functions, arithmetic, comparisons and logic against numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from nn_model import apply, floats, layer, run_layers

RNG = np.random.default_rng(1)
X = RNG.uniform(-4, 4, (1, 3, 4, 5)).astype(np.float32)
Y = RNG.uniform(0.5, 2, (1, 3, 4, 5)).astype(np.float32)
CHANNELS = np.array([0.3, 1.5, -0.7], np.float32)
COLUMN = CHANNELS.reshape(3, 1, 1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


ACTIVATIONS = {
    "linear": ({"alpha": 2.0, "beta": 0.5}, lambda x: 2 * x + 0.5),
    "ReLU": ({}, lambda x: np.maximum(x, 0)),
    "leakyReLU": ({"alpha": 0.1}, lambda x: np.where(x < 0, 0.1 * x, x)),
    "thresholdedReLU": ({"alpha": 1.0}, lambda x: np.where(x >= 1, x, 0)),
    "PReLU": ({"alpha": floats(CHANNELS)}, lambda x: np.where(x < 0, COLUMN * x, x)),
    "tanh": ({}, np.tanh),
    "scaledTanh": ({"alpha": 1.7, "beta": 0.6}, lambda x: 1.7 * np.tanh(0.6 * x)),
    "sigmoid": ({}, sigmoid),
    "sigmoidHard": ({"alpha": 0.2, "beta": 0.5}, lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    "ELU": ({"alpha": 0.7}, lambda x: np.where(x < 0, 0.7 * np.expm1(x), x)),
    "softsign": ({}, lambda x: x / (1 + np.abs(x))),
    "softplus": ({}, lambda x: np.log1p(np.exp(x))),
    "parametricSoftplus": (
        {"alpha": floats(CHANNELS), "beta": floats(COLUMN * 2)},
        lambda x: COLUMN * np.log1p(np.exp(2 * COLUMN * x)),
    ),
}


@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (3, 4, 5), (2, 1, 3, 2, 5)])
@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_activations(kind, shape):
    params, function = ACTIVATIONS[kind]
    x = np.resize(X, shape)
    np.testing.assert_allclose(apply("activation", x, **{kind: params}), function(x), rtol=1e-5, atol=1e-6)


def test_a_thresholded_relu_keeps_what_is_at_the_threshold():
    found = apply("activation", np.array([0.999, 1.0, 1.001], np.float32), thresholdedReLU={"alpha": 1.0})
    np.testing.assert_array_equal(found, np.array([0, 1.0, 1.001], np.float32))


def test_a_parameter_with_one_value_serves_all_channels():
    found = apply("activation", X, PReLU={"alpha": floats([0.25])})
    np.testing.assert_allclose(found, np.where(X < 0, 0.25 * X, X))


def erf(x):
    return np.vectorize(math.erf)(x)


FUNCTIONS = {
    "ceil": np.ceil, "floor": np.floor, "sign": np.sign, "round": np.rint, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "atan": np.arctan,
    "erf": erf, "exp2": np.exp2, "copy": np.positive,
    "asin": lambda x: np.arcsin(x / 5), "acos": lambda x: np.arccos(x / 5), "atanh": lambda x: np.arctanh(x / 5),
    "acosh": lambda x: np.arccosh(np.abs(x) + 1),
}  # fmt: skip


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_functions(kind):
    x = {"asin": X / 5, "acos": X / 5, "atanh": X / 5, "acosh": np.abs(X) + 1}.get(kind, X)
    np.testing.assert_allclose(apply(kind, x), FUNCTIONS[kind](X), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("mode", "function"),
    [
        ("EXACT", lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2)))),
        ("TANH_APPROXIMATION", lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
        ("SIGMOID_APPROXIMATION", lambda x: x * sigmoid(1.702 * x)),
    ],
)
def test_gelu(mode, function):
    np.testing.assert_allclose(apply("gelu", X, mode=mode), function(X), atol=2e-6)


def test_clip_and_clamped_relu():
    np.testing.assert_array_equal(apply("clip", X, minVal=-1.0, maxVal=2.0), np.clip(X, -1, 2))
    expected = np.minimum(np.where(X < 0, 0.1 * X, X), 2.5)
    np.testing.assert_allclose(apply("clampedReLU", X, alpha=0.1, beta=2.5), expected, rtol=1e-6)


UNARY = {
    "SQRT": np.sqrt,
    "RSQRT": lambda x: 1 / np.sqrt(x + 1e-2),
    "INVERSE": lambda x: 1 / (x + 1e-2),
    "POWER": lambda x: x**1.5,
    "EXP": np.exp,
    "LOG": lambda x: np.log(x + 1e-2),
    "ABS": np.abs,
    "THRESHOLD": lambda x: np.maximum(x, 1.5),
}


@pytest.mark.parametrize("kind", UNARY)
def test_unary_scales_and_shifts_first(kind):
    found = apply("unary", Y, type=kind, alpha=1.5, epsilon=1e-2, shift=0.25, scale=2.0)
    np.testing.assert_allclose(found, UNARY[kind](2 * Y + 0.25), rtol=1e-5)


def test_unary_has_an_epsilon_of_its_own_but_not_for_logarithms():
    zero = np.zeros(2, np.float32)
    np.testing.assert_allclose(apply("unary", zero, type="INVERSE"), [1e6, 1e6], rtol=1e-3)
    assert np.isneginf(apply("unary", zero, type="LOG", epsilon=1e-45)).all()


BINARY = {
    "add": np.add, "multiply": np.multiply, "max": np.maximum, "min": np.minimum,
    "average": lambda a, b: (a + b) / 2, "addBroadcastable": np.add, "subtractBroadcastable": np.subtract,
    "multiplyBroadcastable": np.multiply, "divideBroadcastable": np.divide, "maxBroadcastable": np.maximum,
    "minBroadcastable": np.minimum, "floorDivBroadcastable": np.floor_divide, "modBroadcastable": np.mod,
    "powBroadcastable": lambda a, b: np.abs(a) ** b,
}  # fmt: skip


@pytest.mark.parametrize("other", [(1, 3, 4, 5), (1, 3, 1, 1), (1, 1, 4, 5)])
@pytest.mark.parametrize("kind", BINARY)
def test_arithmetic_broadcasts(kind, other):
    y = np.resize(Y, other)
    x = np.abs(X) if kind == "powBroadcastable" else X
    np.testing.assert_allclose(apply(kind, x, y), BINARY[kind](X, y), rtol=2e-5, atol=1e-5)


def test_ranks_broadcast_as_in_numpy():
    np.testing.assert_allclose(apply("addBroadcastable", X, Y[0, 0]), X + Y[0, 0])
    np.testing.assert_allclose(apply("multiplyBroadcastable", Y[0, 0, 0], X), X * Y[0, 0, 0])


def test_a_lone_input_takes_alpha():
    np.testing.assert_allclose(apply("add", X, alpha=3.0), X + 3)
    np.testing.assert_allclose(apply("multiply", X, alpha=3.0), X * 3)


def test_many_inputs_are_added_up():
    np.testing.assert_allclose(apply("add", X, Y, X, Y), 2 * X + 2 * Y, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(apply("average", X, Y, Y), (X + 2 * Y) / 3, rtol=1e-5, atol=1e-6)


COMPARISONS = {
    "equal": np.equal, "notEqual": np.not_equal, "lessThan": np.less, "lessEqual": np.less_equal,
    "greaterThan": np.greater, "greaterEqual": np.greater_equal,
}  # fmt: skip


@pytest.mark.parametrize("kind", COMPARISONS)
def test_comparisons_give_ones_and_zeros(kind):
    x, y = RNG.integers(0, 3, (4, 5)), RNG.integers(0, 3, (1, 5))
    np.testing.assert_array_equal(apply(kind, x, y), COMPARISONS[kind](x, y).astype(np.float32))
    np.testing.assert_array_equal(apply(kind, x, alpha=1.0), COMPARISONS[kind](x, 1).astype(np.float32))


LOGIC = {"logicalAnd": np.logical_and, "logicalOr": np.logical_or, "logicalXor": np.logical_xor}


@pytest.mark.parametrize("kind", LOGIC)
def test_logic_takes_what_is_not_0_for_true(kind):
    x, y = RNG.integers(-1, 2, (4, 5)), RNG.integers(0, 3, (4, 1))
    np.testing.assert_array_equal(apply(kind, x, y), LOGIC[kind](x, y).astype(np.float32))


def test_not_and_where():
    x = RNG.integers(0, 2, (1, 3, 4, 5))
    np.testing.assert_array_equal(apply("logicalNot", x), 1 - x)
    np.testing.assert_array_equal(apply("whereBroadcastable", x, X, Y), np.where(x, X, Y))


def test_layers_in_a_row_work_on_folded_tensors_as_on_whole_ones():
    """Five axes of which two are a batch: folded once, unfolded at the end."""
    x = RNG.uniform(-1, 1, (2, 3, 3, 4, 5)).astype(np.float32)
    layers = [
        layer("softmax", ["x"], ["a"]),
        layer("scale", ["a"], ["b"], shapeScale=[3], scale=floats(CHANNELS)),
        layer("pooling", ["b"], ["c"], type="MAX", kernelSize=[2, 2], stride=[2, 2], valid={}),
        layer("activation", ["c"], ["d"], ReLU={}),
        layer("add", ["d", "c"], ["e"]),
        layer("concat", ["e", "d"], ["f"]),
    ]
    (found,) = run_layers(layers, {"x": x}, ["f"])
    soft = np.exp(x) / np.exp(x).sum(2, keepdims=True) * COLUMN
    pooled = soft[..., :4, :4].reshape(2, 3, 3, 2, 2, 2, 2).max((4, 6))
    relu = np.maximum(pooled, 0)
    np.testing.assert_allclose(found, np.concatenate([relu + pooled, relu], 2), rtol=1e-5)
