"""Between real numbers and what a model stores: quantise what goes in, restore what comes out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgerun.tensors import AnyArray, Arrays, FloatArray, Quantization, TensorSpec

__all__ = ["dequantise", "quantise", "restore", "store"]


def _along(values: tuple[float, ...] | tuple[int, ...], axis: int, rank: int) -> AnyArray:
    if len(values) == 1:
        return np.asarray(values[0])
    shape = [1] * rank
    shape[axis] = len(values)
    return np.asarray(values).reshape(shape)


def quantise(real: AnyArray, quantization: Quantization, dtype: str) -> AnyArray:
    """Stored = saturate(round(real / scale) + zero_point), rounding half to even.

    Source: https://ai.google.dev/edge/litert/models/quantization_spec; half to even is what
    NEON's and SSE's default rounding and LiteRT's reference kernels for QUANTIZE give within float error.

    Args:
        real: any float array.
        quantization: per tensor or per axis.
        dtype: "int8", "uint8" or "int16".
    """
    scale = _along(quantization.scale, quantization.axis, real.ndim).astype(np.float64)
    zero_point = _along(quantization.zero_point, quantization.axis, real.ndim)
    limits = np.iinfo(dtype)
    stored = np.rint(np.asarray(real, np.float64) / scale) + zero_point
    saturated: AnyArray = np.clip(stored, limits.min, limits.max).astype(dtype)
    return saturated


def dequantise(stored: AnyArray, quantization: Quantization) -> FloatArray:
    """Real = (stored - zero_point) * scale, float32."""
    scale = _along(quantization.scale, quantization.axis, stored.ndim).astype(np.float32)
    zero_point = _along(quantization.zero_point, quantization.axis, stored.ndim).astype(np.float32)
    real: FloatArray = stored.astype(np.float32)
    real -= zero_point
    real *= scale
    return real


def store(real: AnyArray, spec: TensorSpec) -> AnyArray:
    """Real numbers in the stored dtype of an input, C-contiguous."""
    if spec.quantization is not None:
        return np.ascontiguousarray(quantise(real, spec.quantization, spec.dtype))
    if np.issubdtype(np.dtype(spec.dtype), np.integer):
        limits = np.iinfo(spec.dtype)
        real = np.clip(np.rint(real), limits.min, limits.max)
    return np.ascontiguousarray(real, dtype=spec.dtype)


def restore(raw: Arrays, specs: Sequence[TensorSpec]) -> Arrays:
    """Outputs as float32, dequantised, in the true shape that the runtime gave. Texts stay as they are."""
    quantizations = {spec.name: spec.quantization for spec in specs}
    restored: Arrays = {}
    for name, stored in raw.items():
        quantization = quantizations.get(name)
        if quantization is not None:
            restored[name] = dequantise(stored, quantization)
        elif stored.dtype.kind in "biuf":
            restored[name] = stored.astype(np.float32, copy=False)
        else:
            restored[name] = stored
    return restored
