"""Tensors from the file or filled with one value, ranges, shapes, and tensors stretched to a shape."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import layer
from edgerun_coreml.nn.shapes import check_size
from edgerun_coreml.onnx.graph import Value

MAX_RANGE: Final = 1 << 24
"""Numbers in a range; beyond it float32 cannot count on."""


@layer("loadConstant")
def load_constant(op: Layer) -> Value:
    """[1, 1, channels, height, width]."""
    shape = op.sizes("shape", count=3)
    return op.constant(op.weights("data", shape).reshape(1, 1, *shape))


@layer("loadConstantND")
def load_constant_nd(op: Layer) -> Value:
    """Numbers that are whole may be sizes or indices, and stay as they are in any precision."""
    array = op.weights("data", op.sizes("shape"))
    return op.constant(array)


def _fill(op: Layer, shape: Value) -> Value:
    value = np.array([op.params.value], np.float32)
    return op.emit("ConstantOfShape", [shape], dtype=np.float32, value=value)


@layer("fillStatic")
def fill_static(op: Layer) -> Value:
    return _fill(op, op.int64s(op.sizes("targetShape")))


@layer("fillLike")
def fill_like(op: Layer) -> Value:
    return _fill(op, op.shape_of(op.x))


@layer("fillDynamic")
def fill_dynamic(op: Layer) -> Value:
    return _fill(op, op.vector(op.x))


@layer("getShape", counts=True)
def get_shape(op: Layer) -> Value:
    return op.floats(op.shape_of(op.x))


@layer("rangeStatic", counts=True)
def range_static(op: Layer) -> Value:
    start, end, step = op.params.startValue, op.params.endValue, op.params.stepSizeValue
    if not all(map(math.isfinite, (start, end, step))) or step == 0 or (end - start) / step > MAX_RANGE:
        raise ModelDamaged(f"a range from {start} to {end} by {step}")
    count = max(math.ceil((end - start) / step), 0)
    return op.constant(start + step * np.arange(count))


@layer("rangeDynamic", counts=True)
def range_dynamic(op: Layer) -> Value:
    """Inputs are the end, then the start, then the step; parameters stand for those left out."""
    start, step = op.number(op.params.startValue), op.number(op.params.stepSizeValue)
    if op.has_input(1):
        start = op.scalar_input(1)
    if op.has_input(2):
        step = op.scalar_input(2)
    elif not op.params.stepSizeValue:
        raise ModelDamaged("a range with a step of 0")
    return op.emit("Range", [start, op.scalar_input(0), step])


@layer("broadcastToStatic")
def broadcast_to_static(op: Layer) -> Value:
    shape = op.sizes("targetShape")
    check_size(tuple(shape))
    return op.emit("Expand", [op.x, op.int64s(shape)])


@layer("broadcastToLike")
def broadcast_to_like(op: Layer) -> Value:
    return op.emit("Expand", [op.x, op.shape_of(op.input(1))])


@layer("broadcastToDynamic")
def broadcast_to_dynamic(op: Layer) -> Value:
    return op.emit("Expand", [op.x, op.vector(op.input(1))])
