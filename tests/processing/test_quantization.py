from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerun.processing.quantization import dequantise, quantise, restore, store
from edgerun.tensors import Quantization, TensorSpec


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
def test_a_thousand_random_tensors_are_quantised_by_the_formula(dtype):
    """Element by element in Python's own arithmetic: round half to even, then saturate."""
    random = np.random.default_rng(11)
    limits = np.iinfo(dtype)
    for _ in range(1000):
        scale = float(2.0 ** random.integers(-9, 2)) if random.random() < 0.5 else float(random.uniform(1e-3, 1))
        zero_point = int(random.integers(limits.min, limits.max + 1))
        real = (random.normal(0, 50, 6) * scale).astype(np.float32)
        if random.random() < 0.5:
            real = (np.round(real / scale * 2) / 2 * scale).astype(np.float32)  # many exact halves
        stored = quantise(real, Quantization((scale,), (zero_point,)), dtype)
        expected = [min(max(round(float(x) / scale) + zero_point, limits.min), limits.max) for x in real]
        assert stored.tolist() == expected
        back = dequantise(stored, Quantization((scale,), (zero_point,)))
        np.testing.assert_allclose(back, [(q - zero_point) * scale for q in expected], rtol=1e-6)


def test_one_and_a_bit_saturates_and_does_not_wrap():
    quantization = Quantization((1 / 127,), (0,))
    assert quantise(np.array([1.02, -1.02]), quantization, "int8").tolist() == [127, -128]


def test_a_scale_per_channel_runs_along_its_axis():
    quantization = Quantization((1.0, 0.5), (0, 1), axis=1)
    real = np.array([[3.0, 3.0], [1.0, 1.0]], np.float32)
    stored = quantise(real, quantization, "int8")
    assert stored.tolist() == [[3, 7], [1, 3]]
    np.testing.assert_array_equal(dequantise(stored, quantization), real)


def test_plain_integers_are_rounded_and_saturated_too():
    assert store(np.array([-3.0, 0.5, 1.5, 300.0]), TensorSpec("x", (4,), "uint8")).tolist() == [0, 0, 2, 255]


def test_outputs_come_back_as_float32_and_texts_stay():
    raw = {
        "q": np.array([[10]], np.uint8),
        "f": np.array([[1.5]], np.float16),
        "i": np.array([3], np.int64),
        "t": np.array(["cat"], object),
    }
    specs = [TensorSpec("q", (1, 1), "uint8", Quantization((0.5,), (2,))), TensorSpec("f", (1, 1), "float16")]
    restored = restore(raw, specs)
    assert restored["q"].tolist() == [[4.0]]
    assert {restored[name].dtype for name in "qfi"} == {np.dtype("float32")}
    assert restored["t"][0] == "cat"


@pytest.mark.parametrize(
    ("real", "stored"), [(0.5, 1), (1.5, 3), (2.5, 3), (-0.5, 1), (-1.5, -1), (200, 127), (-200, -128), (-129, -128)]
)
def test_halves_are_rounded_to_even_before_the_zero_point_is_added(real, stored):
    assert quantise(np.array([real]), Quantization((1.0,), (1,)), "int8").tolist() == [stored]


def test_real_is_what_is_above_the_zero_point_times_the_scale():
    assert dequantise(np.array([7, 3, -1], np.int8), Quantization((0.5,), (3,))).tolist() == [2, 0, -2]
    assert dequantise(np.array([0, 255], np.uint8), Quantization((2.0,), (128,))).tolist() == [-256, 254]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_scales_run_along_the_axis_that_is_said_of_several(axis):
    shape = [1, 1, 1]
    shape[axis] = 3
    stored = np.full((3, 3, 3), 2, np.int8)
    real = dequantise(stored, Quantization((1.0, 10.0, 100.0), (0, 1, 2), axis))
    np.testing.assert_array_equal(real, np.broadcast_to(np.float32([2, 10, 0]).reshape(shape), (3, 3, 3)))
    np.testing.assert_array_equal(quantise(real, Quantization((1.0, 10.0, 100.0), (0, 1, 2), axis), "int8"), stored)


@pytest.mark.parametrize(("dtype", "least", "most"), [("uint8", 0, 255), ("int8", -128, 127), ("int16", -32768, 32767)])
def test_whole_numbers_go_to_the_ends_of_their_type_and_no_further(dtype, least, most):
    spec = TensorSpec("x", (4,), dtype)
    assert store(np.array([least, least - 0.6, most, most + 0.6]), spec).tolist() == [least, least, most, most]


@st.composite
def quantisations(draw):
    """(dtype, scale and zero point of each of three channels)."""
    dtype = draw(st.sampled_from(["int8", "uint8", "int16"]))
    limits = np.iinfo(dtype)
    scales = draw(st.lists(st.floats(1e-4, 10), min_size=3, max_size=3))
    zeros = draw(st.lists(st.integers(limits.min, limits.max), min_size=3, max_size=3))
    return dtype, Quantization(tuple(scales), tuple(zeros), axis=1)


@settings(max_examples=150, deadline=None)
@given(quantisations(), st.integers(0, 2**32 - 1))
def test_every_stored_value_comes_back_as_itself(told, seed):
    dtype, quantization = told
    limits = np.iinfo(dtype)
    stored = np.random.default_rng(seed).integers(limits.min, limits.max, (5, 3), dtype, endpoint=True)
    stored[0], stored[1] = limits.min, limits.max
    back = quantise(dequantise(stored, quantization), quantization, dtype)
    np.testing.assert_array_equal(back, stored)
    assert back.dtype == dtype


@settings(max_examples=150, deadline=None)
@given(quantisations(), st.integers(0, 2**32 - 1))
def test_what_lies_in_the_range_comes_back_within_half_a_step(told, seed):
    dtype, quantization = told
    limits = np.iinfo(dtype)
    scale, zero = np.array(quantization.scale), np.array(quantization.zero_point)
    share = np.random.default_rng(seed).random((7, 3))
    real = (limits.min - zero + share * (limits.max - limits.min)) * scale
    back = dequantise(quantise(real, quantization, dtype), quantization)
    assert (np.abs(back - real) <= scale * 0.51).all()
