from __future__ import annotations

import numpy as np
import pytest

from edgerun_coreml.file.feature_types import ArrayType, Feature, SizeRange
from edgerun_coreml.running import shapes

FIXED = ArrayType("float32", (1, 4))


@pytest.mark.parametrize("dtype", ["int8", "int32", "float16", "float32", "float64"])
def test_core_ml_takes_these_types(dtype):
    array = shapes.to_array(np.ones((1, 4), dtype), "x", FIXED)
    assert array.dtype == ("float32" if dtype == "float16" else dtype)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "complex64", "str"])
def test_and_no_others(dtype):
    with pytest.raises(RuntimeError, match=r"Core ML takes int8, int32, float32, float64 and float16"):
        shapes.to_array(np.ones((1, 4)).astype(dtype), "x", FIXED)


def test_lists_and_torch_like_tensors_are_taken():
    class Tensor:
        def detach(self):
            return self

        cpu = detach

        def numpy(self):
            return np.full((1, 4), 3, np.float32)

    assert shapes.to_array([[1.0, 2, 3, 4]], "x", FIXED).tolist() == [[1, 2, 3, 4]]
    assert shapes.to_array(Tensor(), "x", FIXED).tolist() == [[3, 3, 3, 3]]


def test_another_shape_is_refused_with_the_one_that_is_taken():
    with pytest.raises(RuntimeError, match=r"'x': MultiArray shape \(4 x 1\) does not match the shape \(1 x 4\)"):
        shapes.to_array(np.zeros((4, 1), np.float32), "x", FIXED)


def test_enumerated_shapes_are_exactly_those():
    kind = ArrayType("float32", (1, 4), shapes=((1, 4), (2, 8)))
    shapes.to_array(np.zeros((2, 8), np.float32), "x", kind)
    refusal = r"\(1 x 8\) was not in enumerated set of allowed shapes: \(1 x 4\), \(2 x 8\)"
    with pytest.raises(RuntimeError, match=refusal):
        shapes.to_array(np.zeros((1, 8), np.float32), "x", kind)
    assert shapes.dimensions(kind) == (None, None)


def test_ranges_hold_at_both_ends():
    kind = ArrayType("float32", (1, 4), ranges=(SizeRange(1, 1), SizeRange(2, 8)))
    for size in (2, 8):
        shapes.to_array(np.zeros((1, size), np.float32), "x", kind)
    for size in (1, 9):
        with pytest.raises(
            RuntimeError, match=rf"Size \({size}\) of dimension \(1\) is not in allowed range \(2\.\.8\)"
        ):
            shapes.to_array(np.zeros((1, size), np.float32), "x", kind)
    with pytest.raises(RuntimeError, match="has 1 dimensions, the model description 2"):
        shapes.to_array(np.zeros(4, np.float32), "x", kind)
    assert shapes.dimensions(kind) == (1, None)


def test_networks_of_old_take_axes_of_one_in_front():
    kind = ArrayType("float32", (3, 2, 2))
    given = np.zeros((1, 1, 3, 2, 2), np.float32)
    assert shapes.to_array(given, "x", kind, rank5=True).shape == (3, 2, 2)
    assert shapes.to_array(np.zeros((5, 1, 3, 2, 2), np.float32), "x", kind, rank5=True).shape == (5, 1, 3, 2, 2)
    with pytest.raises(RuntimeError):
        shapes.to_array(given, "x", kind)
    with pytest.raises(RuntimeError):
        shapes.to_array(np.zeros((1, 1, 3, 2, 9), np.float32), "x", kind, rank5=True)


@pytest.mark.parametrize(
    ("given", "wanted", "shape"),
    [
        ((3, 2, 2), (1, 3, 2, 2), (1, 3, 2, 2)),
        ((7,), (None, None, 7, 1, 1), (1, 1, 7, 1, 1)),
        ((5, 1, 7), (None, None, 7, 1, 1), (5, 1, 7, 1, 1)),
        ((3, 2, 2), (None, None, 3, 2, 2), (1, 1, 3, 2, 2)),
        ((1, 1, 7), (7,), (7,)),
        ((1, 3, "w"), (1, 1, 3, "w"), (1, 1, 3, 9)),
        ((3, 3, 3), (1, 3, 2, 2), None),
        ((2, 1, 7), (7,), None),
    ],
)
def test_axes_of_one_are_added_and_taken_away(given, wanted, shape):
    given = tuple(9 if size == "w" else size for size in given)
    assert shapes.with_axes(given, wanted) == shape


def test_what_is_left_out_is_filled_with_its_default():
    kind = ArrayType("float16", (2, 2), default=0.5)
    assert shapes.default(Feature("x", kind, optional=True), kind).tolist() == [[0.5, 0.5], [0.5, 0.5]]
    whole = ArrayType("int32", (2,))
    assert shapes.default(Feature("x", whole, optional=True), whole).dtype == np.int32


def test_a_default_of_impossible_size_is_refused():
    for shape in ((1 << 40, 1 << 40), (-1, 4)):
        kind = ArrayType("float32", shape)
        with pytest.raises(RuntimeError, match="cannot be made"):
            shapes.default(Feature("x", kind, optional=True), kind)


def test_fp16_outputs_are_float32_with_the_precision_of_fp16():
    array = shapes.declared(np.array([0.1, 1e6], np.float32), ArrayType("float16", (2,)))
    assert array.dtype == np.float32
    assert array.tolist() == [float(np.float16(0.1)), np.inf]
    assert shapes.declared(np.array([2.0], np.float32), ArrayType("int32", (1,))).dtype == np.int32
