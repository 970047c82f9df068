"""Sampling images at given places: crops, boxes, coordinates, affine maps."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgerun_coreml.mil.kinds import FLOAT32
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal

FAR: Final = 2**31 - 1


@operation("crop")
def crop(op: Operation) -> Value:
    """Drops so many rows at the top and bottom, columns at the left and right."""
    top, bottom = op.integers("crop_height")
    left, right = op.integers("crop_width")
    starts, ends = op.graph.int64(top, left), op.graph.int64(-bottom or FAR, -right or FAR)
    return op.emit("Slice", [op.value(), starts, ends, op.graph.int64(-2, -1)])


@operation("affine")
def affine(op: Operation) -> Value:
    """Bilinear sampling at an affine map of the output's grid; a matrix is [N, 6], zeros lie outside."""
    batch, channels = op.dims()[:2]
    height, width = op.integer("output_height"), op.integer("output_width")
    matrix = op.emit("Reshape", [op.value("transform_matrix"), op.graph.int64(-1, 2, 3)])
    matrix = op.emit("Expand", [matrix, op.graph.int64(batch, 2, 3)])
    size = op.graph.int64(batch, channels, height, width)
    grid = op.emit("AffineGrid", [matrix, size], align_corners=1)
    return op.emit("GridSample", [op.value(), grid], align_corners=1, mode="linear", padding_mode="zeros")


@operation("resample")
def resample(op: Operation) -> Value:
    """The image at ``coordinates`` [N, H, W, 2] (x, y), which are first brought to pixels.

    Reflection and rounding to the nearest pixel are written out: ONNX Runtime rounds before it reflects, and has only
    one kind of reflection for each kind of alignment.
    """
    x, sizes = op.value(), _width_and_height(op)
    pixels = _pixels(op, sizes)
    padding = op.text("padding_mode").lower()
    if padding not in ("constant", "border", "reflection", "symmetric"):
        raise Refusal(f"the padding {padding!r}")
    if padding in ("reflection", "symmetric"):
        pixels = _reflected(op, pixels, sizes, repeat_edge=padding == "symmetric")
    mode = "linear" if op.text("sampling_mode").lower() == "bilinear" else "nearest"
    if mode == "nearest":
        pixels = op.emit("Round", [pixels])
    last = op.emit("Max", [op.emit("Sub", [sizes, op.scalar(1, sizes)]), op.scalar(1, sizes)])
    scaled = op.emit("Div", [op.emit("Mul", [pixels, op.scalar(2, pixels)]), last])
    grid = op.emit("Sub", [scaled, op.scalar(1, scaled)])
    outside = op.number("padding_value", 0.0) if padding == "constant" else 0.0
    if outside:  # GridSample pads with zero: sample the difference
        x = op.emit("Sub", [x, op.scalar(outside, x)])
    edges = "zeros" if padding == "constant" else "border"
    found = op.emit("GridSample", [x, grid], align_corners=1, mode=mode, padding_mode=edges)
    return op.emit("Add", [found, op.scalar(outside, x)]) if outside else found


def _width_and_height(op: Operation) -> Value:
    """The image's width and height as float32 [2]."""
    size = op.graph.shape_of(op.value())
    return op.floats(op.emit("Gather", [size, op.graph.int64(3, 2)], axis=0))


def _pixels(op: Operation, sizes: Value) -> Value:
    """The coordinates in pixels, 0 at the centre of the first one.

    The ends of a normalised range lie on the centres of the outer pixels if aligned, else on their outer edges.
    """
    given, units = op.floats(op.value("coordinates")), op.text("coordinates_mode")
    if units == "unnormalized":
        return given
    if units == "normalized_minus_one_to_one":
        given = op.emit("Mul", [op.emit("Add", [given, op.scalar(1, given)]), op.scalar(0.5, given)])
    elif units != "normalized_zero_to_one":
        raise Refusal(f"the coordinates {units!r}")
    if op.flag("align_corners"):
        return op.emit("Mul", [given, op.emit("Sub", [sizes, op.scalar(1, sizes)])])
    return op.emit("Sub", [op.emit("Mul", [given, sizes]), op.scalar(0.5, given)])


