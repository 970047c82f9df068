"""Padding of windows that slide over an image or a volume, for convolution and pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.wire import Message
from edgerun_coreml.nn.layer import LARGEST, Layer
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal

Dim = int | str | None


@dataclass(frozen=True, slots=True)
class Windows:
    """A kernel's sizes, steps and dilations, one number per spatial axis."""

    kernel: list[int]
    strides: list[int]
    dilations: list[int]

    @property
    def reach(self) -> list[int]:
        """How many cells each window spans."""
        return [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]


def border(message: Message) -> list[int]:
    """The amounts of a message ``BorderAmounts``: top, left, bottom, right. None given means zeros."""
    edges = message.borderAmounts
    if not edges:
        return [0, 0, 0, 0]
    amounts = [edge.startEdgeSize for edge in edges] + [edge.endEdgeSize for edge in edges]
    if len(amounts) != 4 or any(not 0 <= amount <= LARGEST for amount in amounts):
        raise ModelDamaged(f"border amounts of {amounts}")
    return amounts


def same(windows: Windows, sizes: Sequence[Dim], top_left: bool) -> list[int]:
    """Padding that gives ``ceil(size / stride)`` windows, the odd cell at the end unless ``top_left``."""
    before, after = [], []
    for size, stride, reach in zip(sizes, windows.strides, windows.reach, strict=True):
        if isinstance(size, int):
            amount = max((-(-size // stride) - 1) * stride + reach - size, 0)
        elif stride == 1:
            amount = reach - 1
        else:
            raise Refusal("padding 'same' with a stride, for a size only known at run time")
        less, more = amount // 2, amount - amount // 2
        before.append(more if top_left else less)
        after.append(less if top_left else more)
    return before + after


def auto_pad(windows: Windows, x: Value, top_left: bool) -> dict[str, list[int] | str]:
    """Padding "same" as attributes: amounts where sizes are known, else ONNX's own rule."""
    sizes = (x.shape or ())[2:]
    known = all(isinstance(size, int) for size in sizes)
    if known or all(stride == 1 for stride in windows.strides):
        return {"pads": same(windows, sizes, top_left)}
    if any(dilation != 1 for dilation in windows.dilations):
        raise Refusal("padding 'same' with stride and dilation, for a size only known at run time")
    return {"auto_pad": "SAME_LOWER" if top_left else "SAME_UPPER"}


def same_transposed(windows: Windows, top_left: bool) -> tuple[list[int], list[int]]:
    """Padding and output padding of a transposed convolution that gives ``size * stride``."""
    before, after, extra = [], [], []
    for stride, reach in zip(windows.strides, windows.reach, strict=True):
        amount = max(reach - stride, 0)
        less, more = amount // 2, amount - amount // 2
        before.append(more if top_left else less)
        after.append(less if top_left else more)
        extra.append(max(stride - reach, 0))
    return before + after, extra


def to_output_size(
    windows: Windows, sizes: Sequence[Dim], wanted: Sequence[int], start: Sequence[int] | None
) -> tuple[list[int], list[int]]:
    """Padding and output padding of a transposed convolution that gives the sizes ``wanted``.

    ``start`` is the padding before, where the layer gives some; otherwise what is too much is cut off on both sides,
    the odd cell at the end.
    """
    before, after, extra = [], [], []
    for axis, (size, want) in enumerate(zip(sizes, wanted, strict=True)):
        if not isinstance(size, int):
            raise Refusal("an output shape for a size only known at run time")
        surplus = (size - 1) * windows.strides[axis] + windows.reach[axis] - want
        first = max(surplus, 0) // 2 if start is None else start[axis]
        before.append(first)
        after.append(max(surplus - first, 0))
        extra.append(max(first - surplus, 0))
    return before + after, extra


def volume(op: Layer, prefix: str) -> list[int]:
    """Three parameters that end in Depth, Height and Width. ModelDamaged unless all are positive."""
    values = [op.size(f"{prefix}{axis}", 1) for axis in ("Depth", "Height", "Width")]
    if min(values) < 1:
        raise ModelDamaged(f"{prefix} is {values}")
    return values


def volume_padding(op: Layer, windows: Windows) -> dict[str, list[int] | str]:
    kind = op.params.paddingType
    if kind == "CUSTOM":
        sides = ("Front", "Top", "Left", "Back", "Bottom", "Right")
        return {"pads": [op.size(f"customPadding{side}") for side in sides]}
    if kind == "VALID":
        return {"pads": [0] * 6}
    return auto_pad(windows, op.x, False)
