"""Weights in each of the forms that layers keep them in."""

from __future__ import annotations

import numpy as np
import pytest
from nn_model import apply, floats
from wire_format import encode

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.schema import model_schema
from edgerun_coreml.file.wire import parse
from edgerun_coreml.nn.weights import read

RNG = np.random.default_rng(8)
SHAPE = (3, 5, 2)


def message(content):
    return parse(encode("WeightParams", content), model_schema().message("WeightParams"))


def packed(codes, bits):
    """Codes one after the other, the highest bit of each first."""
    text = "".join(format(code, f"0{bits}b") for code in codes.reshape(-1).tolist())
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def test_fp32_and_fp16():
    array = RNG.uniform(-1, 1, SHAPE).astype(np.float32)
    np.testing.assert_array_equal(read(message(floats(array)), SHAPE, "w"), array)
    half = read(message({"float16Value": array.astype("<f2").tobytes()}), SHAPE, "w")
    np.testing.assert_array_equal(half, array.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("bits", range(1, 9))
def test_linear_quantization(bits):
    codes = RNG.integers(0, 1 << bits, SHAPE)
    for count in (1, 3):
        scale, bias = RNG.uniform(0.1, 1, count).astype(np.float32), RNG.uniform(-1, 1, count).astype(np.float32)
        quantization = {"numberOfBits": bits, "linearQuantization": {"scale": scale, "bias": bias}}
        found = read(message({"rawValue": packed(codes, bits), "quantization": quantization}), SHAPE, "w")
        expected = codes * scale.reshape(-1, 1, 1) + bias.reshape(-1, 1, 1)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_scales_along_the_second_axis():
    codes, scale = RNG.integers(0, 256, SHAPE), RNG.uniform(0.1, 1, 5).astype(np.float32)
    quantization = {"numberOfBits": 8, "linearQuantization": {"scale": scale}}
    found = read(message({"rawValue": packed(codes, 8), "quantization": quantization}), SHAPE, "w", axis=1)
    np.testing.assert_allclose(found, codes * scale.reshape(5, 1), rtol=1e-6)


@pytest.mark.parametrize("bits", range(1, 9))
def test_lookup_tables(bits):
    codes, table = RNG.integers(0, 1 << bits, SHAPE), RNG.uniform(-1, 1, 1 << bits).astype(np.float32)
    quantization = {"numberOfBits": bits, "lookupTableQuantization": {"floatValue": table}}
    found = read(message({"rawValue": packed(codes, bits), "quantization": quantization}), SHAPE, "w")
    np.testing.assert_array_equal(found, table[codes])


def test_signed_bytes_of_dynamic_quantization():
    codes = RNG.integers(-127, 128, (4, 6)).astype(np.int8)
    quantization = {"numberOfBits": 8, "linearQuantization": {"scale": [0.05]}}
    weights = {"int8RawValue": codes.tobytes(), "quantization": quantization}
    x = RNG.uniform(-1, 1, (2, 6)).astype(np.float32)
    found = apply("innerProduct", x, inputChannels=6, outputChannels=4, int8DynamicQuantize=True, weights=weights)
    np.testing.assert_allclose(found, x @ (codes * 0.05).T, rtol=1e-4, atol=1e-5)


def linear(bits, scale, **more):
    return {"numberOfBits": bits, "linearQuantization": {"scale": scale, **more}}


DAMAGED = {
    "nothing at all": {},
    "too few": floats(np.zeros(29)),
    "too many": floats(np.zeros(31)),
    "half a half": {"float16Value": bytes(59)},
    "no bits": {"rawValue": bytes(30), "quantization": linear(0, [1.0])},
    "many bits": {"rawValue": bytes(30), "quantization": linear(1 << 40, [1.0])},
    "bytes for other bits": {"rawValue": bytes(30), "quantization": linear(4, [1.0])},
    "no scale": {"rawValue": bytes(30), "quantization": linear(8, [])},
    "two scales": {"rawValue": bytes(30), "quantization": linear(8, [1.0, 2.0])},
    "two biases": {"rawValue": bytes(30), "quantization": linear(8, [1.0], bias=[1.0, 2.0])},
    "no kind": {"rawValue": bytes(30), "quantization": {"numberOfBits": 8}},
    "a short table": {
        "rawValue": bytes(30),
        "quantization": {"numberOfBits": 8, "lookupTableQuantization": {"floatValue": [1.0, 2.0]}},
    },
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_what_does_not_fill_the_shape_is_damaged(content):
    with pytest.raises(ModelDamaged, match=r"^w"):
        read(message(content), SHAPE, "w")


def test_impossible_shapes_are_damaged():
    for shape in ((1 << 40, 1 << 40), (-1, 3)):
        with pytest.raises(ModelDamaged):
            read(message({}), shape, "w")
