"""The shapes that ONNX operators give, as far as they are known while a network is translated.

NeuralNetwork layers carry no shapes, and many ask for the rank or the sizes of what they are given. Rules follow the
operators' descriptions in the ONNX standard. Sizes are numbers, names of unknown sizes, or None.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.blob import MAX_ELEMENTS
from edgerun_coreml.onnx.graph import Shape, Value

Dim = int | str | None
Inputs = Sequence[Value | None]
Attributes = Mapping[str, Any]
Rule = Callable[[Inputs, Attributes, int], "Sequence[Shape | None]"]

_RULES: Final[dict[str, Rule]] = {}


def rule(*op_types: str) -> Callable[[Rule], Rule]:
    """Register the rule of ONNX operators."""

    def register(function: Rule) -> Rule:
        for op_type in op_types:
            _RULES[op_type] = function
        return function

    return register


def infer(op_type: str, inputs: Inputs, attributes: Attributes, outputs: int = 1) -> list[Shape | None]:
    """The shapes of an operator's outputs; None where not even the rank is known.

    Raises :class:`ValueError` for inputs that do not go together, and :class:`ModelDamaged` for a tensor larger than
    any model has.
    """
    function = _RULES.get(op_type, _like_first)
    shapes = list(function(inputs, attributes, outputs))
    for shape in shapes:
        check_size(shape)
    return shapes


def check_size(shape: Shape | None, most: int = MAX_ELEMENTS) -> None:
    """Raise :class:`ModelDamaged` for a tensor larger than any model has, or with a negative size."""
    sizes = [size for size in shape or () if isinstance(size, int)]
    if any(size < 0 for size in sizes):
        raise ModelDamaged(f"a tensor of shape {list(shape or ())}")
    if math.prod(sizes) > most:
        raise ModelDamaged(f"a tensor of {math.prod(sizes)} elements")


# helpers -------------------------------------------------------------------------------------------------------------


def shape_of(value: Value | None) -> Shape | None:
    """The shape of an input that may be left out."""
    return None if value is None else value.shape


def integers(value: Value | None) -> list[int] | None:
    """The contents of a constant of integers; None for anything else."""
    if value is None or value.array is None:
        return None
    return [int(item) for item in value.array.reshape(-1)]


def unknown(value: Value | None) -> Shape | None:
    """A shape of which only the rank is known, from the length of the vector that will hold it."""
    shape = shape_of(value)
    return (None,) * shape[0] if shape and isinstance(shape[0], int) else None


def merge(left: Dim, right: Dim) -> Dim:
    """The size of an axis that two tensors share by broadcasting."""
    if left == 1 or left == right:
        return right
    if right == 1:
        return left
    if isinstance(left, int) and isinstance(right, int):
        raise ValueError(f"sizes {left} and {right} do not go together")
    return left if isinstance(left, int) else right if isinstance(right, int) else None


def broadcast(*shapes: Shape | None) -> Shape | None:
    """The common shape of several, as numpy has it."""
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        return None
    result: list[Dim] = [1] * max((len(shape) for shape in known), default=0)
    for shape in known:
        for axis in range(1, len(shape) + 1):
            result[-axis] = merge(result[-axis], shape[-axis])
    return tuple(result)


def total(sizes: Sequence[Dim]) -> int | None:
    """The product of sizes if all are known."""
    return math.prod(s for s in sizes if isinstance(s, int)) if all(isinstance(s, int) for s in sizes) else None


def normal(axis: int, rank: int) -> int:
    """An axis counted from the front. Raises :class:`ValueError` if there is no such axis."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} of a tensor with {rank} axes")
    return axis % rank


def channels_fit(shape: Shape | None, wanted: int | np.integer[Any]) -> None:
    """Raise :class:`ValueError` unless the tensor [batch, channels, …] has so many channels, or an unknown number."""
    if shape is not None and (len(shape) < 2 or (isinstance(shape[1], int) and shape[1] != wanted)):
        raise ValueError(f"a tensor of shape {list(shape)} where {wanted} channels are needed")


