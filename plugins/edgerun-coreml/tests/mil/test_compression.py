"""Compressed weights, of iOS 16 (packed) and iOS 18 (in blocks)."""

from __future__ import annotations

import numpy as np
import pytest
from mil_program import Program, Typed

from edgerun_coreml.errors import ModelDamaged

RNG = np.random.default_rng(6)


def packed(values, bits):
    flags = (np.asarray(values).reshape(-1, 1) >> np.arange(bits)) & 1
    return np.packbits(flags.astype(np.uint8).reshape(-1), bitorder="little").tobytes()


def unpacked(kind, makes, opset, inputs, attributes=None):
    program = Program(opset)
    result = program.op(kind, makes, attributes=attributes, **inputs)
    several = isinstance(makes, list)
    return program.run(result[-1] if several else result)


@pytest.mark.parametrize("axis", [0, 1])
def test_affine(axis):
    data = RNG.integers(0, 255, (3, 4)).astype(np.uint8)
    scale, zero = (
        RNG.uniform(0.1, 1, data.shape[axis]).astype(np.float32),
        RNG.integers(0, 255, data.shape[axis]).astype(np.uint8),
    )
    shape = (3, 1) if axis == 0 else (1, 4)
    parameters = {"quantized_data": data, "scale": scale, "zero_point": zero, "axis": np.int32(axis)}
    found = unpacked("constexpr_affine_dequantize", ("fp32", (3, 4)), 16, {}, parameters)
    np.testing.assert_allclose(found, (data - zero.reshape(shape).astype(np.float32)) * scale.reshape(shape), rtol=1e-6)


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 8])
def test_palette_of_one_table(bits):
    indices = RNG.integers(0, 1 << bits, (5, 3))
    lut = RNG.normal(size=1 << bits).astype(np.float16)
    parameters = {"indices": np.frombuffer(packed(indices, bits), np.uint8), "lut": lut, "shape": np.uint32([5, 3])}
    np.testing.assert_array_equal(
        unpacked("constexpr_lut_to_dense", ("fp16", (5, 3)), 16, {}, parameters), lut[indices]
    )


def test_sparse():
    mask = RNG.integers(0, 2, (4, 5))
    values = RNG.normal(size=mask.sum()).astype(np.float32)
    expected = np.zeros((4, 5), np.float32)
    expected[mask == 1] = values
    parameters = {"mask": np.frombuffer(packed(mask, 1), np.uint8), "nonzero_data": values, "shape": np.uint32([4, 5])}
    np.testing.assert_array_equal(unpacked("constexpr_sparse_to_dense", ("fp32", (4, 5)), 16, {}, parameters), expected)
    bits = Typed("uint1", (4, 5), packed(mask, 1))
    found = unpacked("constexpr_sparse_to_dense", ("fp32", (4, 5)), 18, {"mask": bits, "nonzero_data": values})
    np.testing.assert_array_equal(found, expected)


def test_cast():
    half = RNG.normal(size=(2, 3)).astype(np.float16)
    parameters = {"source_val": half, "output_dtype": "fp32"}
    np.testing.assert_array_equal(
        unpacked("constexpr_cast", ("fp32", (2, 3)), 16, {}, parameters), half.astype(np.float32)
    )


@pytest.mark.parametrize("offset", [True, False])
def test_blocks_of_int4(offset):
    data = RNG.integers(-8, 8, (4, 6))
    scale = RNG.uniform(0.1, 1, (2, 3)).astype(np.float32)
    shift = RNG.integers(-8, 8, (2, 3)) if offset else np.zeros((2, 3), int)
    inputs = {"data": Typed("int4", (4, 6), packed(data & 15, 4)), "scale": scale}
    if offset:
        inputs["offset"] = Typed("int4", (2, 3), packed(shift & 15, 4))
    wide = [item.repeat(2, 0).repeat(2, 1) for item in (scale, shift)]
    found = unpacked("constexpr_blockwise_shift_scale", ("fp32", (4, 6)), 18, inputs)
    np.testing.assert_allclose(found, (data - wide[1]) * wide[0], rtol=1e-6)


def test_palettes_by_group():
    indices = RNG.integers(0, 4, (4, 6))
    lut = RNG.normal(size=(2, 1, 4, 1)).astype(np.float32)
    expected = np.stack([lut[row // 2, 0, indices[row], 0] for row in range(4)])
    inputs = {"indices": Typed("uint2", (4, 6), packed(indices, 2)), "lut": lut}
    np.testing.assert_array_equal(unpacked("constexpr_lut_to_dense", ("fp32", (4, 6)), 18, inputs), expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_palettes_of_vectors(axis):
    indices = RNG.integers(0, 4, (3, 2))
    lut = RNG.normal(size=(1, 1, 4, 2)).astype(np.float32)
    vectors = lut[0, 0][indices]  # [3, 2, vector]
    expected = vectors.transpose(0, 2, 1).reshape(6, 2) if axis == 0 else vectors.reshape(3, 4)
    inputs = {"indices": Typed("uint2", (3, 2), packed(indices, 2)), "lut": lut, "vector_axis": np.int32(axis)}
    np.testing.assert_array_equal(unpacked("constexpr_lut_to_dense", ("fp32", expected.shape), 18, inputs), expected)


def test_sparse_values_may_be_palettised_or_quantised():
    mask = np.array([[1, 0, 1], [0, 1, 1]])
    bits = Typed("uint1", (2, 3), packed(mask, 1))
    program = Program(18)
    lut = RNG.normal(size=(1, 1, 4, 1)).astype(np.float32)
    makes = [("uint1", (2, 3)), ("fp32", (4,))]
    indices = Typed("uint2", (4,), packed([3, 0, 1, 2], 2))
    spread = program.op("constexpr_lut_to_sparse", makes, indices_mask=bits, indices_nonzero_data=indices, lut=lut)
    first = program.op("constexpr_sparse_to_dense", ("fp32", (2, 3)), mask=spread[0], nonzero_data=spread[1])
    scaled = program.op(
        "constexpr_sparse_blockwise_shift_scale", makes, data_mask=bits, nonzero_data=np.int8([1, 2, 3, 4]),
        scale=np.float32([[0.5], [2]]),
    )  # fmt: skip
    second = program.op("constexpr_sparse_to_dense", ("fp32", (2, 3)), mask=scaled[0], nonzero_data=scaled[1])
    found = program.run([first, second])
    t = lut[0, 0, :, 0]
    np.testing.assert_array_equal(found[0], [[t[3], 0, t[0]], [0, t[1], t[2]]])
    np.testing.assert_array_equal(found[1], [[0.5, 0, 1], [0, 6, 8]])


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("constexpr_lut_to_dense", {"indices": np.uint8([0]), "lut": np.float32([1, 2]),
         "shape": np.uint32([2**31, 4])}),
        ("constexpr_lut_to_dense", {"indices": np.uint8([0]), "lut": np.float32([1, 2]), "shape": np.uint32([99])}),
        ("constexpr_sparse_to_dense", {"mask": np.uint8([1]), "nonzero_data": np.float32([1, 2]),
         "shape": np.uint32([8])}),
        ("constexpr_affine_dequantize",
         {"quantized_data": np.uint8([1]), "zero_point": np.uint8(0), "scale": np.float32(1), "axis": np.int32(4)}),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit_are_refused(kind, parameters):
    if kind == "constexpr_affine_dequantize":
        parameters = {**parameters, "scale": np.float32([1, 2])}
    with pytest.raises(ModelDamaged):
        unpacked(kind, ("fp32", (1,)), 16, {}, parameters)
