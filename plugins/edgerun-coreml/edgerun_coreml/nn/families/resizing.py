"""Upsampling, resizing, and resized crops of an image."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import View, layer
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal

_LINEAR: Final = {"DEFAULT": "asymmetric", "ALIGN_CORNERS_TRUE": "align_corners", "ALIGN_CORNERS_FALSE": "half_pixel"}


@layer("upsample", view=View.SPATIAL)
def upsample(op: Layer) -> Value:
    """Factors may be fractions; the output's sizes are rounded down."""
    p = op.params
    factors = [float(item) for item in p.fractionalScalingFactor] or [
        float(item) for item in op.sizes("scalingFactor", [1, 1])
    ]
    if len(factors) != 2 or not all(0 < factor < 1 << 16 for factor in factors):
        raise ModelDamaged(f"scaling factors of {factors}")
    if p.mode == "NN":
        attributes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        attributes = {"coordinate_transformation_mode": _LINEAR[p.linearUpsampleMode]}
    mode = "nearest" if p.mode == "NN" else "linear"
    sizes = op.shape()[2:]
    if any(factor != int(factor) for factor in factors) and all(isinstance(size, int) for size in op.shape()):
        wanted = [math.floor(s * f + 1e-4) for s, f in zip(sizes, factors, strict=True) if isinstance(s, int)]
        target = op.int64s(*(size for size in op.shape()[:2] if isinstance(size, int)), *wanted)
        return op.emit("Resize", [op.x, None, None, target], mode=mode, **attributes)
    return op.emit("Resize", [op.x, None, op.constant([1.0, 1.0, *factors])], mode=mode, **attributes)


@layer("resizeBilinear", view=View.SPATIAL)
def resize_bilinear(op: Layer) -> Value:
    target, mode = op.positive("targetSize", [1, 1], 2), op.params.mode.samplingMethod
    if mode == "ALIGN_ENDPOINTS_MODE" and 1 in target:  # a lone sample is taken from the middle
        x = op.x
        for axis, size in enumerate(target):
            x = _resize(op, x, {axis: size}, "half_pixel" if size == 1 else "align_corners")
        return x
    if mode == "ROI_ALIGN_MODE":
        start = [0.5 / size for size in target]
        roi = op.constant([0.0, 0.0, *start, 1.0, 1.0, *(1 - item for item in start)])
        return _resize(op, op.x, dict(enumerate(target)), "tf_crop_and_resize", roi)
    ways = {"UPSAMPLE_MODE": "asymmetric"}
    return _resize(op, op.x, dict(enumerate(target)), ways.get(mode, "align_corners"))


def _resize(op: Layer, x: Value, target: dict[int, int], way: str, roi: Value | None = None) -> Value:
    """Resize the spatial axes named by the keys of ``target``."""
    parts = [op.sizes_of(x, 0, 2)]
    parts += [op.int64s(target[axis]) if axis in target else op.sizes_of(x, axis + 2, axis + 3) for axis in (0, 1)]
    sizes = op.emit("Concat", parts, axis=0)
    return op.emit("Resize", [x, roi, None, sizes], mode="linear", coordinate_transformation_mode=way)


@layer("cropResize")
def crop_resize(op: Layer) -> Value:
    """Crops [regions, batch, channels, height, width] of images [1, batch, channels, height, width].

    Bilinear sampling on a grid is a product with one matrix of weights per axis: sample i takes
    ``max(0, 1 - |position of i - row|)`` of each row. Boxes [regions, 1, 4 or 5, 1, 1] of five numbers begin with
    the image they are cut from, and then every region has one crop.
    """
    image, boxes = op.need_inputs(2, 2)
    target = op.positive("targetSize", [1, 1], 2)
    if op.rank(0) not in (4, 5) or op.rank(1) < 3:
        raise ModelDamaged(f"an image with {op.rank(0)} axes and boxes with {op.rank(1)}")
    numbers = op.shape(1)[-3]
    if numbers not in (4, 5):
        raise Refusal(f"boxes of {numbers} numbers") if numbers is None else ModelDamaged(f"boxes of {numbers} numbers")
    if op.rank(0) == 4:
        image = op.unsqueeze(image, [0])
    table = op.reshape(boxes, [-1, int(numbers)])
    columns = op.emit_many("Split", [table], int(numbers), axis=1, num_outputs=int(numbers))
    if numbers == 5:
        which = op.int64(op.reshape(columns[0], [-1]))
        image = op.unsqueeze(op.emit("Gather", [op.squeeze(image, [0]), which], axis=0), [1])
    top, left, bottom, right = _corners(op, columns[-4:])
    rows = _sampling(op, top, bottom, target[0], op.floats(op.size_of(image, 3)))
    cols = _sampling(op, left, right, target[1], op.floats(op.size_of(image, 4)))
    sampled = op.emit("MatMul", [op.unsqueeze(rows, [1, 2]), image])
    return op.emit("MatMul", [sampled, op.unsqueeze(op.transpose(cols, [0, 2, 1]), [1, 2])])


def _corners(op: Layer, columns: list[Value]) -> list[Value]:
    """Top, left, bottom and right, each [regions, 1]."""
    mode = op.params.boxIndicesMode.boxMode
    if mode in ("CORNERS_WIDTH_FIRST", "CENTER_SIZE_WIDTH_FIRST"):
        columns = [columns[1], columns[0], columns[3], columns[2]]
    if not mode.startswith("CENTER"):
        return columns
    halves = [op.emit("Mul", [size, op.number(0.5)]) for size in columns[2:]]
    starts = [op.emit("Sub", [centre, half]) for centre, half in zip(columns[:2], halves, strict=True)]
    return starts + [op.emit("Add", [centre, half]) for centre, half in zip(columns[:2], halves, strict=True)]


def _sampling(op: Layer, start: Value, end: Value, count: int, size: Value) -> Value:
    """Weights [regions, count, size] for samples between ``start`` and ``end``, which are [regions, 1].

    ``size`` is the image's size along the axis, float32 [1].
    """
    p = op.params
    last = op.emit("Sub", [size, op.number(1.0)])
    scale = float(p.spatialScale) or 1.0
    factor = op.emit("Mul", [last, op.number(scale)]) if p.normalizedCoordinates else op.number(scale)
    start, end = op.emit("Mul", [start, factor]), op.emit("Mul", [end, factor])
    extent = op.emit("Sub", [end, start])
    mode, steps = p.mode.samplingMethod, np.arange(count, dtype=np.float32)[None]
    if mode == "UPSAMPLE_MODE":
        spacing = op.emit("Mul", [op.emit("Add", [extent, op.number(1.0)]), op.number(1 / count)])
    elif mode == "ROI_ALIGN_MODE":
        spacing = op.emit("Mul", [op.emit("Max", [extent, op.number(1.0)]), op.number(1 / count)])
        steps = steps + np.float32(0.5)
    else:
        spacing = op.emit("Mul", [extent, op.number(1 / max(count - 1, 1))])
        if count == 1 and mode == "ALIGN_ENDPOINTS_MODE":
            steps = steps + np.float32(0.5)
    places = op.emit("Add", [start, op.emit("Mul", [spacing, op.constant(steps)])])
    places = op.emit("Min", [op.emit("Max", [places, op.number(0.0)]), last])
    cells = op.emit("Range", [op.number(0.0), op.reshape(size, []), op.number(1.0)])
    distance = op.emit("Abs", [op.emit("Sub", [op.unsqueeze(places, [2]), cells])])
    return op.emit("Max", [op.emit("Sub", [op.number(1.0), distance]), op.number(0.0)])
