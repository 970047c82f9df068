"""Pooling."""

from __future__ import annotations

from typing import Any, Final

from edgerun_coreml.mil.families.conv import padding
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value

_ONNX: Final = {"max_pool": "MaxPool", "avg_pool": "AveragePool", "l2_pool": "LpPool"}


@operation(*_ONNX)
def pool(op: Operation) -> Value:
    x, kernel = op.value(), op.integers("kernel_sizes")
    strides = op.integers("strides", [1] * len(kernel))
    pad = padding(op, kernel, strides, [1] * len(kernel))
    ceil = op.flag("ceil_mode", False)
    excluded = op.type == "avg_pool" and op.flag("exclude_padding_from_average", False)
    if ceil and op.type == "avg_pool" and not excluded:
        return _counting_average(op, x, kernel, strides, pad)
    if ceil and isinstance(pads := pad.get("pads"), list) and op.operand().dims is not None:
        pad, ceil = {"pads": _ceiled(list(op.dims()[2:]), kernel, strides, pads)}, False
    if op.type == "l2_pool":
        return _l2(op, x, kernel, strides, pad)
    counted = None if op.type == "max_pool" else not excluded
    return op.emit(
        _ONNX[op.type],
        [x],
        kernel_shape=kernel,
        strides=strides,
        ceil_mode=ceil,
        count_include_pad=counted,
        **pad,
    )


def _ceiled(sizes: list[int], kernel: list[int], strides: list[int], pads: list[int]) -> list[int]:
    """Pads with as much added at the end as rounding the output's size up needs.

    As in PyTorch, a window that would start beyond the input and its padding at the start is not counted.
    """
    axes = len(kernel)
    ends = []
    for size, k, stride, start, end in zip(sizes, kernel, strides, pads[:axes], pads[axes:], strict=True):
        outputs = -(-(size + start + end - k) // stride) + 1
        if (outputs - 1) * stride >= size + start:
            outputs -= 1
        ends.append(end + max((outputs - 1) * stride + k - (size + start + end), 0))
    return pads[:axes] + ends


def _counting_average(op: Operation, x: Value, kernel: list[int], strides: list[int], pad: dict[str, Any]) -> Value:
    """An average that counts the padding, but not what rounding up adds: ONNX Runtime's own rule."""
    return op.emit("AveragePool", [x], kernel_shape=kernel, strides=strides, ceil_mode=1, count_include_pad=1, **pad)


def _l2(op: Operation, x: Value, kernel: list[int], strides: list[int], pad: dict[str, Any]) -> Value:
    """The square root of the sum of squares; padding is written out, as LpPool miscounts it."""
    pads = pad.get("pads")
    if isinstance(pads, list) and any(pads):
        axes = len(kernel)
        x = op.emit("Pad", [x, op.graph.int64(0, 0, pads[:axes], 0, 0, pads[axes:])])
        pad = {}
    return op.emit("LpPool", [x], kernel_shape=kernel, strides=strides, p=2, **pad)
