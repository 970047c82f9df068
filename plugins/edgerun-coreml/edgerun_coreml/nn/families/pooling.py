"""Pooling over images and volumes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn.families.windows import Windows, auto_pad, border, volume, volume_padding
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import View, layer
from edgerun_coreml.onnx.graph import Value

Padding = list[int] | str | int

_POOL: Final = {"MAX": "MaxPool", "AVERAGE": "AveragePool", "L2": "LpPool"}
_GLOBAL: Final = {"MAX": "GlobalMaxPool", "AVERAGE": "GlobalAveragePool"}


def _kind(op: Layer, names: dict[str, str]) -> str:
    if op.params.type not in names:
        raise ModelDamaged(f"pooling of type {op.params.type}")
    return names[op.params.type]


@layer("pooling", view=View.SPATIAL)
def pooling(op: Layer) -> Value:
    p = op.params
    if p.globalPooling:
        if p.type == "L2":
            return op.emit("ReduceL2", [op.x, op.int64s(2, 3)], keepdims=1)
        return op.emit(_kind(op, _GLOBAL), [op.x])
    windows = Windows(op.positive("kernelSize", [3, 3], 2), op.positive("stride", [1, 1], 2), [1, 1])
    kind = p.which("PoolingPaddingType")
    if kind == "includeLastPixel":
        return _complete(op, windows)
    if kind == "same":
        padding = auto_pad(windows, op.x, p.same.asymmetryMode == "TOP_LEFT_HEAVY")
    else:
        padding = {"pads": border(p.valid.paddingAmounts)}
    return _pool(op, op.x, _kind(op, _POOL), windows, padding, p.avgPoolExcludePadding)


def _pool(op: Layer, x: Value, onnx: str, windows: Windows, padding: Mapping[str, Padding], exclude: bool) -> Value:
    attributes: dict[str, Any] = dict(padding)
    return op.emit(
        onnx,
        [x],
        kernel_shape=windows.kernel,
        strides=windows.strides,
        count_include_pad=int(not exclude) if onnx == "AveragePool" else None,
        p=2 if onnx == "LpPool" else None,
        **attributes,
    )


def _complete(op: Layer, windows: Windows) -> Value:
    """Padding ``includeLastPixel``: as many windows as it takes to reach the last cell.

    The window that overhangs the padded image averages over what lies within, so padding that counts is added first.
    """
    amounts = _complete_amounts(op)
    x, onnx = op.x, _kind(op, _POOL)
    if any(amounts) and onnx == "AveragePool" and not op.params.avgPoolExcludePadding:
        pads = [0, 0, *amounts, 0, 0, *amounts]
        x = op.emit("Pad", [x, op.int64s(pads), op.number(0.0)], mode="constant")
        before = [0, 0]
    else:
        before = amounts
    sizes, padded = (op.x.shape or ())[2:], (x.shape or ())[2:]
    after = []
    for axis, amount in enumerate(amounts):
        size, within = sizes[axis], padded[axis]
        if not isinstance(size, int) or not isinstance(within, int):
            return _pool(op, x, onnx, windows, {"pads": before * 2, "ceil_mode": 1}, True)
        kernel, stride = windows.kernel[axis], windows.strides[axis]
        count = -(-(size + 2 * amount - kernel) // stride) + 1
        if any(amounts) and (count - 1) * stride >= size + amount:
            count -= 1
        after.append(max((count - 1) * stride + kernel - within - before[axis], 0))
    return _pool(op, x, onnx, windows, {"pads": before + after}, True)


def _complete_amounts(op: Layer) -> list[int]:
    amounts = [int(item) for item in op.params.includeLastPixel.paddingAmounts] or [0, 0]
    if len(amounts) != 2 or any(not 0 <= amount <= 1 << 20 for amount in amounts):
        raise ModelDamaged(f"padding amounts of {amounts}")
    return amounts


@layer("pooling3d")
def pooling3d(op: Layer) -> Value:
    windows = Windows(volume(op, "kernel"), volume(op, "stride"), [1, 1, 1])
    if op.rank() != 5:
        raise ModelDamaged(f"a tensor with {op.rank()} axes where five are needed")
    padding = volume_padding(op, windows)
    return _pool(op, op.x, _kind(op, _POOL), windows, padding, op.params.countExcludePadding)


@layer("globalPooling3d")
def global_pooling3d(op: Layer) -> Value:
    if op.rank() != 5:
        raise ModelDamaged(f"a tensor with {op.rank()} axes where five are needed")
    return op.emit(_kind(op, _GLOBAL), [op.x])
