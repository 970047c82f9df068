"""The tensors that are visible while a network is translated, and their forms of rank 4."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn.nodes import emit
from edgerun_coreml.onnx.graph import Graph, Value
from edgerun_coreml.onnx.translation import Precision
from edgerun_coreml.refusal import Refusal

Array = npt.NDArray[Any]

MAX_PROBLEMS: Final = 200
"""Unsupported layers that an error lists at most."""

NONSENSE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What numpy and Python raise when a layer's parameters do not go together."""


class Unknown(Exception):
    """A tensor that an unsupported layer should have made."""


@dataclass(slots=True)
class Context:
    """What one translation has in common over all its networks."""

    precision: Precision
    reads: Counter[str]
    """How often each name is an input, over the network and all networks within; the model's outputs count too."""
    problems: list[str] = field(default_factory=list)
    whole: set[str] = field(default_factory=set)
    """Names of values that hold indices and sizes, which rounding to fp16 would spoil."""


class Scope:
    """The tensors visible in a network. A branch's or loop's network sees those of the outer ones."""

    def __init__(self, context: Context, graph: Graph, outer: Scope | None = None, place: str = "") -> None:
        self.context, self.graph, self.outer, self.place = context, graph, outer, place
        self.values: dict[str, Value | None] = {}
        self.folds: dict[str, Value] = {}
        self.is_loop = False

    def inner(self, graph: Graph, place: str) -> Scope:
        """The scope of a network inside this one; ``place`` goes before the places of its layers."""
        return Scope(self.context, graph, self, place)

    def bind(self, name: str, value: Value | None) -> None:
        """Give a name its tensor; None marks what an unsupported layer left unknown."""
        self.values[name] = value

    def find(self, name: str) -> Value | None:
        """The tensor of a name, or None if nothing is called so."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                value = scope.values[name]
                if value is None:
                    raise Unknown(name)
                return value
            scope = scope.outer
        return None

    def lookup(self, name: str) -> Value:
        """The tensor of a name. Raises :class:`ModelDamaged` if nothing is called so."""
        value = self.find(name)
        if value is None:
            raise ModelDamaged(f"{self.place}nothing is called {name!r}")
        return value

    def report(self, problem: str) -> None:
        """Note something unsupported."""
        if len(self.context.problems) < MAX_PROBLEMS and problem not in self.context.problems:
            self.context.problems.append(problem)

    def is_whole(self, value: Value) -> bool:
        """Whether a tensor holds indices, sizes or other whole numbers."""
        if value.name in self.context.whole:
            return True
        return value.array is not None and bool(np.all(value.array == np.rint(value.array)))

    def rounded(self, value: Value) -> Value:
        """The value as a device that computes in fp16 would store it, if that is asked for."""
        exact = value.name in self.context.whole or value.dtype != np.float32 or value.array is not None
        if self.context.precision == "fp32" or exact:
            return value
        return self.graph.cast(self.graph.cast(value, np.float16), np.float32)

    def stored(self, array: Array) -> Array:
        """Weights in the precision that is asked for."""
        if self.context.precision == "fp32":
            return array
        with np.errstate(over="ignore"):
            return array.astype(np.float16).astype(np.float32)

    # folding ---------------------------------------------------------------------------------------------------------

    def known_fold(self, value: Value) -> Value | None:
        """The rank 4 form of a value if there is one already."""
        scope: Scope | None = self
        while scope is not None:
            if value.name in scope.folds:
                return scope.folds[value.name]
            scope = scope.outer
        return None

    def remember_fold(self, value: Value, folded: Value) -> None:
        """Note the rank 4 form of a value."""
        self.folds[value.name] = folded

    def fold(self, value: Value) -> Value:
        """The value with rank 4: leading axes multiplied into one, or axes of size 1 put in front."""
        if value.shape is None:
            raise Refusal("the rank of an input is only known at run time")
        rank = len(value.shape)
        known = value if rank == 4 else self.known_fold(value)
        if known is not None:
            return known
        graph = self.graph
        if rank < 4:
            folded = emit(graph, "Unsqueeze", [value, graph.int64(range(4 - rank))])
        elif all(size == 1 for size in value.shape[: rank - 4]):
            folded = emit(graph, "Squeeze", [value, graph.int64(range(rank - 4))])
        else:
            tail = self._sizes(value, rank - 3, rank)
            target = emit(graph, "Concat", [graph.int64(-1), tail], axis=0)
            folded = self._shaped(value, target, (None, *value.shape[-3:]))
        self.remember_fold(value, folded)
        return folded

    def unfold(self, value: Value, like: Value) -> Value:
        """The inverse of :meth:`fold`: the leading axes of ``like``, and the last three of ``value``."""
        if like.shape is None or len(like.shape) == 4 or value.shape is None or len(value.shape) != 4:
            return value
        rank, graph = len(like.shape), self.graph
        if rank < 4:
            if any(size != 1 for size in value.shape[: 4 - rank]):
                return value
            full = emit(graph, "Squeeze", [value, graph.int64(range(4 - rank))])
        elif all(size == 1 for size in like.shape[: rank - 4]):
            full = emit(graph, "Unsqueeze", [value, graph.int64(range(rank - 4))])
        else:
            lead, tail = self._sizes(like, 0, rank - 3), self._sizes(value, 1, 4)
            target = emit(graph, "Concat", [lead, tail], axis=0)
            full = self._shaped(value, target, (*like.shape[: rank - 3], *value.shape[1:]))
        self.remember_fold(full, value)
        return full

    def _sizes(self, value: Value, start: int, stop: int) -> Value:
        sizes = (value.shape or ())[start:stop]
        if all(isinstance(size, int) for size in sizes):
            return self.graph.int64(size for size in sizes if isinstance(size, int))
        whole = emit(self.graph, "Shape", [value])
        return emit(self.graph, "Slice", [whole, self.graph.int64(start), self.graph.int64(stop)])

    def _shaped(self, value: Value, target: Value, shape: tuple[int | str | None, ...]) -> Value:
        if target.array is not None:
            return emit(self.graph, "Reshape", [value, target])
        return self.graph.emit("Reshape", [value, target], shape=shape)
