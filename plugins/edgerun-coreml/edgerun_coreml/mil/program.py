"""Walking a program: functions, blocks, and the names that operations bind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged, ModelUnsupported
from edgerun_coreml.file.blob import BlobFile
from edgerun_coreml.file.wire import Message
from edgerun_coreml.mil.kinds import FLOAT32, Kind, computed
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import OPSETS, Refusal, find
from edgerun_coreml.mil.values import Constants, Operand
from edgerun_coreml.onnx.graph import Graph, Value
from edgerun_coreml.onnx.translation import Precision

MAX_PROBLEMS: Final = 200
"""So many unsupported operations are listed; nobody reads more."""

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

    def run(self, block: Message) -> list[Operand]:
        """Translate a block into this scope's graph and answer its outputs."""
        for number, message in enumerate(block.operations):
            place = f"{self.place}operation {number}, {message.type}"
            if message.outputs:
                place += f" {message.outputs[0].name!r}"
            try:
                self._translate(message)
            except Unknown:
                self._forget(message)
            except Refusal as refusal:
                self._forget(message)
                self._report(f"{place}: {refusal}")
            except NONSENSE as error:
                raise ModelDamaged(f"{place}: makes no sense ({error})") from error
        return [self.lookup(name) for name in block.outputs]

    def _translate(self, message: Message) -> None:
        if message.type == "const":
            source = message.attributes.get("val")
            operand = (
                self.constants.read(source) if source is not None else self.resolve(message.inputs["val"].arguments[0])
            )
            self.bind(message.outputs[0].name, operand)
            return
        translator = find(message.type, self.context.opset)
        operation = Operation(self, message)
        result = translator(operation)
        if result is None:
            return
        results = result if isinstance(result, Sequence) else [result]
        if len(results) < len(operation.outputs):
            raise ModelDamaged(f"{message.type} has {len(operation.outputs)} outputs, it makes {len(results)}")
        for (name, kind), item in zip(operation.outputs, results, strict=False):
            self.bind(name, item if isinstance(item, Operand) else self.made(item, kind))

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

    def _forget(self, message: Message) -> None:
        for output in message.outputs:
            self.bind(output.name, None)

    def _report(self, problem: str) -> None:
        if len(self.context.problems) < MAX_PROBLEMS:
            self.context.problems.append(problem)


def rounded(graph: Graph, value: Value) -> Value:
    """A float32 value with the precision and range of fp16: what a device stores between operations."""
    return graph.cast(graph.cast(value, np.float16), FLOAT32)


def context_for(function: Message, name: str, weights: Callable[[str], BlobFile], precision: Precision) -> Context:
    """The context of a function. Raises :class:`ModelUnsupported` for an operation set of the future."""
    if function.opset not in OPSETS:
        raise ModelUnsupported(f"function {name}: the operation set {function.opset!r} is not known")
    return Context(Constants(weights), OPSETS[function.opset], precision, name)


def choose_function(spec: Message, function: str) -> tuple[str, Message]:
    """Name and message of a function, the default one unless named."""
    functions = spec.mlProgram.functions
    if not functions:
        raise ModelDamaged("the program has no function")
    name = (
        function or spec.description.defaultFunctionName or ("main" if "main" in functions else next(iter(functions)))
    )
    if name not in functions:
        raise ModelUnsupported(f"there is no function {name!r}; there are: {', '.join(sorted(functions))}")
    return name, functions[name]