def _reflected(op: Operation, pixels: Value, sizes: Value, *, repeat_edge: bool) -> Value:
    """Coordinates outside mirrored inside: about the outer pixels' centres, or their edges (``repeat_edge``)."""
    shift = 0.5 if repeat_edge else 0.0
    length = sizes if repeat_edge else op.emit("Sub", [sizes, op.scalar(1, sizes)])
    period = op.emit("Max", [op.emit("Mul", [length, op.scalar(2, length)]), op.scalar(1, length)])
    distance = op.emit("Abs", [op.emit("Add", [pixels, op.scalar(shift, pixels)])])
    turns = op.emit("Floor", [op.emit("Div", [distance, period])])
    there = op.emit("Sub", [distance, op.emit("Mul", [turns, period])])
    inside = op.emit("Min", [there, op.emit("Sub", [period, there])])
    return op.emit("Sub", [inside, op.scalar(shift, inside)])


@operation("crop_resize")
def crop_resize(op: Operation) -> Value:
    """Boxes cut out of images, each resized: [N, B, C, h, w] from ``roi`` [N, 1, 4 or 5, 1, 1].

    A fifth number, in front, tells the image of a box; without it every box is cut out of every image.
    """
    count, _, width = op.dims("roi")[:3]
    rows = op.emit("Reshape", [op.floats(op.value("roi")), op.graph.int64(count, width)])
    x = op.floats(op.value())
    if width == 5:
        index, boxes = op.graph.emit_many("Split", [rows, op.graph.int64(1, 4)], 2, axis=1)
        which = op.emit("Reshape", [op.graph.cast(index, np.int64), op.graph.int64(-1)])
        return op.emit("Unsqueeze", [_cut(op, op.emit("Gather", [x, which], axis=0), boxes), op.graph.int64(1)])
    size = op.graph.shape_of(x)
    batch, channels = (op.emit("Gather", [size, op.graph.int64(axis)], axis=0) for axis in (0, 1))
    pairs = op.emit("Concat", [op.graph.int64(count), size], axis=0)
    images = op.emit("Expand", [op.emit("Unsqueeze", [x, op.graph.int64(0)]), pairs])
    each = op.emit("Concat", [op.graph.int64(count), batch, op.graph.int64(4)], axis=0)
    boxes = op.emit("Expand", [op.emit("Unsqueeze", [rows, op.graph.int64(1)]), each])
    flat = op.emit(
        "Concat", [op.graph.int64(-1), op.emit("Slice", [size, op.graph.int64(1), op.graph.int64(FAR)])], axis=0
    )
    cut = _cut(op, op.emit("Reshape", [images, flat]), op.emit("Reshape", [boxes, op.graph.int64(-1, 4)]))
    target = op.graph.int64(op.integer("target_height", 1), op.integer("target_width", 1))
    full = op.emit("Concat", [op.graph.int64(count), batch, channels, target], axis=0)
    return op.emit("Reshape", [cut, full])


@operation("crop_resize", since=17)
def crop_resize_boxes(op: Operation) -> Value:
    """Boxes cut out of images, each resized: [N, C, h, w] from ``boxes`` [N, 4] and ``box_indices`` [N]."""
    images = op.floats(op.value())
    which = op.value("box_indices") if op.has("box_indices") else op.graph.int64(range(op.dims("boxes")[0]))
    return _cut(op, op.emit("Gather", [images, which], axis=0), op.floats(op.value("boxes")))


