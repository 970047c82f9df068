"""Element-wise operations and activations against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from mil_program import Program, apply

RNG = np.random.default_rng(1)
X = RNG.uniform(-4, 4, (2, 3, 4, 5)).astype(np.float32)
POSITIVE = np.abs(X) + 0.1
UNIT = X / 4.5
erf = np.vectorize(__import__("math").erf)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


UNARY = {
    "abs": (np.abs, X), "acos": (np.arccos, UNIT), "asin": (np.arcsin, UNIT), "atan": (np.arctan, X),
    "atanh": (np.arctanh, UNIT), "ceil": (np.ceil, X), "cos": (np.cos, X), "cosh": (np.cosh, X),
    "erf": (erf, X), "exp": (np.exp, X), "exp2": (np.exp2, X), "floor": (np.floor, X),
    "inverse": (lambda x: 1 / (x + 1e-4), POSITIVE), "log": (np.log, POSITIVE), "round": (np.round, X),
    "rsqrt": (lambda x: 1 / np.sqrt(x + 1e-12), POSITIVE), "sign": (np.sign, X), "sin": (np.sin, X),
    "sinh": (np.sinh, X), "sqrt": (np.sqrt, POSITIVE), "square": (np.square, X), "tan": (np.tan, UNIT),
    "tanh": (np.tanh, X), "relu": (lambda x: np.maximum(x, 0), X), "relu6": (lambda x: np.clip(x, 0, 6), 3 * X),
    "sigmoid": (sigmoid, X), "silu": (lambda x: x * sigmoid(x), X), "softsign": (lambda x: x / (1 + abs(x)), X),
    "softplus": (lambda x: np.log1p(np.exp(x)), X),
    "gelu": (lambda x: x * 0.5 * (1 + erf(x / np.sqrt(2))), X),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNARY)
def test_unary_operations_agree_with_numpy(kind):
    function, x = UNARY[kind]
    found = apply(kind, ("fp32", x.shape), x=x)
    np.testing.assert_allclose(found, function(x.astype(np.float64)), rtol=3e-5, atol=1e-6)


WITH_PARAMETERS = [
    ("clamped_relu", {"alpha": 0.3, "beta": 1.5}, lambda x: np.minimum(1.5, np.where(x >= 0, x, 0.3 * x))),
    ("clip", {"alpha": -1.0, "beta": 2.0}, lambda x: np.clip(x, -1, 2)),
    ("elu", {"alpha": 0.7}, lambda x: np.where(x > 0, x, 0.7 * (np.exp(x) - 1))),
    ("gelu", {"mode": "TANH_APPROXIMATION"},
     lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    ("gelu", {"mode": "SIGMOID_APPROXIMATION"}, lambda x: x * sigmoid(1.702 * x)),
    ("leaky_relu", {"alpha": 0.2}, lambda x: np.where(x >= 0, x, 0.2 * x)),
    ("linear_activation", {"alpha": 2.0, "beta": -1.0}, lambda x: 2 * x - 1),
    ("log", {"epsilon": 0.5}, lambda x: np.log(x + 0.5)),
    ("prelu", {"alpha": np.float32([0.1, 0.2, 0.3])},
     lambda x: np.where(x >= 0, x, x * np.array([0.1, 0.2, 0.3])[:, None, None])),
    ("scaled_tanh", {"alpha": 1.5, "beta": 0.5}, lambda x: 1.5 * np.tanh(0.5 * x)),
    ("sigmoid_hard", {"alpha": 0.3, "beta": 0.4}, lambda x: np.clip(0.3 * x + 0.4, 0, 1)),
    ("softmax", {"axis": 1}, lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True)),
    ("softplus_parametric", {"alpha": np.float32([1, 2, 3]), "beta": np.float32([0.5, 1, 2])},
     lambda x: np.array([1, 2, 3])[:, None, None] * np.log1p(np.exp(x * np.array([0.5, 1, 2])[:, None, None]))),
    ("threshold", {"alpha": 0.5}, lambda x: np.maximum(x, 0.5)),
    ("thresholded_relu", {"alpha": 0.5}, lambda x: np.where(x >= 0.5, x, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "parameters", "function"), WITH_PARAMETERS)
def test_parameters_are_used(kind, parameters, function):
    x = POSITIVE if kind == "log" else X
    parameters = {k: np.float32(v) if isinstance(v, float) else v for k, v in parameters.items()}
    found = apply(kind, ("fp32", x.shape), x=x, **parameters)
    np.testing.assert_allclose(found, function(x.astype(np.float64)), rtol=3e-5, atol=1e-6)


def test_thresholded_relu_keeps_the_threshold_itself():
    found = apply("thresholded_relu", ("fp32", (3,)), x=np.float32([0.4, 0.5, 0.6]), alpha=np.float32(0.5))
    assert found.tolist() == [0, 0.5, np.float32(0.6)]


A = RNG.uniform(-4, 4, (3, 4)).astype(np.float32)
B = RNG.uniform(0.5, 3, (4,)).astype(np.float32)
BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum,
    "real_div": np.divide, "floor_div": lambda a, b: np.floor(a / b), "mod": np.mod,
}  # fmt: skip
COMPARISONS = {
    "equal": np.equal, "not_equal": np.not_equal, "greater": np.greater, "greater_equal": np.greater_equal,
    "less": np.less, "less_equal": np.less_equal,
}  # fmt: skip
LOGIC = {"logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor}


@pytest.mark.parametrize("kind", BINARY)
def test_binary_operations_broadcast(kind):
    np.testing.assert_allclose(apply(kind, ("fp32", (3, 4)), x=A, y=B), BINARY[kind](A, B), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["add", "sub", "mul", "maximum", "minimum", "floor_div", "mod"])
def test_binary_operations_on_integers_stay_exact(kind):
    x = np.array([-7, -1, 0, 5, 2**24 + 1], np.int32)
    y = np.array([3, 2, 5, 3, 3], np.int32)
    expected = {**BINARY, "floor_div": np.floor_divide}[kind](x, y)
    found = apply(kind, ("int32", (5,)), x=x, y=y)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, expected)


def test_pow_takes_real_exponents():
    found = apply("pow", ("fp32", (3, 4)), x=np.abs(A), y=B)
    np.testing.assert_allclose(found, np.abs(A) ** B, rtol=1e-5)


@pytest.mark.parametrize("kind", COMPARISONS)
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.bool_])
def test_comparisons_of_every_type(kind, dtype):
    x, y = np.array([0, 1, 2, 1], dtype), np.array([1, 1, 0, 0], dtype)
    np.testing.assert_array_equal(apply(kind, ("bool", (4,)), x=x, y=y), COMPARISONS[kind](x, y))


@pytest.mark.parametrize("kind", LOGIC)
def test_logic(kind):
    x, y = np.array([True, True, False, False]), np.array([True, False, True, False])
    np.testing.assert_array_equal(apply(kind, ("bool", (4,)), x=x, y=y), LOGIC[kind](x, y))


def test_logical_not():
    assert apply("logical_not", ("bool", (2,)), x=np.array([True, False])).tolist() == [False, True]


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.bool_])
def test_select_of_every_type(dtype):
    a, b = np.array([1, 0, 1], dtype), np.array([0, 1, 1], dtype)
    program = Program()
    condition = program.input("c", "bool", (3,))
    kind = {"float32": "fp32", "int32": "int32", "bool": "bool"}[np.dtype(dtype).name]
    chosen = program.op("select", (kind, (3,)), cond=condition, a=a, b=b)
    mask = np.array([True, True, False])
    np.testing.assert_array_equal(program.run(chosen, c=mask), np.where(mask, a, b))


@pytest.mark.parametrize(
    ("target", "dtype"), [("fp16", np.float16), ("int32", np.int32), ("int8", np.int8), ("uint8", np.uint8)]
)
def test_cast_rounds_and_wraps_as_the_type_does(target, dtype):
    x = np.float32([1.0004, -2.7, 100.2, 0])
    found = apply("cast", (target, (4,)), x=x, dtype=target)
    expected = x.astype(np.int32).astype(dtype) if target == "uint8" else x.astype(dtype)
    np.testing.assert_array_equal(found, expected.astype(found.dtype))


def test_cast_to_bool_is_true_for_all_but_zero():
    assert apply("cast", ("bool", (3,)), x=np.float32([0, 0.5, -1]), dtype="bool").tolist() == [False, True, True]


def half(program, x):
    product = program.op(
        "mul", ("fp16", (3,)), x=program.op("cast", ("fp16", (3,)), x=x, dtype="fp16"), y=np.float16(3.3)
    )
    return program.op("cast", ("fp32", (3,)), x=product, dtype="fp32")


def test_inputs_and_outputs_declared_fp16_are_rounded_whatever_the_precision():
    program = Program()
    x = program.input("x", "fp16", (2,))
    result = program.op("mul", ("fp16", (2,)), x=x, y=np.float16(3))
    given = np.float32([0.1, 5.5557])
    expected = (given.astype(np.float16).astype(np.float32) * 3).astype(np.float16)
    np.testing.assert_array_equal(program.run(result, x=given), expected)


def test_precision_fp16_rounds_what_the_program_stores_as_fp16():
    x = np.float32([0.1, 123.4, 30000])
    program = Program()
    result = half(program, program.input("x", "fp32", (3,)))
    stored = x.astype(np.float16).astype(np.float32) * np.float32(np.float16(3.3))
    np.testing.assert_array_equal(program.run(result, x=x), stored)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(program.run(result, precision="fp16", x=x), stored.astype(np.float16))
