"""Slices, with bounds in the file or computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn.layer import LARGEST, Layer
from edgerun_coreml.nn.registry import View, layer
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal

_AXES: Final = {"CHANNEL_AXIS": -3, "HEIGHT_AXIS": -2, "WIDTH_AXIS": -1}


@layer("slice", view=View.ANY)
def slice_legacy(op: Layer) -> Value:
    """An end of 0 is the end of the axis."""
    p = op.params
    axis = op.normal(_AXES[p.axis], op.rank())
    bounds = [int(p.startIndex), int(p.endIndex) or LARGEST]
    if any(abs(bound) > LARGEST for bound in bounds):
        raise ModelDamaged(f"a slice of {bounds}")
    step = op.size("stride", 1)
    return op.emit("Slice", [op.x, op.int64s(bounds[0]), op.int64s(bounds[1]), op.int64s(axis), op.int64s(step)])


def _flags(op: Layer, name: str, rank: int) -> list[bool]:
    flags = [bool(item) for item in getattr(op.params, name)]
    return (flags + [False] * rank)[:rank]


def _static(
    op: Layer, begins: Sequence[int], ends: Sequence[int], strides: Sequence[int], masks: Sequence[Sequence[bool]]
) -> Value:
    """A slice with constant bounds; masks are: from the start, to the end, one index only."""
    rank = op.rank()
    if not (len(begins) == len(ends) == len(strides) == rank):
        raise ModelDamaged(f"{len(begins)}, {len(ends)} and {len(strides)} bounds for a tensor with {rank} axes")
    from_start, to_end, squeezed = masks
    starts, stops, steps = [], [], []
    for axis, (begin, end, step) in enumerate(zip(begins, ends, strides, strict=True)):
        if squeezed[axis]:
            begin, end, step = begin, begin + 1 if begin != -1 else LARGEST, 1
        else:
            begin = (0 if step > 0 else LARGEST) if from_start[axis] else begin
            end = (LARGEST if step > 0 else -LARGEST) if to_end[axis] else end
        if step == 0:
            raise ModelDamaged("a slice with a step of 0")
        starts.append(begin)
        stops.append(end)
        steps.append(step)
    axes = op.int64s(range(rank))
    result = op.emit("Slice", [op.x, op.int64s(starts), op.int64s(stops), axes, op.int64s(steps)])
    return op.squeeze(result, [axis for axis in range(rank) if squeezed[axis]])


@layer("sliceStatic")
def slice_static(op: Layer) -> Value:
    rank = op.rank()
    masks = [_flags(op, name, rank) for name in ("beginMasks", "endMasks", "squeezeMasks")]
    strides = op.indices("strides") or [1] * rank
    return _static(op, op.indices("beginIds"), op.indices("endIds"), strides, masks)


@layer("sliceDynamic")
def slice_dynamic(op: Layer) -> Value:
    """Inputs after the tensor: begins, ends, strides, and the three masks; parameters stand for those left out."""
    rank = op.rank()
    names = ("beginMasks", "endMasks", "squeezeMasks")
    masks = []
    for place, name in enumerate(names, 4):
        if op.has_input(place):
            array = op.input(place).array
            if array is None:
                raise Refusal(f"{name} that are computed")
            masks.append([bool(item) for item in array.reshape(-1)])
        else:
            masks.append(_flags(op, name, rank))
        if len(masks[-1]) != rank:
            raise ModelDamaged(f"{len(masks[-1])} {name} for a tensor with {rank} axes")
    given = [op.int64(op.input(1))]
    for place, name in ((2, "endIds"), (3, "strides")):
        default = (op.indices(name) + [1] * rank)[:rank]
        given.append(op.int64(op.input(place)) if op.has_input(place) else op.int64s(default))
    arrays = [value.array for value in given]
    if all(array is not None for array in arrays):
        begins, ends, strides = ([int(item) for item in array.reshape(-1)] for array in arrays if array is not None)
        return _static(op, begins, ends, strides, masks)
    return _computed(op, given, masks)


def _computed(op: Layer, given: Sequence[Value], masks: Sequence[Sequence[bool]]) -> Value:
    rank = op.rank()
    begins, ends, strides = (op.reshape(value, [rank]) for value in given)
    from_start, to_end, squeezed = (op.graph.constant(np.array(mask, np.bool_)) for mask in masks)
    forward = op.emit("Greater", [strides, op.int64s(0)])
    first = op.emit("Where", [forward, op.int64s(0), op.int64s(LARGEST)])
    last = op.emit("Where", [forward, op.int64s(LARGEST), op.int64s(-LARGEST)])
    starts, stops = begins, ends
    if any(masks[0]):
        starts = op.emit("Where", [from_start, first, begins])
    if any(masks[1]):
        stops = op.emit("Where", [to_end, last, ends])
    if any(masks[2]):
        after = op.emit("Add", [begins, op.int64s(1)])
        after = op.emit("Where", [op.emit("Equal", [after, op.int64s(0)]), op.int64s(LARGEST), after])
        starts = op.emit("Where", [squeezed, begins, starts])
        stops = op.emit("Where", [squeezed, after, stops])
        strides = op.emit("Where", [squeezed, op.int64s(1), strides])
    result = op.emit("Slice", [op.x, starts, stops, op.int64s(range(rank)), strides])
    return op.squeeze(result, [axis for axis in range(rank) if masks[2][axis]])


@layer("sliceBySize")
def slice_by_size(op: Layer) -> Value:
    axis, size = op.axis(), op.size("size")
    begin = op.reshape(op.int64(op.input(1)), [1])
    end = op.emit("Add", [begin, op.int64s(size)])
    return op.emit("Slice", [op.x, begin, end, op.int64s(axis)])
