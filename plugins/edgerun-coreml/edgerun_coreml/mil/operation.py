"""One operation of a program, as its translator sees it."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgerun_coreml.file.wire import Message
from edgerun_coreml.mil.kinds import FLOAT32, Kind, computed, read_kind
from edgerun_coreml.mil.scope import Scope
from edgerun_coreml.mil.values import Operand
from edgerun_coreml.onnx.graph import Graph, Shape, Value
from edgerun_coreml.refusal import Refusal

Array = npt.NDArray[Any]

MAX_MADE: Final = 1 << 26
"""Elements of a tensor computed from constants alone: ONNX Runtime does that while opening the model."""


class Operation:
    """Reads the inputs of an operation by name. Constants come as numbers, the rest as values of the graph.

    Methods that want a constant raise :class:`Refusal` when the program computes it instead.
    """

    def __init__(self, scope: Scope, message: Message) -> None:
        self.scope, self.message = scope, message
        self.graph: Graph = scope.graph
        self.emit = scope.graph.emit
        self.type: str = message.type
        self.outputs: list[tuple[str, Kind]] = [(item.name, read_kind(item.type)) for item in message.outputs]

    # what goes in ------------------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Whether the input is given."""
        return name in self.message.inputs or name in self.message.attributes

    def operands(self, name: str) -> list[Operand]:
        """All arguments of an input, for those that take several."""
        if name in self.message.inputs:
            return [self.scope.resolve(item) for item in self.message.inputs[name].arguments]
        if name in self.message.attributes:  # where the constexpr operations of iOS 16 keep their inputs
            return [self.scope.constants.read(self.message.attributes[name])]
        raise Refusal(f"the input {name} is missing")

    def operand(self, name: str = "x") -> Operand:
        """An input as it stands, constant or not."""
        items = self.operands(name)
        if not items:
            raise Refusal(f"the input {name} is empty")
        return items[0]

    def value(self, name: str = "x") -> Value:
        """An input as a value of the graph."""
        return self.operand(name).in_graph(self.graph)

    def values(self, name: str) -> list[Value]:
        """All arguments of an input, as values of the graph."""
        return [item.in_graph(self.graph) for item in self.operands(name)]

    def optional(self, name: str) -> Value | None:
        """An input as a value of the graph, None if it is not given."""
        return self.value(name) if self.has(name) else None

    def rank(self, name: str = "x") -> int:
        """The number of axes of an input."""
        return self.operand(name).rank

    def dims(self, name: str = "x") -> tuple[int, ...]:
        """The shape of an input, every size of which must be known."""
        dims = self.operand(name).dims
        if dims is None:
            raise Refusal(f"{name} has a flexible shape")
        return dims

    # constants ---------------------------------------------------------------------------------------------

    def is_constant(self, name: str) -> bool:
        """Whether the input is given and known now."""
        return self.has(name) and self.operand(name).array is not None

    def array(self, name: str) -> Array:
        """A constant in the program's own type."""
        array = self.operand(name).array
        if array is None:
            raise Refusal(f"{name} is computed, where a constant is needed")
        return array

    def optional_array(self, name: str) -> Array | None:
        """A constant, None if it is not given."""
        return self.array(name) if self.has(name) else None

    def number(self, name: str, default: float | None = None) -> float:
        """A constant number."""
        return float(self._scalar(name, default))

    def integer(self, name: str, default: int | None = None) -> int:
        """A constant integer."""
        return int(self._scalar(name, default))

    def flag(self, name: str, default: bool | None = None) -> bool:
        """A constant truth value."""
        return bool(self._scalar(name, default))

    def _scalar(self, name: str, default: float | bool | None) -> Any:
        if not self.has(name):
            if default is None:
                raise Refusal(f"the input {name} is missing")
            return default
        array = self.array(name)
        if array.size != 1:
            raise Refusal(f"{name} should be one number, and has {array.size}")
        return array.reshape(-1)[0]

    def integers(self, name: str, default: list[int] | None = None) -> list[int]:
        """A constant list of integers."""
        if default is not None and not self.has(name):
            return default
        return [int(item) for item in self.array(name).reshape(-1)]

    def flags(self, name: str, default: list[bool]) -> list[bool]:
        """A constant list of truth values."""
        return [bool(item) for item in self.array(name).reshape(-1)] if self.has(name) else default

    def text(self, name: str, default: str | None = None) -> str:
        """A constant text."""
        if default is not None and not self.has(name):
            return default
        texts = self.operand(name).texts
        if not texts:
            raise Refusal(f"{name} is not a text")
        return texts[0]

    def axis(self, default: int | None = None, name: str = "axis", of: str = "x") -> int:
        """An axis counted from the front."""
        rank, axis = self.rank(of), self.integer(name, default)
        if not -rank <= axis < max(rank, 1):
            raise Refusal(f"axis {axis} of a tensor with {rank} axes")
        return axis % max(rank, 1)

    def bounded(self, *sizes: int) -> None:
        """Refuse a tensor that would be made of constants alone, when the model is opened, and be too large."""
        if math.prod(max(size, 1) for size in sizes) > MAX_MADE:
            raise Refusal(f"a constant of {' x '.join(map(str, sizes))} elements")

    def int64(self, name: str) -> Value:
        """A vector of integers as int64, constant or not."""
        operand = self.operand(name)
        if operand.array is not None:
            return self.graph.int64(int(item) for item in operand.array.reshape(-1))
        return self.graph.cast(operand.in_graph(self.graph), np.int64)

    # what comes out ----------------------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """The element type of the first output."""
        return self.outputs[0][1].name

    @property
    def shape(self) -> Shape | None:
        """The declared shape of the first output."""
        return self.outputs[0][1].shape

    @property
    def is_float(self) -> bool:
        """Whether the first output is computed in float32."""
        return computed(self.kind) == FLOAT32

    def scalar(self, value: float, like: Value) -> Value:
        """A constant of the type of another value."""
        return self.graph.scalar(value, like.dtype)

    def floats(self, value: Value) -> Value:
        """The value as float32, for operators without integer kernels; results are cast back when bound."""
        return self.graph.cast(value, FLOAT32)
