"""The element types of ML Programs and what stands for each in the ONNX graph.

Everything is computed in float32, int32 or bool: ONNX Runtime's CPU kernels know these throughout, and a
program's fp16 is a matter of storage, which ``precision="fp16"`` makes visible by rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.blob import MAX_ELEMENTS
from edgerun_coreml.file.wire import Message
from edgerun_coreml.onnx.graph import Shape

DType = np.dtype[Any]

KINDS: Final = {
    "BOOL": "bool", "STRING": "str", "FLOAT16": "fp16", "FLOAT32": "fp32", "FLOAT64": "fp64",
    "BFLOAT16": "bf16",
    "INT4": "int4", "INT8": "int8", "INT16": "int16", "INT32": "int32", "INT64": "int64",
    "UINT1": "uint1", "UINT2": "uint2", "UINT3": "uint3", "UINT4": "uint4", "UINT6": "uint6",
    "UINT8": "uint8", "UINT16": "uint16", "UINT32": "uint32", "UINT64": "uint64",
    "FLOAT8E4M3FN": "fp8e4m3fn", "FLOAT8E5M2": "fp8e5m2",
}  # fmt: skip
"""The format's names to those of MIL's text form."""

FLOATS: Final = frozenset({"fp16", "fp32", "fp64", "bf16"})
FLOAT32: Final[DType] = np.dtype(np.float32)
INT32: Final[DType] = np.dtype(np.int32)
INT64: Final[DType] = np.dtype(np.int64)
BOOL: Final[DType] = np.dtype(np.bool_)

STORED: Final[dict[str, DType]] = {
    "bool": BOOL,
    "fp16": np.dtype(np.float16),
    "fp32": FLOAT32,
    "fp64": np.dtype(np.float64),
    "bf16": FLOAT32,
    "int4": np.dtype(np.int8),
    **{f"{sign}int{bits}": np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": np.dtype(np.uint8) for bits in (1, 2, 3, 4, 6)},
}
"""numpy's type for a constant of each kind."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A value's type: the element's name, or ``list``, ``dict``, ``tuple``; the shape; whether it is a state."""

    name: str
    shape: Shape | None
    state: bool = False


def computed(kind: str) -> DType:
    """The type in the graph for elements of a kind."""
    if kind in FLOATS:
        return FLOAT32
    return BOOL if kind == "bool" else INT32


def read_kind(message: Message) -> Kind:
    """Read a message ``Mil.ValueType``. Raises :class:`ModelDamaged` for sizes no tensor has."""
    which = message.which("type")
    if which == "stateType":
        inner = read_kind(message.stateType.wrappedType)
        return Kind(inner.name, inner.shape, state=True)
    if which == "tensorType":
        tensor = message.tensorType
        name = KINDS.get(tensor.dataType, tensor.dataType)
        return Kind(name, None if tensor.rank < 0 else _shape(tensor))
    if which == "listType":
        return Kind("list", read_kind(message.listType.type).shape)
    return Kind({"dictionaryType": "dict", "tupleType": "tuple"}.get(which, "nothing"), None)


def _shape(tensor: Message) -> Shape | None:
    sizes: list[int | None] = []
    for dimension in tensor.dimensions:
        if dimension.which("dimension") == "constant":
            size = dimension.constant.size
            if not 0 <= size <= MAX_ELEMENTS:
                raise ModelDamaged(f"a tensor with an axis of size {size}")
            sizes.append(size)
        elif dimension.unknown.variadic:
            return None
        else:
            sizes.append(None)
    return tuple(sizes)
