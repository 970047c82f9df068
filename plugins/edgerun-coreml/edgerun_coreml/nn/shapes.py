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
