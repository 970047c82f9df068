"""One layer of a network, as its translator sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.wire import Message
from edgerun_coreml.nn import shapes, weights
from edgerun_coreml.nn.nodes import emit
from edgerun_coreml.nn.scope import Scope
from edgerun_coreml.onnx.graph import Attribute, Graph, Shape, Value
from edgerun_coreml.refusal import Refusal

Array = npt.NDArray[Any]

LARGEST: Final = (1 << 31) - 1
"""The largest size, amount or index that a parameter may give; also stands for "to the end" in slices."""


class Layer:
    """Reads a layer's parameters and inputs, and adds nodes that know their shapes.

    ``inputs`` are float32 throughout: Core ML's networks have no other type between layers. Methods that read sizes
    raise :class:`ModelDamaged` for what no network can mean.
    """

    def __init__(self, scope: Scope, message: Message, inputs: Sequence[Value], place: str) -> None:
        self.scope, self.message, self.place = scope, message, place
        self.graph: Graph = scope.graph
        self.type: str = message.which("layer")
        self.params: Message = getattr(message, self.type)
        self.inputs: list[Value] = list(inputs)
        self.outputs: list[str] = list(message.output)

    # what goes in ----------------------------------------------------------------------------------------------------

    @property
    def x(self) -> Value:
        """The first input."""
        return self.input(0)

    def input(self, place: int) -> Value:
        """An input by its place. Raises :class:`ModelDamaged` if there are fewer."""
        if place >= len(self.inputs):
            raise ModelDamaged(f"it has {len(self.inputs)} inputs and needs {place + 1}")
        return self.inputs[place]

    def has_input(self, place: int) -> bool:
        """Whether there are so many inputs."""
        return place < len(self.inputs)

    def need_inputs(self, least: int, most: int | None = None) -> list[Value]:
        """All inputs, so many at least and at most."""
        if len(self.inputs) < least or (most is not None and len(self.inputs) > most):
            raise ModelDamaged(f"it has {len(self.inputs)} inputs and needs {least}")
        return self.inputs

    def shape(self, place: int = 0) -> Shape:
        """An input's shape. Raises :class:`Refusal` if not even its rank is known."""
        shape = self.input(place).shape
        if shape is None:
            raise Refusal("the rank of an input is only known at run time")
        return shape

    def rank(self, place: int = 0) -> int:
        """The number of axes of an input."""
        return len(self.shape(place))

    def int64(self, value: Value) -> Value:
        """A tensor of whole numbers as int64."""
        return self.graph.cast(value, np.int64)

    def vector(self, value: Value) -> Value:
        """A tensor of whole numbers, such as a shape, as int64 with one axis."""
        numbers = self.int64(value)
        return numbers if numbers.shape is not None and len(numbers.shape) == 1 else self.reshape(numbers, [-1])

    def scalar_input(self, place: int) -> Value:
        """An input that holds one number, as float32 of rank 0."""
        return self.reshape(self.input(place), [])

    # parameters ------------------------------------------------------------------------------------------------------

    def size(self, name: str, default: int = 0) -> int:
        """A size or an amount; ``default`` if it is 0 or not given."""
        value = int(getattr(self.params, name))
        if not 0 <= value <= LARGEST:
            raise ModelDamaged(f"{name} is {value}")
        return value or default

    def sizes(self, name: str, default: Sequence[int] = (), count: int | None = None) -> list[int]:
        """Sizes or amounts; ``default`` if none are given."""
        values = [int(item) for item in getattr(self.params, name)] or list(default)
        if any(not 0 <= value <= LARGEST for value in values):
            raise ModelDamaged(f"{name} is {values}")
        if count is not None and len(values) != count:
            raise ModelDamaged(f"{name} has {len(values)} numbers and needs {count}")
        return values

    def positive(self, name: str, default: Sequence[int], count: int) -> list[int]:
        """Sizes of which none is 0."""
        values = self.sizes(name, default, count)
        if min(values) < 1:
            raise ModelDamaged(f"{name} is {values}")
        return values

    def indices(self, name: str) -> list[int]:
        """Whole numbers that may be negative."""
        values = [int(item) for item in getattr(self.params, name)]
        if any(abs(value) > LARGEST for value in values):
            raise ModelDamaged(f"{name} is {values}")
        return values

    def axis(self, name: str = "axis", *, rank: int | None = None) -> int:
        """An axis counted from the front; of the first input unless ``rank`` says otherwise."""
        return self.normal(int(getattr(self.params, name)), self.rank() if rank is None else rank)

    @staticmethod
    def normal(axis: int, rank: int) -> int:
        """An axis counted from the front. Raises :class:`ModelDamaged` if there is no such axis."""
        if not -rank <= axis < rank:
            raise ModelDamaged(f"axis {axis} of a tensor with {rank} axes")
        return axis % rank

    def weights(self, name: str, shape: Sequence[int], *, axis: int = 0, params: Message | None = None) -> Array:
        """Weights of the layer as float32; ``axis`` is that of the scales if they are quantized."""
        array = weights.read(getattr(self.params if params is None else params, name), shape, name, axis=axis)
        return self.scope.stored(array)

    # what comes out --------------------------------------------------------------------------------------------------

    def emit(
        self,
        op_type: str,
        inputs: Sequence[Value | None],
        *,
        dtype: npt.DTypeLike | None = None,
        **attributes: Attribute | None,
    ) -> Value:
        """Add a node with one output; see :func:`emit`."""
        return emit(self.graph, op_type, inputs, dtype=dtype, **attributes)

    def emit_many(
        self,
        op_type: str,
        inputs: Sequence[Value | None],
        outputs: int | Sequence[npt.DTypeLike],
        **attributes: Attribute | None,
    ) -> list[Value]:
        """Add a node with several outputs: so many float32, or one of each type given."""
        given = {key: item for key, item in attributes.items() if item is not None}
        count = outputs if isinstance(outputs, int) else len(outputs)
        known = shapes.infer(op_type, inputs, given, count)
        values = self.graph.emit_many(op_type, inputs, outputs, domain="", **given)
        return [replace(value, shape=shape) for value, shape in zip(values, known, strict=True)]

    def number(self, value: float) -> Value:
        """A float32 constant of rank 0."""
        return self.graph.scalar(value, np.float32)

    def constant(self, array: npt.ArrayLike) -> Value:
        """A float32 constant."""
        return self.graph.constant(np.asarray(array, np.float32))

    def int64s(self, *values: int | Iterable[int]) -> Value:
        """A constant vector of int64."""
        return self.graph.int64(*values)

    def floats(self, value: Value) -> Value:
        """The value as float32."""
        return self.graph.cast(value, np.float32)

    def shape_of(self, value: Value) -> Value:
        """A tensor's shape as int64 [rank]; a constant if it is known."""
        dims = value.dims
        return self.graph.int64(dims) if dims is not None else self.emit("Shape", [value])

    def size_of(self, value: Value, axis: int) -> Value:
        """The size of one axis as int64 [1]."""
        size = None if value.shape is None else value.shape[axis]
        if isinstance(size, int):
            return self.int64s(size)
        return self.emit("Gather", [self.shape_of(value), self.int64s(axis)], axis=0)

    def sizes_of(self, value: Value, start: int, stop: int | None = None) -> Value:
        """The sizes of axes ``start`` to ``stop`` as int64 [n]."""
        sizes = None if value.shape is None else value.shape[start:stop]
        if sizes is not None and all(isinstance(size, int) for size in sizes):
            return self.int64s(size for size in sizes if isinstance(size, int))
        end = LARGEST if stop is None else stop
        return self.emit("Slice", [self.shape_of(value), self.int64s(start), self.int64s(end)])

    def reshape(self, value: Value, target: Sequence[int] | Value) -> Value:
        """The value in a shape given by numbers, where 0 keeps a size and -1 stands for the rest, or by a tensor."""
        wanted = target if isinstance(target, Value) else self.graph.constant(np.array(target, np.int64))
        return self.emit("Reshape", [value, wanted])

    def squeeze(self, value: Value, axes: Sequence[int]) -> Value:
        """The value without axes of size 1."""
        return self.emit("Squeeze", [value, self.int64s(axes)]) if axes else value

    def unsqueeze(self, value: Value, axes: Sequence[int]) -> Value:
        """The value with more axes of size 1."""
        return self.emit("Unsqueeze", [value, self.int64s(axes)]) if axes else value

    def transpose(self, value: Value, order: Sequence[int]) -> Value:
        """The value with its axes in another order."""
        if list(order) == list(range(len(order))):
            return value
        return self.emit("Transpose", [value], perm=list(order))
