"""Weights and constants of an .onnx file: TensorProto.

Source of the numbers of fields and types: onnx.proto of ONNX 1.23 (Apache-2.0).
"""

from __future__ import annotations

import math

import numpy as np

from edgerun.contract import Graph
from edgerun.tensors import AnyArray, TensorSpec
from edgerun.wire import Damaged
from edgerun.wire.protobuf import Message

__all__ = ["DTYPES", "MAX_AXES", "dtype_of", "read_tensor"]

DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16",
    17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2", 20: "float8e5m2fnuz", 21: "uint4", 22: "int4",
    23: "float4e2m1", 24: "float8e8m0", 25: "uint2", 26: "int2",
}  # fmt: skip
"""TensorProto.DataType."""
WITHOUT_ARRAYS = frozenset({8, *range(16, 27)})
"""Types whose arrays are left out: texts, and numbers that numpy lacks."""
MAX_AXES = 32

DIMS, DATA_TYPE, NAME, RAW_DATA, DATA_LOCATION = 1, 2, 8, 9, 14
FLOAT_DATA, INT32_DATA, INT64_DATA, DOUBLE_DATA, UINT64_DATA = 4, 5, 7, 10, 11
"""Fields of a TensorProto."""
DATA_FIELDS = (FLOAT_DATA, INT32_DATA, INT64_DATA, RAW_DATA, DOUBLE_DATA, UINT64_DATA)
EXTERNAL = 1
"""DataLocation of weights that another file holds; it is not opened."""

FIXED_WIDTH = {1: FLOAT_DATA, 14: FLOAT_DATA, 11: DOUBLE_DATA, 15: DOUBLE_DATA}
"""Type -> the field of its numbers where each has the type's own width, so that they may be copied."""
VARINTS = {7: INT64_DATA, 12: UINT64_DATA, 13: UINT64_DATA}
"""Type -> the field of its numbers where they are varints; INT32_DATA for all others."""
FLOAT16 = 10
"""Its bits are stored as integers."""


def dtype_of(code: int) -> str:
    """The name that numpy has for a type, or a name of our own for one that is not known."""
    return DTYPES.get(code, f"type {code}")


def read_tensor(tensor: Message, name: str | None = None) -> tuple[TensorSpec, AnyArray | None]:
    """Name, shape and type of a TensorProto, and its numbers where they are few and stand in this file.

    Args:
        tensor: the message.
        name: what it is called; None for its own name.

    Raises:
        Damaged: the shape is impossible, or the numbers are not as many as it says.
    """
    name = tensor.text(NAME) if name is None else name
    sizes, code = tensor.integers(DIMS, MAX_AXES), tensor.integer(DATA_TYPE)
    if sizes is None or any(size < 0 for size in sizes):
        raise Damaged(f"the weight {name!r} has an impossible shape")
    spec = TensorSpec(name, tuple(sizes), dtype_of(code))
    count = math.prod(sizes)
    if count > Graph.LARGEST_CONSTANT or code not in DTYPES or code in WITHOUT_ARRAYS:
        return spec, None
    if count and not _is_inside(tensor):
        return spec, None
    numbers = _numbers(tensor, code, count)
    if numbers is None or numbers.size != count:
        raise Damaged(f"the weight {name!r} of {count} numbers does not hold as many")
    return spec, np.array(numbers, np.dtype(spec.dtype)).reshape(sizes)


def _is_inside(tensor: Message) -> bool:
    return tensor.integer(DATA_LOCATION) != EXTERNAL and tensor.has_any(DATA_FIELDS)


def _numbers(tensor: Message, code: int, count: int) -> AnyArray | None:
    """The numbers of a tensor, flat; None where there are more than `count`."""
    dtype = np.dtype(DTYPES[code]).newbyteorder("<")
    if RAW_DATA in tensor:
        return tensor.numbers(RAW_DATA, dtype.str, count)
    if code in FIXED_WIDTH:
        return tensor.numbers(FIXED_WIDTH[code], dtype.str, count)
    whole = tensor.integers(VARINTS.get(code, INT32_DATA), count)
    if whole is None:
        return None
    bits = np.array([value & (1 << 64) - 1 for value in whole], np.uint64)
    return bits.astype(np.uint16).view(dtype) if code == FLOAT16 else bits.astype(dtype)