def _cut(op: Operation, images: Value, boxes: Value) -> Value:
    """One box [N, 4] out of each image [N, C, H, W]; what lies outside is ``pad_value``."""
    height, width = (size for size in (op.operand().shape or ())[2:])
    if not (isinstance(height, int) and isinstance(width, int)):
        raise Refusal("images of flexible size")
    rows, columns = op.integer("target_height", 1), op.integer("target_width", 1)
    top, left, bottom, right = _corners(op, boxes)
    y, x = _line(op, top, bottom, rows, height), _line(op, left, right, columns, width)
    spread = op.graph.int64(1, rows, columns, 1)
    grid_y = op.emit("Expand", [_unit(op, y, height, 2, 3), spread])
    grid_x = op.emit("Expand", [_unit(op, x, width, 1, 3), spread])
    grid = op.emit("Concat", [grid_x, grid_y], axis=3)
    found = op.emit("GridSample", [images, grid], align_corners=1, mode="linear", padding_mode="border")
    out_y = op.emit("Unsqueeze", [_outside(op, y, height), op.graph.int64(1, 3)])
    out_x = op.emit("Unsqueeze", [_outside(op, x, width), op.graph.int64(1, 2)])
    filler = op.scalar(op.number("pad_value", 0.0), found)
    return op.emit("Where", [op.emit("Or", [out_y, out_x]), filler, found])


def _corners(op: Operation, boxes: Value) -> tuple[Value, Value, Value, Value]:
    """Top, left, bottom, right, each [N, 1], in the units given."""
    mode = op.text("box_coordinate_mode", "CORNERS_HEIGHT_FIRST")
    a, b, c, d = op.graph.emit_many("Split", [boxes], 4, axis=1, num_outputs=4)
    if mode.endswith("WIDTH_FIRST"):
        a, b, c, d = b, a, d, c
    if mode.startswith("CORNERS"):
        return a, b, c, d
    half_height, half_width = (op.emit("Mul", [size, op.scalar(0.5, size)]) for size in (c, d))
    return (
        op.emit("Sub", [a, half_height]),
        op.emit("Sub", [b, half_width]),
        op.emit("Add", [a, half_height]),
        op.emit("Add", [b, half_width]),
    )


def _line(op: Operation, first: Value, last: Value, count: int, size: int) -> Value:
    """Where ``count`` samples between two edges [N, 1] fall, in pixels: [N, count]."""
    scale = op.number("spatial_scale", 1.0) * (size - 1 if op.flag("normalized_coordinates", False) else 1)
    first, last = (op.emit("Mul", [edge, op.scalar(scale, edge)]) for edge in (first, last))
    steps = np.arange(count, dtype=np.float32)[None]
    length = op.emit("Sub", [last, first])
    mode = op.text("sampling_mode", "DEFAULT")
    if mode in ("ALIGN_CORNERS", "STRICT_ALIGN_CORNERS"):
        if count == 1:
            middle = op.emit("Mul", [op.emit("Add", [first, last]), op.scalar(0.5, first)])
            return middle if mode == "ALIGN_CORNERS" else first
        return _steps(op, first, length, steps / (count - 1))
    if mode == "OFFSET_CORNERS":
        return _steps(op, first, op.emit("Max", [length, op.scalar(1.0, length)]), (steps + 0.5) / count)
    extent = op.emit("Add", [length, op.scalar(1.0, length)])
    if mode == "UNALIGN_CORNERS":
        inside = op.emit("Sub", [first, op.scalar(0.5, first)])
        return _steps(op, inside, extent, (steps + 0.5) / count)
    return _steps(op, first, extent, steps / count)


def _steps(op: Operation, start: Value, extent: Value, fractions: npt.NDArray[Any]) -> Value:
    return op.emit("Add", [start, op.emit("Mul", [extent, op.graph.constant(fractions, FLOAT32)])])


def _unit(op: Operation, pixels: Value, size: int, *axes: int) -> Value:
    """Pixels as GridSample's -1 to 1, with axes put in."""
    scaled = op.emit("Mul", [pixels, op.scalar(2 / max(size - 1, 1), pixels)])
    return op.emit("Unsqueeze", [op.emit("Sub", [scaled, op.scalar(1, scaled)]), op.graph.int64(axes)])


def _outside(op: Operation, pixels: Value, size: int) -> Value:
    below = op.emit("Less", [pixels, op.scalar(0, pixels)])
    return op.emit("Or", [below, op.emit("Greater", [pixels, op.scalar(size - 1, pixels)])])
