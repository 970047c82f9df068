"""Weight files (``weight.bin``, MIL blob storage version 2), read by memory map.

Layout, little-endian: a header of 64 bytes {uint32 count, uint32 version}; per array a record of 64 bytes
{uint32 0xDEADBEEF, uint32 type, uint64 size in bytes, uint64 offset, uint64 padding in bits}, to which the
program points. Types below a byte are packed with the lowest bits first.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgerun_coreml.errors import ModelDamaged

Array = npt.NDArray[Any]

SENTINEL: Final = 0xDEADBEEF
RECORD: Final = struct.Struct("<IIQQQ")
MAX_ELEMENTS: Final = 1 << 30
"""Elements of one array; beyond it a size is taken for damage."""


@dataclass(frozen=True, slots=True)
class Packing:
    """How one element type is stored: numpy's type once unpacked, and its width."""

    dtype: np.dtype[Any]
    bits: int

    @property
    def packed(self) -> bool:
        """Whether several elements share a byte."""
        return self.bits < 8


def _packing(dtype: npt.DTypeLike, bits: int) -> Packing:
    return Packing(np.dtype(dtype), bits)


PACKINGS: Final[dict[str, Packing]] = {
    "fp16": _packing("<f2", 16),
    "fp32": _packing("<f4", 32),
    "fp64": _packing("<f8", 64),
    "bool": _packing(np.bool_, 8),
    "bf16": _packing("<u2", 16),
    "int8": _packing("i1", 8),
    "int16": _packing("<i2", 16),
    "int32": _packing("<i4", 32),
    "int64": _packing("<i8", 64),
    "uint8": _packing("u1", 8),
    "uint16": _packing("<u2", 16),
    "uint32": _packing("<u4", 32),
    "uint64": _packing("<u8", 64),
    "int4": _packing("i1", 4),
    "uint1": _packing("u1", 1),
    "uint2": _packing("u1", 2),
    "uint3": _packing("u1", 3),
    "uint4": _packing("u1", 4),
    "uint6": _packing("u1", 6),
}
"""By MIL's name of the type. bf16 is widened by :func:`unpack`."""

_BLOB_TYPES: Final = {
    1: "fp16", 2: "fp32", 3: "uint8", 4: "int8", 5: "bf16", 6: "int16", 7: "uint16", 8: "int4", 9: "uint1",
    10: "uint2", 11: "uint4", 12: "uint3", 13: "uint6", 14: "int32", 15: "uint32",
}  # fmt: skip
_INTERCHANGEABLE: Final = {("bool", "uint8"), ("bool", "int8")}


def unpack(raw: Array, kind: str, count: int) -> Array:
    """Read ``count`` elements of type ``kind`` from bytes; whole-byte types stay views of ``raw`` (uint8
    [N]).

    Raises :class:`ModelDamaged` when there are too few bytes.
    """
    packing = PACKINGS.get(kind)
    if packing is None:
        raise ModelDamaged(f"constants of type {kind} cannot be read")
    if raw.size * 8 < count * packing.bits:
        raise ModelDamaged(f"{count} values of {kind} need {count * packing.bits // 8} bytes, {raw.size} are there")
    if packing.packed:
        return unpack_bits(raw, packing.bits, count, signed=kind.startswith("int"))
    values = raw[: count * packing.bits // 8].view(packing.dtype)
    if kind == "bf16":  # the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values


def unpack_bits(raw: Array, bits: int, count: int, *, signed: bool = False) -> Array:
    """Unpack ``count`` integers of ``bits`` < 8 bits, lowest bits first, into uint8 (int8 when ``signed``)
    [count].
    """
    raw = raw[: math.ceil(count * bits / 8)]
    if 8 % bits == 0:
        shifts = np.arange(0, 8, bits, dtype=np.uint8)
        values: Array = ((raw[:, None] >> shifts) & ((1 << bits) - 1)).reshape(-1)[:count]
    else:
        flags = np.unpackbits(raw, bitorder="little")[: count * bits].reshape(count, bits)
        values = np.packbits(flags, axis=1, bitorder="little")[:, 0]
    if signed:
        return (values << (8 - bits)).view(np.int8) >> (8 - bits)
    return values


class BlobFile:
    """One weight file. ``data`` is its bytes as uint8 [N], usually a memory map."""

    def __init__(self, data: Array, name: str) -> None:
        self._data, self._name = data, name
        if data.size < 64:
            raise ModelDamaged(f"{name}: shorter than its header")
        _count, version = struct.unpack("<II", data[:8].tobytes())
        if version != 2:
            raise ModelDamaged(f"{name}: blob storage version {version}, 2 is known")

    def read(self, offset: int, kind: str, count: int) -> Array:
        """Read the array whose record lies at ``offset``: ``count`` elements of MIL type ``kind``, flat.

        Raises :class:`ModelDamaged` when record, type and size do not agree with what is asked for.
        """
        if offset < 0 or offset % 64 or offset + RECORD.size > self._data.size or count > MAX_ELEMENTS:
            raise ModelDamaged(f"{self._name}: no record can lie at {offset}")
        sentinel, code, size, start, _padding = RECORD.unpack(self._data[offset : offset + RECORD.size].tobytes())
        if sentinel != SENTINEL:
            raise ModelDamaged(f"{self._name}: there is no record at {offset}")
        if start + size > self._data.size:
            raise ModelDamaged(f"{self._name}: the array at {offset} reaches past the end of the file")
        stored = _BLOB_TYPES.get(code, f"type {code}")
        if stored != kind and (kind, stored) not in _INTERCHANGEABLE:
            raise ModelDamaged(f"{self._name}: the array at {offset} is of {stored}, the program wants {kind}")
        if size != math.ceil(count * PACKINGS[stored].bits / 8):
            raise ModelDamaged(f"{self._name}: the array at {offset} has {size} bytes, not those of {count} {kind}")
        return unpack(self._data[start : start + size], kind, count)
