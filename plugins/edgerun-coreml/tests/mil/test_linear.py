"""Reductions, matrix products, convolution, pooling and normalisation against numpy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from mil_program import FED, Program, apply

RNG = np.random.default_rng(2)
X = RNG.uniform(0.2, 2, (2, 3, 4, 5)).astype(np.float32)


def keep(function):
    return lambda x, axes: function(x, axis=axes, keepdims=True)


REDUCTIONS = {
    "reduce_l1_norm": lambda x, a: np.abs(x).sum(a, keepdims=True),
    "reduce_l2_norm": lambda x, a: np.sqrt((x * x).sum(a, keepdims=True)),
    "reduce_log_sum": lambda x, a: np.log(x.sum(a, keepdims=True)),
    "reduce_log_sum_exp": lambda x, a: np.log(np.exp(x).sum(a, keepdims=True)),
    "reduce_sum_square": lambda x, a: (x * x).sum(a, keepdims=True),
    "reduce_max": keep(np.max), "reduce_min": keep(np.min), "reduce_mean": keep(np.mean),
    "reduce_sum": keep(np.sum), "reduce_prod": keep(np.prod),
}  # fmt: skip


@pytest.mark.parametrize("axes", [(2, 3), (-1,), (0, 2), None])
@pytest.mark.parametrize("kind", REDUCTIONS)
def test_reductions_keep_axes_if_told(kind, axes):
    over = tuple(range(4)) if axes is None else axes
    expected = REDUCTIONS[kind](X.astype(np.float64), over)
    inputs = {} if axes is None else {"axes": np.int32(axes)}
    kept = apply(kind, ("fp32", expected.shape), x=X, keep_dims=True, **inputs)
    np.testing.assert_allclose(kept, expected, rtol=1e-5)
    dropped = apply(kind, ("fp32", np.squeeze(expected, over).shape), x=X, keep_dims=False, **inputs)
    np.testing.assert_allclose(dropped, np.squeeze(expected, over), rtol=1e-5)


def test_reductions_of_integers_are_exact():
    x = np.array([[2**24 + 1, 2], [3, 4]], np.int32)
    assert apply("reduce_sum", ("int32", (2,)), x=x, axes=np.int32([1])).tolist() == [2**24 + 3, 7]


@pytest.mark.parametrize(("kind", "function"), [("reduce_argmax", np.argmax), ("reduce_argmin", np.argmin)])
def test_arg_reductions_answer_int32(kind, function):
    found = apply(kind, ("int32", (2, 4, 5)), x=X, axis=np.int32(1), keep_dims=False)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, function(X, 1))


@pytest.mark.parametrize("shape", [(4, 6), (2, 4, 6), (6,)])
@pytest.mark.parametrize("biased", [True, False])
def test_linear(shape, biased):
    x, w = RNG.normal(size=shape).astype(np.float32), RNG.normal(size=(5, 6)).astype(np.float32)
    b = RNG.normal(size=5).astype(np.float32)
    found = apply("linear", ("fp32", (*shape[:-1], 5)), x=x, weight=w, bias=b if biased else None)
    np.testing.assert_allclose(found, x @ w.T + (b if biased else 0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("tx", "ty"), list(itertools.product([False, True], repeat=2)))
def test_matmul_transposes_either_side(tx, ty):
    x, y = RNG.normal(size=(2, 3, 4)).astype(np.float32), RNG.normal(size=(4, 5)).astype(np.float32)
    given = np.swapaxes(x, -1, -2) if tx else x
    found = apply("matmul", ("fp32", (2, 3, 5)), x=given, y=y.T if ty else y, transpose_x=tx, transpose_y=ty)
    np.testing.assert_allclose(found, x @ y, rtol=1e-4, atol=1e-5)


def test_matmul_of_integers():
    x, y = np.arange(6, dtype=np.int32).reshape(2, 3), np.arange(12, dtype=np.int32).reshape(3, 4)
    np.testing.assert_array_equal(apply("matmul", ("int32", (2, 4)), x=x, y=y), x @ y)


def test_einsum():
    program = Program()
    a, b = RNG.normal(size=(1, 2, 3, 4)).astype(np.float32), RNG.normal(size=(1, 4, 3, 5)).astype(np.float32)
    x, y = program.input("a", "fp32", a.shape), program.input("b", "fp32", b.shape)
    result = program.op("einsum", ("fp32", (1, 2, 3, 5)), values=[x, y], equation="nchw,nwhu->nchu")
    np.testing.assert_allclose(program.run(result, a=a, b=b), np.einsum("nchw,nwhu->nchu", a, b), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mask", ["none", "bool", "float"])
def test_attention(mask):
    q, k, v = (RNG.normal(size=(2, n, 4)).astype(np.float32) for n in (3, 5, 5))
    scores = q @ np.swapaxes(k, 1, 2) / 2
    given = None
    if mask == "bool":
        given = np.array([[True, False, True, True, False]] * 3)
        scores = np.where(given, scores, -np.inf)
    if mask == "float":
        given = RNG.normal(size=(3, 5)).astype(np.float32)
        scores = scores + given
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    expected = weights / weights.sum(-1, keepdims=True) @ v
    found = apply(
        "scaled_dot_product_attention", ("fp32", (2, 3, 4)), 18, x=q, query=FED, key=k, value=v, attn_mask=given
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def convolve(x, w, strides, pads, dilations, groups):
    """A slow 2-D convolution; pads: top, bottom, left, right."""
    x = np.pad(x, [(0, 0), (0, 0), pads[:2], pads[2:]])
    (n, _, h, wide), (out, per, kh, kw) = x.shape, w.shape
    rows = (h - (kh - 1) * dilations[0] - 1) // strides[0] + 1
    columns = (wide - (kw - 1) * dilations[1] - 1) // strides[1] + 1
    y = np.zeros((n, out, rows, columns))
    for o, i, a, b in itertools.product(range(out), range(per), range(kh), range(kw)):
        channel = o // (out // groups) * per + i
        top, left = a * dilations[0], b * dilations[1]
        patch = x[
            :, channel, top : top + rows * strides[0] : strides[0], left : left + columns * strides[1] : strides[1]
        ]
        y[:, o] += w[o, i, a, b] * patch[:, :rows, :columns]
    return y


CONVOLUTIONS = [
    ({"pad_type": "valid"}, [1, 1], [0, 0, 0, 0], [1, 1], 1),
    ({"pad_type": "custom", "pad": np.int32([1, 2, 0, 1])}, [2, 1], [1, 2, 0, 1], [1, 1], 1),
    ({"pad_type": "same"}, [2, 2], [0, 1, 1, 1], [1, 1], 2),
    ({"pad_type": "same_lower"}, [2, 2], [1, 0, 1, 1], [1, 1], 1),
    ({"pad_type": "same"}, [1, 1], [2, 2, 2, 2], [2, 2], 4),
]


@pytest.mark.parametrize(("padding", "strides", "pads", "dilations", "groups"), CONVOLUTIONS)
def test_convolution_pads_as_told(padding, strides, pads, dilations, groups):
    x = RNG.normal(size=(2, 4, 8, 7)).astype(np.float32)
    w, b = RNG.normal(size=(4, 4 // groups, 3, 3)).astype(np.float32), RNG.normal(size=4).astype(np.float32)
    expected = convolve(x, w, strides, pads, dilations, groups) + b[:, None, None]
    found = apply(
        "conv", ("fp32", expected.shape), x=x, weight=w, bias=b, strides=np.int32(strides),
        dilations=np.int32(dilations), groups=np.int32(groups), **padding,
    )  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_quantised_convolution_unpacks_its_weights():
    x, w = RNG.normal(size=(1, 2, 5, 5)).astype(np.float32), RNG.integers(0, 255, (3, 2, 3, 3)).astype(np.uint8)
    scale, shift = RNG.uniform(0.01, 0.1, (2, 3)).astype(np.float32)
    real = w * scale[:, None, None, None] + shift[:, None, None, None]
    found = apply(
        "conv_quantized", ("fp32", (1, 3, 3, 3)), x=x, weight=w, quantization_type="linear", quant_scale=scale,
        quant_bias=shift, pad_type="valid",
    )  # fmt: skip
    np.testing.assert_allclose(found, convolve(x, real, [1, 1], [0] * 4, [1, 1], 1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("parameters", "size"), [
    ({"pad_type": "valid"}, 9), ({"pad_type": "same"}, 8), ({"pad_type": "custom", "pad": np.int32([1, 0, 1, 0])}, 8),
    ({"pad_type": "custom", "pad": np.int32([1, 1, 1, 1]), "output_shape": np.int32([1, 2, 8, 8])}, 8),
    ({"pad_type": "same", "output_shape": np.int32([1, 2, 7, 7])}, 7),
])  # fmt: skip
def test_transposed_convolution_is_the_adjoint_of_convolution(parameters, size):
    """<conv(y), x> = <y, conv_transpose(x)> for the padding that gives this size."""
    x, w = RNG.normal(size=(1, 3, 4, 4)).astype(np.float32), RNG.normal(size=(3, 2, 3, 3)).astype(np.float32)
    found = apply("conv_transpose", ("fp32", (1, 2, size, size)), x=x, weight=w, strides=np.int32([2, 2]), **parameters)
    whole = np.zeros((1, 2, 11, 11))
    for i, j, a, b in itertools.product(range(4), range(4), range(3), range(3)):
        whole[0, :, 2 * i + a, 2 * j + b] += x[0, :, i, j] @ w[:, :, a, b]
    start = 1 if parameters["pad_type"] == "custom" else (9 - size) // 2
    np.testing.assert_allclose(found, whole[:, :, start : start + size, start : start + size], rtol=1e-4, atol=1e-5)


def pooled(x, k, s, pads, function):
    """Windows of x [1, C, H, W] padded with nan, reduced by ``function`` over the last axis."""
    x = np.pad(x, [(0, 0), (0, 0), pads[:2], pads[2:]], constant_values=np.nan)
    rows, columns = (x.shape[2] - k) // s + 1, (x.shape[3] - k) // s + 1
    windows = [
        [x[:, :, i * s : i * s + k, j * s : j * s + k].reshape(*x.shape[:2], -1) for j in range(columns)]
        for i in range(rows)
    ]
    return np.stack([np.stack([function(w) for w in row], -1) for row in windows], -2)


POOLS = [
    ("max_pool", {}, lambda w: np.nanmax(w, -1)),
    ("avg_pool", {"exclude_padding_from_average": True}, lambda w: np.nanmean(w, -1)),
    ("avg_pool", {"exclude_padding_from_average": False}, lambda w: np.nan_to_num(w).mean(-1)),
    ("l2_pool", {}, lambda w: np.sqrt(np.nansum(w * w, -1))),
]


@pytest.mark.parametrize(("kind", "parameters", "function"), POOLS)
@pytest.mark.parametrize(
    ("padding", "pads"),
    [
        ({"pad_type": "valid"}, (0, 0, 0, 0)),
        ({"pad_type": "custom", "pad": np.int32([1, 0, 0, 1])}, (1, 0, 0, 1)),
        ({"pad_type": "same"}, (0, 1, 0, 1)),
    ],
)
def test_pooling_pads_as_told(kind, parameters, function, padding, pads):
    x = RNG.normal(size=(1, 2, 6, 6)).astype(np.float32)
    expected = pooled(x, 3, 2, pads, function)
    found = apply(
        kind, ("fp32", expected.shape), x=x, kernel_sizes=np.int32([3, 3]), strides=np.int32([2, 2]),
        **padding, **parameters,
    )  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_ceil_mode_adds_a_window_that_starts_inside():
    x = np.arange(36, dtype=np.float32).reshape(1, 1, 6, 6)
    found = apply(
        "max_pool", ("fp32", (1, 1, 3, 3)), x=x, kernel_sizes=np.int32([3, 3]), strides=np.int32([2, 2]),
        pad_type="valid", ceil_mode=True,
    )  # fmt: skip
    np.testing.assert_array_equal(found, pooled(x, 3, 2, (0, 1, 0, 1), lambda w: np.nanmax(w, -1)))


C = RNG.uniform(0.5, 2, (4, 3)).astype(np.float32)


def test_batch_norm():
    gamma, beta, mean, variance = C
    expected = (X - mean[:, None, None]) / np.sqrt(variance[:, None, None] + 1e-3) * gamma[:, None, None]
    found = apply(
        "batch_norm", ("fp32", X.shape), x=X, gamma=gamma, beta=beta, mean=mean, variance=variance,
        epsilon=np.float32(1e-3),
    )  # fmt: skip
    np.testing.assert_allclose(found, expected + beta[:, None, None], rtol=1e-4, atol=1e-5)


def normalised(x, axes, epsilon=1e-5):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


def test_instance_norm():
    found = apply("instance_norm", ("fp32", X.shape), x=X, gamma=C[0], beta=C[1])
    expected = normalised(X.astype(np.float64), (2, 3)) * C[0][:, None, None] + C[1][:, None, None]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("axes", [(-1,), (2, 3), (1,), (1, 3)])
def test_layer_norm_over_any_axes(axes):
    sizes = [X.shape[axis] for axis in axes]
    gamma, beta = RNG.normal(size=(2, *sizes)).astype(np.float32)
    shape = [size if axis in [a % 4 for a in axes] else 1 for axis, size in enumerate(X.shape)]
    found = apply("layer_norm", ("fp32", X.shape), x=X, axes=np.int32(axes), gamma=gamma, beta=beta)
    expected = normalised(X.astype(np.float64), axes) * gamma.reshape(shape) + beta.reshape(shape)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_l2_norm():
    found = apply("l2_norm", ("fp32", X.shape), x=X, epsilon=np.float32(0.5))
    np.testing.assert_allclose(found, X / np.sqrt((X**2).sum((1, 2, 3), keepdims=True) + 0.5), rtol=1e-5)


@pytest.mark.parametrize("size", [2, 3])
def test_local_response_norm_leans_left(size):
    found = apply(
        "local_response_norm", ("fp32", X.shape), x=X, size=np.int32(size), alpha=np.float32(0.5),
        beta=np.float32(0.7), k=np.float32(1.1),
    )  # fmt: skip
    total = np.zeros_like(X)
    for c in range(3):
        total[:, c] = (X[:, max(c - size // 2, 0) : c + (size - 1) // 2 + 1] ** 2).sum(1)
    np.testing.assert_allclose(found, X / (1.1 + 0.5 / size * total) ** 0.7, rtol=1e-4)
