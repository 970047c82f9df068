"""Walking a network: its layers in their order, the tensors they name, and folding tensors to rank 4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.wire import Message
from edgerun_coreml.nn.layer import Layer, emit
from edgerun_coreml.nn.registry import KEEP_COUNTS, Refusal, Translator, View, counts, find
from edgerun_coreml.onnx.graph import Graph, Value
from edgerun_coreml.onnx.translation import Precision

Array = npt.NDArray[Any]

MAX_PROBLEMS: Final = 200
"""So many unsupported layers are listed; nobody reads more."""

NONSENSE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What numpy and Python raise when a layer's parameters do not go together."""


BREAK: Final = "\0break"
"""The name of a flag in a loop's body: whether the loop is to end."""
SKIP: Final = "\0skip"
"""The name of a flag in a loop's body: whether the rest of the body is to be left out."""


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

    # layers ----------------------------------------------------------------------------------------------------------

    def run(self, layers: Sequence[Message], *, start: int = 0, guarded: bool = True) -> None:
        """Translate layers into this scope's graph, from number ``start`` on.

        ``guarded``: what follows a loop's break or continue is left out, at run time if need be.
        """
        for number in range(start, len(layers)):
            message = layers[number]
            kind, place = message.which("layer"), place_of(self.place, number, message)
            try:
                translator, view = translator_of(message)
                layer = Layer(self, message, [self.lookup(name) for name in message.input], place)
                self._bind_all(layer, self.apply(layer, translator, view))
            except Unknown:
                self._forget(message, place)
            except Refusal as refusal:
                self._forget(message, place)
                self.report(f"{place}: {refusal}")
            except ModelDamaged as error:
                raise ModelDamaged(str(error) if "layer " in str(error) else f"{place}: {error}") from error
            except NONSENSE as error:
                raise ModelDamaged(f"{place}: makes no sense ({error})") from error
            skip = self.values.get(SKIP) if guarded else None
            if skip is not None and kind in ("branch", "loopBreak", "loopContinue") and number + 1 < len(layers):
                if skip.array is None:
                    self.branch(skip, [], layers, (self.place, self.place), start=number + 1)
                    return
                if bool(skip.array):
                    return

    def branch(
        self,
        condition: Value,
        then: Sequence[Message],
        otherwise: Sequence[Message],
        places: tuple[str, str],
        *,
        start: int = 0,
    ) -> None:
        """Translate two lists of layers of which one is run, and bind what they write."""
        from edgerun_coreml.nn.families.control_flow import emit_branch

        sides = [self.inner(self.graph.subgraph(), place) for place in places]
        sides[0].run(then)
        sides[1].run(otherwise, start=start)
        inside = read_in(then) + read_in(otherwise[start:])
        only = {name for side in sides for name in side.values if self.context.reads[name] <= inside[name]}
        emit_branch(self, condition, sides, only - {BREAK, SKIP})

    def _bind_all(self, layer: Layer, values: list[Value]) -> None:
        if len(values) < len(layer.outputs):
            raise ModelDamaged(f"it has {len(layer.outputs)} outputs, it makes {len(values)}")
        for name, value in zip(layer.outputs, values, strict=False):
            self.bind(name, value)

    def apply(self, layer: Layer, translator: Translator, view: View) -> list[Value]:
        """Run a translator on its inputs in a view, and give its results their own shapes back."""
        given = list(layer.inputs)
        folded = self._view(given, view)
        layer.inputs = given if folded is None else folded
        made = translator(layer)
        layer.inputs = given
        values = [] if made is None else [made] if isinstance(made, Value) else list(made)
        whole = counts(layer.type) or (
            layer.type in KEEP_COUNTS and bool(given) and all(self._is_whole(value) for value in given)
        )
        results = []
        for value in values:
            if whole:
                self.context.whole.add(value.name)
            value = self.rounded(value)
            if value.shape == ():  # Core ML knows no rank 0
                value = emit(self.graph, "Reshape", [value, self.graph.int64(1)])
            result = value if folded is None else self.unfold(value, given[0])
            if value.name in self.context.whole:
                self.context.whole.add(result.name)
            results.append(result)
        return results

    def _is_whole(self, value: Value) -> bool:
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

    def _forget(self, message: Message, place: str) -> None:
        """Mark as unknown what a layer would have made, and note what else in it is not supported."""
        for inner, name in zip(networks_in(message), NETWORK_NAMES.get(message.which("layer"), ()), strict=False):
            self._look_through(inner, f"{place}, {name}: ")
        for name in (*message.output, *(name for inner in networks_in(message) for name in written(inner))):
            self.bind(name, None)

    def _look_through(self, network: Message, place: str) -> None:
        for number, message in enumerate(network.layers):
            where = place_of(place, number, message)
            try:
                translator_of(message)
            except Refusal as refusal:
                self.report(f"{where}: {refusal}")
            for inner, name in zip(networks_in(message), NETWORK_NAMES.get(message.which("layer"), ()), strict=False):
                self._look_through(inner, f"{where}, {name}: ")

    def report(self, problem: str) -> None:
        """Note something unsupported."""
        if len(self.context.problems) < MAX_PROBLEMS and problem not in self.context.problems:
            self.context.problems.append(problem)

    # folding ---------------------------------------------------------------------------------------------------------

    def _view(self, values: list[Value], view: View) -> list[Value] | None:
        """The inputs in a view; None when they are to be used as they are."""
        if view is View.FULL or not values or (view is View.ANY and not self._worth_folding(values)):
            return None
        if all(value.shape is not None and len(value.shape) == 4 for value in values):
            return None
        return [self.fold(value) for value in values]

    def _worth_folding(self, values: list[Value]) -> bool:
        """Whether all inputs have a folded form at hand, and the same leading axes."""
        first = values[0].shape
        if first is None or len(first) == 4 or not any(self.known_fold(value) for value in values):
            return False
        for value in values:
            if value.shape is None or len(value.shape) != len(first):
                return False
            if self.known_fold(value) is None and value.array is None:
                return False
            if value.shape[:-3] != first[:-3]:
                return False
        return True

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


