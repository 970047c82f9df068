"""Padding and cropping."""

from __future__ import annotations

from typing import Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn.families.windows import border
from edgerun_coreml.nn.layer import LARGEST, Layer
from edgerun_coreml.nn.registry import View, layer
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal

_MODES: Final = {"": "constant", "constant": "constant", "reflection": "reflect", "replication": "edge"}


@layer("padding", view=View.SPATIAL)
def padding(op: Layer) -> Value:
    """Padding of height and width."""
    top, left, bottom, right = border(op.params.paddingAmounts)
    mode = _MODES[op.params.which("PaddingType")]
    fill = op.number(op.params.constant.value) if mode == "constant" else None
    return op.emit("Pad", [op.x, op.int64s(0, 0, top, left, 0, 0, bottom, right), fill], mode=mode)


@layer("constantPad")
def constant_pad(op: Layer) -> Value:
    """Amounts go axis by axis, before and after; or they are the sizes to reach."""
    fill, rank = op.number(op.params.value), op.rank()
    if op.has_input(1):
        pairs = op.reshape(op.int64(op.input(1)), [rank, 2])
        amounts = pairs
    else:
        values = np.array(op.sizes("padAmounts", count=2 * rank), np.int64).reshape(rank, 2)
        if op.params.padToGivenOutputSizeMode and (np.count_nonzero(values, axis=1) > 1).any():
            raise ModelDamaged(f"padAmounts is {values.reshape(-1).tolist()}")
        amounts = op.graph.constant(values)
    if op.params.padToGivenOutputSizeMode:
        sizes = op.unsqueeze(op.shape_of(op.x), [1])
        zero = op.graph.scalar(0, np.int64)
        missing = op.emit("Max", [op.emit("Sub", [amounts, sizes]), zero])
        wanted = op.graph.cast(op.emit("Greater", [amounts, zero]), np.int64)
        amounts = op.emit("Mul", [missing, wanted])
    if amounts.array is not None:
        pads = op.int64s(int(item) for item in amounts.array.T.reshape(-1))
    else:
        pads = op.reshape(op.transpose(amounts, [1, 0]), [-1])
    return op.emit("Pad", [op.x, pads, fill], mode="constant")


@layer("crop", view=View.SPATIAL)
def crop(op: Layer) -> Value:
    """Height and width cut by amounts, or to the size of a second tensor."""
    if not op.has_input(1):
        top, left, bottom, right = border(op.params.cropAmounts)
        ends = [-bottom if bottom else LARGEST, -right if right else LARGEST]
        for size, less in zip(op.shape()[2:], (top + bottom, left + right), strict=True):
            if isinstance(size, int) and less >= size:
                raise ModelDamaged(f"{less} cut from {size}")
        return op.emit("Slice", [op.x, op.int64s(top, left), op.int64s(ends), op.int64s(2, 3)])
    offset = op.int64s(op.sizes("offset", [0, 0], 2))
    if op.rank(1) != 4:
        raise Refusal("a reference of unknown rank")
    ends_value = op.emit("Add", [offset, op.sizes_of(op.input(1), 2, 4)])
    return op.emit("Slice", [op.x, offset, ends_value, op.int64s(2, 3)])
