"""The names that are visible while a program is translated, and what all its blocks have in common."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.wire import Message
from edgerun_coreml.mil.kinds import FLOAT32, Kind, computed
from edgerun_coreml.mil.values import Constants, Operand
from edgerun_coreml.onnx.graph import Graph, Value
from edgerun_coreml.onnx.translation import Precision

MAX_PROBLEMS: Final = 200
"""Unsupported operations that an error lists at most."""

NONSENSE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What numpy and Python raise when an operation's parameters do not go together."""


class Unknown(Exception):
    """An operand that an unsupported operation should have made."""


@dataclass(slots=True)
class Context:
    """What one translation has in common over all its blocks."""

    constants: Constants
    opset: int
    precision: Precision
    function: str = "main"
    problems: list[str] = field(default_factory=list)
    states: dict[str, Value] = field(default_factory=dict)
    """The current contents of each state."""
    labels: tuple[str, ...] | tuple[int, ...] = ()
    probabilities: Operand | None = None


class Scope:
    """The names visible in a block. An inner scope sees those of the outer ones."""

    def __init__(self, context: Context, graph: Graph, outer: Scope | None = None, place: str = "") -> None:
        self.context, self.graph, self.outer = context, graph, outer
        self.constants = context.constants
        self.place = place
        self._names: dict[str, Operand | None] = {}

    def inner(self, graph: Graph, place: str) -> Scope:
        """A scope for a block inside this one."""
        return Scope(self.context, graph, self, f"{self.place}{place}: ")

    def bind(self, name: str, operand: Operand | None) -> None:
        """Give a name its operand; None marks what an unsupported operation left unknown."""
        self._names[name] = operand

    def lookup(self, name: str) -> Operand:
        """The operand of a name. Raises :class:`ModelDamaged` if there is none, :class:`Unknown` if it is lost."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope._names:
                operand = scope._names[name]
                if operand is None:
                    raise Unknown(name)
                return operand
            scope = scope.outer
        raise ModelDamaged(f"{self.place}nothing is called {name!r}")

    def resolve(self, binding: Message) -> Operand:
        """The operand of a message ``Mil.Argument.Binding``."""
        if binding.which("binding") == "name":
            return self.lookup(binding.name)
        return self.constants.read(binding.value)

    def made(self, value: Value, kind: Kind) -> Operand:
        """The operand for a value just computed: of the declared type, rounded if fp16 is to be shown."""
        value = self.graph.cast(value, computed(kind.name))
        if kind.name == "fp16" and value.array is None and self.context.precision == "fp16":
            value = rounded(self.graph, value)
        shape = kind.shape
        if shape is None or (value.shape is not None and None in shape):
            shape = value.shape
        if value.shape is None and value.array is None:
            value = replace(value, shape=shape)
        return Operand(kind.name, shape, value, value.array)

    def forget(self, message: Message) -> None:
        """Mark as unknown what an unsupported operation would have made."""
        for output in message.outputs:
            self.bind(output.name, None)

    def report(self, problem: str) -> None:
        """Note something unsupported."""
        if len(self.context.problems) < MAX_PROBLEMS:
            self.context.problems.append(problem)


def rounded(graph: Graph, value: Value) -> Value:
    """A float32 value with the precision and range of fp16: what a device stores between operations."""
    return graph.cast(graph.cast(value, np.float16), FLOAT32)