# element by element --------------------------------------------------------------------------------------------------


def _like_first(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    return [shape_of(inputs[0]) if inputs else None] * outputs


@rule("Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Mean", "And", "Or", "Xor", "Where")
@rule("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")
def _elementwise(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    return [broadcast(*map(shape_of, inputs))]


@rule("Expand")
def _expand(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    target = integers(inputs[1])
    wanted = tuple(target) if target is not None else unknown(inputs[1])
    shape = shape_of(inputs[0])
    if shape is not None and wanted is not None and target is None:
        rank = max(len(shape), len(wanted))
        return [(None,) * rank]
    return [broadcast(shape, wanted)]


# making tensors ------------------------------------------------------------------------------------------------------


@rule("ConstantOfShape")
def _constant_of_shape(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    target = integers(inputs[0])
    return [tuple(target) if target is not None else unknown(inputs[0])]


@rule("Shape")
def _shape(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape = shape_of(inputs[0])
    return [(None,) if shape is None else (len(shape),)]


@rule("Range")
def _range(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    return [(None,)]


@rule("RandomNormal", "RandomUniform")
def _random(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    return [tuple(attributes["shape"])]


@rule("NonZero")
def _non_zero(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape = shape_of(inputs[0])
    return [(None if shape is None else len(shape), None)]


@rule("NonMaxSuppression")
def _suppression(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    return [(None, 3)]


@rule("OneHot")
def _one_hot(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, depth = shape_of(inputs[0]), integers(inputs[1])
    if shape is None:
        return [None]
    sizes = list(shape)
    sizes.insert(normal(attributes.get("axis", -1), len(shape) + 1), depth[0] if depth else None)
    return [tuple(sizes)]


# rearranging ---------------------------------------------------------------------------------------------------------


@rule("Reshape")
def _reshape(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, target = shape_of(inputs[0]), integers(inputs[1])
    if target is None:
        return [unknown(inputs[1])]
    result: list[Dim] = []
    for axis, size in enumerate(target):
        if size == 0:
            if shape is not None and axis >= len(shape):
                raise ValueError(f"axis {axis} of a tensor with {len(shape)} axes")
            result.append(None if shape is None else shape[axis])
        else:
            result.append(None if size == -1 else size)
    if target.count(-1) > 1 or min(target, default=0) < -1:
        raise ValueError(f"a shape of {target}")
    count = None if shape is None else total(shape)
    if count is not None:
        rest = total([size for size, wanted in zip(result, target, strict=True) if wanted != -1])
        if rest is not None and -1 in target and rest and count % rest == 0:
            result[target.index(-1)] = count // rest
        elif rest is not None and (-1 in target or rest != count):
            raise ValueError(f"{count} elements in a shape of {target}")
    return [tuple(result)]


@rule("Flatten")
def _flatten(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape = shape_of(inputs[0])
    if shape is None:
        return [(None, None)]
    axis = attributes.get("axis", 1)
    return [(total(shape[:axis]), total(shape[axis:]))]


@rule("Transpose")
def _transpose(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, order = shape_of(inputs[0]), attributes["perm"]
    if sorted(order) != list(range(len(order))) or (shape is not None and len(shape) != len(order)):
        raise ValueError(f"an order of axes of {list(order)}")
    return [(None,) * len(order) if shape is None else tuple(shape[axis] for axis in order)]


@rule("Squeeze")
def _squeeze(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, axes = shape_of(inputs[0]), integers(inputs[1]) if len(inputs) > 1 else None
    if shape is None or axes is None:
        return [None]
    gone = {normal(axis, len(shape)) for axis in axes}
    for axis in gone:
        if isinstance(shape[axis], int) and shape[axis] != 1:
            raise ValueError(f"axis {axis} of size {shape[axis]} is to be squeezed")
    return [tuple(size for axis, size in enumerate(shape) if axis not in gone)]


@rule("Unsqueeze")
def _unsqueeze(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, axes = shape_of(inputs[0]), integers(inputs[1])
    if shape is None or axes is None:
        return [None]
    rank = len(shape) + len(axes)
    new, rest = {normal(axis, rank) for axis in axes}, iter(shape)
    if len(new) != len(axes):
        raise ValueError(f"an axis twice in {axes}")
    return [tuple(1 if axis in new else next(rest) for axis in range(rank))]


@rule("Concat")
def _concat(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shapes = [shape for shape in map(shape_of, inputs) if shape is not None]
    if not shapes:
        return [None]
    rank = len(shapes[0])
    axis = normal(attributes["axis"], rank)
    if any(len(shape) != rank for shape in shapes):
        raise ValueError(f"shapes {shapes} do not go together")
    result: list[Dim] = []
    for at in range(rank):
        sizes = [shape[at] for shape in shapes]
        if at == axis:
            numbers = [size for size in sizes if isinstance(size, int)]
            result.append(sum(numbers) if len(numbers) == len(inputs) else None)
            continue
        numbers = sorted({size for size in sizes if isinstance(size, int)})
        if len(numbers) > 1:
            raise ValueError(f"sizes {numbers} do not go together")
        result.append(numbers[0] if numbers else sizes[0])
    return [tuple(result)]


@rule("Split")
def _split(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape = shape_of(inputs[0])
    if shape is None:
        return [None] * outputs
    axis = normal(attributes.get("axis", 0), len(shape))
    sizes: Sequence[Dim] | None = integers(inputs[1]) if len(inputs) > 1 else None
    whole = shape[axis]
    if sizes is None and len(inputs) > 1:
        sizes = [None] * outputs
    elif sizes is None:
        if isinstance(whole, int) and whole % outputs:
            raise ValueError(f"an axis of size {whole} in {outputs} parts")
        sizes = [whole // outputs if isinstance(whole, int) else None] * outputs
    elif len(sizes) != outputs or (isinstance(whole, int) and sum_of(sizes) != whole):
        raise ValueError(f"an axis of size {whole} in parts of {list(sizes)}")
    return [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]


def sum_of(sizes: Sequence[Dim]) -> int:
    """The sum of the sizes that are known."""
    return sum(size for size in sizes if isinstance(size, int))


@rule("Tile")
def _tile(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, times = shape_of(inputs[0]), integers(inputs[1])
    if shape is None or times is None:
        return [shape if shape is None else (None,) * len(shape)]
    if len(shape) != len(times):
        raise ValueError(f"{len(times)} repetitions of {len(shape)} axes")
    return [tuple(s * n if isinstance(s, int) else s if n == 1 else None for s, n in zip(shape, times, strict=True))]


@rule("Pad")
def _pad(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, pads = shape_of(inputs[0]), integers(inputs[1])
    if shape is None or pads is None:
        return [shape if shape is None else (None,) * len(shape)]
    rank = len(shape)
    if len(pads) != 2 * rank:
        raise ValueError(f"{len(pads)} amounts of padding for {rank} axes")
    added = [pads[axis] + pads[axis + rank] for axis in range(rank)]
    return [tuple(s + n if isinstance(s, int) else None if n else s for s, n in zip(shape, added, strict=True))]


@rule("Slice")
def _slice(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape = shape_of(inputs[0])
    if shape is None:
        return [None]
    starts, ends = integers(inputs[1]), integers(inputs[2])
    axes = integers(inputs[3]) if len(inputs) > 3 else list(range(len(starts or ())))
    steps: list[int] | None = [1] * len(axes or ())
    if len(inputs) > 4:
        steps = integers(inputs[4])
    if axes is None:
        return [(None,) * len(shape)]
    sizes = list(shape)
    for place, axis in enumerate(axes):
        at = normal(axis, len(shape))
        size = sizes[at]
        if starts is None or ends is None or steps is None or not isinstance(size, int):
            sizes[at] = None
            continue
        start, end, step = starts[place], ends[place], steps[place]
        if step == 0:
            raise ValueError("a step of 0")
        stop = None if step < 0 and end < -size else end
        sizes[at] = len(range(*slice(max(start, -size - (step < 0)), stop, step).indices(size)))
    return [tuple(sizes)]
