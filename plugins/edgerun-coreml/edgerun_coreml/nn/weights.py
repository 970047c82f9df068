"""Weights as NeuralNetwork layers hold them: fp32, fp16, or quantized to one to eight bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.blob import MAX_ELEMENTS
from edgerun_coreml.file.wire import Message

Array = npt.NDArray[Any]


def read(params: Message, shape: Sequence[int], name: str, *, axis: int = 0) -> Array:
    """Read a message ``WeightParams`` as float32 of the given shape.

    ``axis`` is the one along which scales and biases of a quantization go, if there are several; ``name`` is for
    errors. Raises :class:`ModelDamaged` if the values are missing or do not fill the shape.
    """
    count = math.prod(shape)
    if any(size < 0 for size in shape) or count > MAX_ELEMENTS:
        raise ModelDamaged(f"{name} of shape {list(shape)}")
    if params.floatValue.size:
        return _shaped(params.floatValue, shape, name).astype(np.float32, copy=False)
    if len(params.float16Value):
        if len(params.float16Value) % 2:
            raise ModelDamaged(f"{name}: not a whole number of fp16 values")
        return _shaped(np.frombuffer(params.float16Value, "<f2"), shape, name).astype(np.float32)
    if len(params.int8RawValue):
        codes = _shaped(np.frombuffer(params.int8RawValue, np.int8), shape, name)
        return _linear(codes, params.quantization.linearQuantization, axis, name)
    if len(params.rawValue):
        return _quantized(params, shape, axis, name)
    if count:
        raise ModelDamaged(f"{name}: {count} values are missing")
    return np.zeros(shape, np.float32)


def given(params: Message) -> bool:
    """Whether a message ``WeightParams`` holds any values."""
    fields = (params.floatValue, params.float16Value, params.rawValue, params.int8RawValue)
    return any(len(field) > 0 for field in fields)


def _shaped(values: Array, shape: Sequence[int], name: str) -> Array:
    if values.size != math.prod(shape):
        raise ModelDamaged(f"{name}: {values.size} values for a shape of {list(shape)}")
    return values.reshape(tuple(shape))


def _quantized(params: Message, shape: Sequence[int], axis: int, name: str) -> Array:
    quantization = params.quantization
    bits, count = quantization.numberOfBits, math.prod(shape)
    if not 1 <= bits <= 8:
        raise ModelDamaged(f"{name}: quantized to {bits} bits")
    raw = np.frombuffer(params.rawValue, np.uint8)
    if raw.size != -(-count * bits // 8):
        raise ModelDamaged(f"{name}: {raw.size} bytes for {count} values of {bits} bits")
    codes = (raw if bits == 8 else unpack(raw, bits, count)).reshape(tuple(shape))
    kind = quantization.which("QuantizationType")
    if kind == "linearQuantization":
        return _linear(codes, quantization.linearQuantization, axis, name)
    if kind != "lookupTableQuantization":
        raise ModelDamaged(f"{name}: quantized, and nothing says how")
    table = quantization.lookupTableQuantization.floatValue
    if table.size != 1 << bits:
        raise ModelDamaged(f"{name}: a table of {table.size} values for {bits} bits")
    return np.asarray(table.astype(np.float32, copy=False)[codes])


def unpack(raw: Array, bits: int, count: int) -> Array:
    """Codes of fewer than eight bits, packed with the highest bit first, as uint8 [count]."""
    digits = np.unpackbits(raw, count=count * bits).reshape(count, bits)
    return np.packbits(digits, axis=1)[:, 0] >> np.uint8(8 - bits)


def _linear(codes: Array, params: Message, axis: int, name: str) -> Array:
    """``codes * scale + bias``, with one scale for all or one for each entry of an axis."""
    scale, bias = params.scale, params.bias
    channels = codes.shape[axis] if codes.ndim else 1
    broadcast = [1] * codes.ndim
    broadcast[axis] = -1
    if scale.size not in (1, channels) or bias.size not in (0, 1, channels):
        raise ModelDamaged(f"{name}: {scale.size} scales and {bias.size} biases for {channels} channels")
    result = codes.astype(np.float32) * scale.reshape(broadcast if scale.size > 1 else ())
    if bias.size:
        result = result + bias.reshape(broadcast if bias.size > 1 else ())
    return np.asarray(result, np.float32)