NETWORK_NAMES: Final = {"branch": ("if", "else"), "loop": ("condition", "body")}
"""What the networks inside a layer are called in errors, in the order of :func:`networks_in`."""


def place_of(prefix: str, number: int, message: Message) -> str:
    """Where a layer is, for errors."""
    return f"{prefix}layer {number} {message.name!r} ({message.which('layer') or '?'})"


def translator_of(message: Message) -> tuple[Translator, View]:
    """The translator of a layer. Raises :class:`Refusal` if there is none."""
    if message.which("layer") == "custom":
        raise Refusal(f"a custom layer: what {message.custom.className!r} computes is not in the file")
    return find(message.which("layer"))


def networks_in(layer: Message) -> list[Message]:
    """The networks inside a branch or loop layer."""
    kind = layer.which("layer")
    if kind == "branch":
        return [layer.branch.ifBranch, layer.branch.elseBranch]
    if kind == "loop":
        return [layer.loop.conditionNetwork, layer.loop.bodyNetwork]
    return []


def count_reads(network: Message) -> Counter[str]:
    """How often each name is read in a network and all networks within it."""
    return read_in(network.layers)


def read_in(layers: Sequence[Message]) -> Counter[str]:
    """How often each name is read by layers and in all networks within them."""
    reads: Counter[str] = Counter()
    for layer in layers:
        reads.update(layer.input)
        for inner in networks_in(layer):
            reads.update(count_reads(inner))
        if layer.which("layer") == "loop":
            reads[layer.loop.conditionVar] += 1
    return reads


def written(network: Message) -> list[str]:
    """The names that a network and all networks within it write."""
    names: list[str] = []
    for layer in network.layers:
        names.extend(layer.output)
        for inner in networks_in(layer):
            names.extend(written(inner))
    return names
