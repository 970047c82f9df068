"""weight.bin: every element type, and records that do not agree with the file."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.blob import BlobFile, unpack_bits


def blob(
    code: int, content: bytes, *, size: int | None = None, start: int = 128, sentinel: int = 0xDEADBEEF
) -> BlobFile:
    record = struct.pack("<IIQQQ", sentinel, code, len(content) if size is None else size, start, 0)
    data = struct.pack("<II", 1, 2).ljust(64, b"\0") + record.ljust(64, b"\0") + content
    return BlobFile(np.frombuffer(data, np.uint8), "weight.bin")


@pytest.mark.parametrize(
    ("code", "kind", "dtype"),
    [(1, "fp16", "<f2"), (2, "fp32", "<f4"), (3, "uint8", "u1"), (4, "int8", "i1"), (6, "int16", "<i2"),
     (7, "uint16", "<u2"), (14, "int32", "<i4"), (15, "uint32", "<u4")],
)  # fmt: skip
def test_whole_byte_types_are_views(code, kind, dtype):
    values = np.array([0, 1, 2, 100], dtype)
    np.testing.assert_array_equal(blob(code, values.tobytes()).read(64, kind, 4), values)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6])
def test_small_integers_are_packed_lowest_bits_first(bits):
    values = np.random.default_rng(bits).integers(0, 1 << bits, 37).astype(np.uint8)
    flags = (values[:, None] >> np.arange(bits)) & 1
    packed = np.packbits(flags.reshape(-1).astype(np.uint8), bitorder="little")
    np.testing.assert_array_equal(unpack_bits(packed, bits, 37), values)


def test_int4_is_signed():
    packed = bytes([0x8F, 0x07])  # -1, -8, 7
    assert blob(8, packed).read(64, "int4", 3).tolist() == [-1, -8, 7]


def test_bfloat16_is_widened():
    raw = (np.array([1.5, -2.0], np.float32).view(np.uint32) >> 16).astype("<u2")
    assert blob(5, raw.tobytes()).read(64, "bf16", 2).tolist() == [1.5, -2.0]


@pytest.mark.parametrize("damage", [{"size": 400}, {"size": 1 << 63}, {"start": 1 << 62}, {"sentinel": 1}, {"size": 4}])
def test_a_record_that_does_not_fit_is_refused(damage):
    with pytest.raises(ModelDamaged):
        blob(2, bytes(16), **damage).read(64, "fp32", 4)


@pytest.mark.parametrize("offset", [-64, 0, 1, 63, 128, 1 << 40])
def test_an_offset_without_a_record_is_refused(offset):
    with pytest.raises(ModelDamaged):
        blob(2, bytes(16)).read(offset, "fp32", 4)


def test_another_type_than_the_program_wants_is_refused():
    with pytest.raises(ModelDamaged, match="fp32"):
        blob(2, bytes(16)).read(64, "fp16", 8)


def test_another_version_is_refused():
    with pytest.raises(ModelDamaged, match="version"):
        BlobFile(np.zeros(64, np.uint8), "weight.bin")
