"""Compressed weights (``constexpr_*``), unpacked when the program is read.

The operations of iOS 16 have packed bytes and a shape; those of iOS 18 have the shape in their operands, and
may hold blocks, groups and vectors.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.blob import MAX_ELEMENTS, unpack_bits
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.mil.values import Operand, constant

Array = npt.NDArray[Any]


def _bounded(shape: list[int]) -> list[int]:
    """A shape given as data. Raises :class:`ModelDamaged` if no weight can have it."""
    if any(size < 0 for size in shape) or math.prod(shape) > MAX_ELEMENTS:
        raise ModelDamaged(f"a compressed weight of shape {shape}")
    return shape


@operation("constexpr_affine_dequantize")
def affine_dequantize(op: Operation) -> Operand:
    """``(quantized_data - zero_point) * scale`` along an axis."""
    data, scale, zero = op.array("quantized_data"), op.array("scale"), op.array("zero_point")
    axis = op.integer("axis")

    def along_axis(parameter: Array) -> Array:
        shape = [1] * data.ndim
        shape[axis] = -1
        return parameter.astype(np.float32).reshape(shape if parameter.ndim else ())

    result = (data.astype(np.float32) - along_axis(zero)) * along_axis(scale)
    return constant(result.astype(scale.dtype), op.kind)


@operation("constexpr_cast")
def cast(op: Operation) -> Operand:
    return constant(op.array("source_val").astype(np.float32), op.kind)


@operation("constexpr_lut_to_dense")
def lut_to_dense_packed(op: Operation) -> Operand:
    """Indices of log2(entries) bits each, packed, into one table."""
    lut, shape = op.array("lut").reshape(-1), _bounded(op.integers("shape"))
    bits = max(lut.size - 1, 1).bit_length()
    indices = unpack_bits_or_bytes(op.array("indices").reshape(-1).view(np.uint8), bits, math.prod(shape))
    return constant(lut[indices].reshape(shape), op.kind)


def unpack_bits_or_bytes(raw: Array, bits: int, count: int) -> Array:
    if raw.size * 8 < bits * count:
        raise ModelDamaged(f"{count} indices of {bits} bits in {raw.size} bytes")
    return raw[:count] if bits == 8 else unpack_bits(raw, bits, count)


@operation("constexpr_lut_to_dense", since=18)
def lut_to_dense(op: Operation) -> Operand:
    vector_axis = op.integer("vector_axis") if op.has("vector_axis") else None
    return constant(look_up(op.array("indices"), op.array("lut"), vector_axis), op.kind)


def look_up(indices: Array, lut: Array, vector_axis: int | None) -> Array:
    """Entries by index. ``lut`` is [groups of each axis..., entries, vector]; vectors go along
    ``vector_axis``.
    """
    if indices.size * lut.shape[-1] > MAX_ELEMENTS:
        raise ModelDamaged(f"{indices.size} indices into vectors of {lut.shape[-1]}")
    group = [
        place // max(size // groups, 1)
        for place, size, groups in zip(
            np.ogrid[tuple(slice(size) for size in indices.shape)], indices.shape, lut.shape, strict=False
        )
    ]
    found: Array = lut[(*group, indices.astype(np.int64))]
    if found.shape[-1] == 1:
        return found[..., 0]
    axis = (vector_axis or 0) % indices.ndim
    shape = list(indices.shape)
    shape[axis] *= found.shape[-1]
    return np.moveaxis(found, -1, axis + 1).reshape(shape)


@operation("constexpr_sparse_to_dense")
def sparse_to_dense_packed(op: Operation) -> Operand:
    """Values where the bits of a packed mask are set, zero elsewhere."""
    shape, packed = _bounded(op.integers("shape")), op.array("mask").reshape(-1).view(np.uint8)
    count = math.prod(shape)
    if packed.size * 8 < count:
        raise ModelDamaged(f"a mask of {packed.size} bytes for {count} values")
    mask = np.unpackbits(packed, bitorder="little", count=count).reshape(shape)
    return constant(fill_in(mask, op.array("nonzero_data")), op.kind)


@operation("constexpr_sparse_to_dense", since=18)
def sparse_to_dense(op: Operation) -> Operand:
    return constant(fill_in(op.array("mask"), op.array("nonzero_data")), op.kind)


def fill_in(mask: Array, values: Array) -> Array:
    """The values in order where the mask is set, zero elsewhere."""
    dense = np.zeros(mask.shape, values.dtype)
    dense[mask != 0] = values.reshape(-1)
    return dense


@operation("constexpr_blockwise_shift_scale")
def blockwise_shift_scale(op: Operation) -> Operand:
    result = shift_and_scale(op.array("data"), op.array("scale"), op.optional_array("offset"))
    return constant(result, op.kind)


def shift_and_scale(data: Array, scale: Array, offset: Array | None) -> Array:
    """``(data - offset) * scale``; a block is as large as the shapes' quotient. In scale's type."""

    def per_element(parameter: Array) -> Array:
        wide = parameter.astype(np.float32)
        for axis, (size, blocks) in enumerate(zip(data.shape, parameter.shape, strict=True)):
            if blocks not in (1, size):
                wide = np.repeat(wide, size // blocks, axis)
        return wide

    shifted = data.astype(np.float32)
    if offset is not None:
        shifted = shifted - per_element(offset)
    return (shifted * per_element(scale)).astype(scale.dtype)


@operation("constexpr_lut_to_sparse")
def lut_to_sparse(op: Operation) -> list[Operand]:
    """Looked-up values where the mask is set: the mask (spread over vectors) and the values in order."""
    mask, lut = op.array("indices_mask"), op.array("lut")
    vector_axis = op.integer("vector_axis") if op.has("vector_axis") else None
    indices = fill_in(mask, op.array("indices_nonzero_data"))
    dense = look_up(indices, lut, vector_axis)
    if lut.shape[-1] > 1:
        mask = np.repeat(mask, lut.shape[-1], vector_axis or 0)
    return [constant(mask, "uint1"), constant(dense[mask != 0], op.outputs[1][1].name)]


@operation("constexpr_sparse_blockwise_shift_scale")
def sparse_blockwise_shift_scale(op: Operation) -> list[Operand]:
    mask = op.array("data_mask")
    dense = shift_and_scale(fill_in(mask, op.array("nonzero_data")), op.array("scale"), op.optional_array("offset"))
    return [constant(mask, "uint1"), constant(dense[mask != 0], op.outputs[1][1].name)]
