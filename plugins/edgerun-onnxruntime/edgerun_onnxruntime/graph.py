"""The graph of an .onnx file, read without any package of ONNX's.

Source of the numbers of fields: onnx.proto of ONNX 1.23 (Apache-2.0). Weights outside of the file are not opened.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from edgerun.contract import Graph, Node
from edgerun.errors import ModelUnreadable
from edgerun.tensors import AnyArray, TensorSpec
from edgerun.wire import Damaged, protobuf
from edgerun.wire.protobuf import Message
from edgerun_onnxruntime.attributes import FIELDS, GRAPH, GRAPHS, TENSOR, kind_of, plain_value
from edgerun_onnxruntime.weights import MAX_AXES, dtype_of, read_tensor

__all__ = ["GraphReader", "is_ort", "mapped", "read"]

MAX_NODES = 500_000
"""Operators of one file, functions written out."""
MAX_DEPTH = 32
"""Branches, loops and functions within each other."""


def read(path: Path) -> Graph:
    """The graph, with branches and loops after the operator that they belong to.

    A graph that is an attribute is shown there as {"inputs": names, "outputs": names}.

    Raises:
        ModelUnreadable: the file is damaged, or is an .ort file.
    """
    with mapped(path) as data:
        if is_ort(data):
            raise ModelUnreadable(
                f"The graph of {path} cannot be read: it is in ONNX Runtime's own format.",
                hint="pass the .onnx file that it was made from",
            )
        return GraphReader(data).read()


def is_ort(data: Any) -> bool:
    """Whether a file that begins so is in ONNX Runtime's own format, whatever its suffix says."""
    return bool(data[4:8] == b"ORTM")


@contextmanager
def mapped(path: Path) -> Iterator[Any]:
    """The bytes of a file; what goes wrong while they are read is a damaged file.

    Raises:
        ModelUnreadable: something did.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
    except (ValueError, OverflowError) as cause:  # Damaged is a ValueError, and so is an empty file, which has no map
        raise ModelUnreadable(f"{path} is damaged: {cause}.", hint="copy or export it again") from cause


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of a function of the file: where its names come from.

    Attributes:
        prefix: before the names of values that are the function's own.
        names: of its inputs and outputs -> what the caller calls them.
        attributes: what the caller gives, and the function's defaults.
    """

    prefix: str
    names: Mapping[str, str]
    attributes: Mapping[str, Message]


class GraphReader:
    """Reads the bytes of one .onnx file; all methods raise `Damaged`."""

    def __init__(self, data: Any) -> None:
        self.model = protobuf.parse(data)
        self.nodes: list[Node] = []
        self.values: dict[str, TensorSpec] = {}
        self.constants: dict[str, AnyArray] = {}
        self.functions: dict[str, Message] = {}
        self.within: _Call | None = None

    def read(self) -> Graph:
        """The whole graph."""
        graph = self.model.message(7)
        if graph is None:
            raise Damaged("it holds no graph")
        for function in self.model.messages(25):
            self.functions[f"{function.text(10)}.{function.text(1)}"] = function
        inputs, outputs = self._graph(graph, 0)
        versions = self.opsets()
        order = sorted(versions, key=lambda name: (name != "ai.onnx", name))
        opset = ", ".join(f"{name} {versions[name]}" for name in order)
        producer = f"{self.model.text(2)} {self.model.text(3)}".strip()
        return Graph(tuple(self.nodes), inputs, outputs, self.values, self.constants, producer, opset)

    def opsets(self) -> dict[str, int]:
        """Domain of operators -> its version; "ai.onnx" for ONNX's own."""
        return {entry.text(1) or "ai.onnx": entry.integer(2) for entry in self.model.messages(8)}

    def ir_version(self) -> int:
        """The version of the file's own form."""
        return self.model.integer(1)

    def _graph(self, graph: Message, depth: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of inputs and outputs; the rest goes to nodes, values and constants."""
        if depth > MAX_DEPTH:
            raise Damaged(f"it holds more than {MAX_DEPTH} graphs within each other")
        inputs, outputs, _ = (self._typed_values(graph, number) for number in (11, 12, 13))
        weights = {self._weight(entry) for entry in graph.messages(5)}
        weights.update(self._sparse_weights(graph))
        for node in graph.messages(1):
            self._node(node, depth)
        fed = tuple(name for name in inputs if name not in weights)  # until IR version 4 weights are inputs too
        return fed, tuple(outputs)

    def _typed_values(self, graph: Message, number: int) -> list[str]:
        """Enter the types of a list of values; gives their names."""
        names = []
        for entry in graph.messages(number):
            name = self._called(entry.text(1))
            names.append(name)
            spec = _tensor_type(name, entry)
            if spec is not None:
                self.values[name] = spec
        return names

    def _weight(self, tensor: Message) -> str:
        """Enter a weight; gives its name."""
        spec, array = read_tensor(tensor, self._called(tensor.text(8)))
        self.values[spec.name] = spec
        if array is not None:
            self.constants[spec.name] = array
        return spec.name

    def _sparse_weights(self, graph: Message) -> Iterator[str]:
        """Enter the weights of which only the numbers beside zero are stored; gives their names."""
        for entry in graph.messages(15):
            stored = entry.message(1)
            if stored is not None:
                spec, _ = read_tensor(stored, self._called(stored.text(8)))
                shape = tuple(entry.integers(3, MAX_AXES) or ())
                self.values[spec.name] = TensorSpec(spec.name, shape, spec.dtype)
                yield spec.name

    # ------------------------------------------------------------------------------------------ operators

    def _called(self, name: str) -> str:
        """A value's name: that of the file, but for values of functions, which may be called several times."""
        call = self.within
        if call is None or not name:
            return name
        return call.names.get(name, f"{call.prefix}/{name}")

    def _node(self, node: Message, depth: int) -> None:
        """Enter an operator; a function of the file is written out, as ONNX Runtime does."""
        domain, op = node.text(7), node.text(4)
        if domain not in ("", "ai.onnx"):
            op = f"{domain}.{op}"
        inputs, outputs = (tuple(map(self._called, node.texts(number))) for number in (1, 2))
        place = len(self.nodes)
        if place >= MAX_NODES:
            raise Damaged(f"it holds more than {MAX_NODES} operators")
        if op in self.functions:
            self._write_out(self.functions[op], node, inputs, outputs, depth + 1)
            return
        attributes: dict[str, Any] = {}
        for entry in node.messages(5):
            value = self._attribute(entry, outputs, depth)
            if value is not None:
                attributes[entry.text(1)] = value
        if op == "Constant" and len(outputs) == 1:
            for value in attributes.values():
                self._constant(outputs[0], value)
        # before the branches, which were read with the attributes
        self.nodes.insert(place, Node(op, node.text(3), inputs, outputs, attributes))

    def _constant(self, name: str, value: Any) -> None:
        """Enter what an operator Constant gives, where it is numbers."""
        first = value[0] if isinstance(value, tuple) and value else value
        array = np.asarray(value, np.float32 if isinstance(first, float) else None)
        if array.dtype.kind in "biufc":
            self.constants[name] = array
            self.values[name] = TensorSpec(name, array.shape, array.dtype.name)

    def _write_out(
        self, function: Message, node: Message, inputs: Sequence[str], outputs: Sequence[str], depth: int
    ) -> None:
        if depth > MAX_DEPTH:
            raise Damaged(f"it holds functions that call each other more than {MAX_DEPTH} deep")
        prefix = f"{node.text(3) or node.text(4)}#{len(self.nodes)}"
        names = dict(zip_longest(function.texts(4)[: len(inputs)], inputs, fillvalue=""))
        # an output that the caller does not want has a name of its own
        names |= {inner: outer for inner, outer in zip(function.texts(5), outputs, strict=False) if outer}
        given = [*function.messages(11), *(self._bound(entry) for entry in node.messages(5))]
        attributes = {entry.text(1): entry for entry in given}
        outside, self.within = self.within, _Call(prefix, names, attributes)
        for inner in function.messages(7):
            self._node(inner, depth)
        self.within = outside

    # ------------------------------------------------------------------------------------------ attributes

    def _bound(self, entry: Message) -> Message:
        """An attribute that refers to one of the function that is being written out, under its own name."""
        if self.within is None or 21 not in entry:
            return entry
        found = self.within.attributes.get(entry.text(21))
        return entry if found is None else found.replaced(1, entry)

    def _attribute(self, entry: Message, outputs: Sequence[str], depth: int) -> Any:
        """A plain value; None for what is large or of no use here."""
        entry = self._bound(entry)
        kind = kind_of(entry)
        if kind == TENSOR:
            return self._tensor(entry, outputs)
        if kind in (GRAPH, GRAPHS):
            return self._graphs(entry, kind, depth)
        return plain_value(entry, kind)

    def _tensor(self, entry: Message, outputs: Sequence[str]) -> AnyArray | None:
        tensor = entry.message(FIELDS[TENSOR])
        if tensor is None:
            return None
        spec, array = read_tensor(tensor)
        if array is None and len(outputs) == 1:  # of a Constant
            self.values.setdefault(outputs[0], TensorSpec(outputs[0], spec.shape, spec.dtype))
        return array

    def _graphs(self, entry: Message, kind: int, depth: int) -> Any:
        shown = []
        for graph in entry.messages(FIELDS[kind]):
            inputs, outputs = self._graph(graph, depth + 1)
            shown.append({"inputs": inputs, "outputs": outputs})
        if kind == GRAPHS:
            return tuple(shown)
        return shown[-1] if shown else None


def _tensor_type(name: str, entry: Message) -> TensorSpec | None:
    """The type of a value that is a tensor with a known number of axes; None for others."""
    kind = entry.message(2)
    tensor = None if kind is None else kind.message(1)
    shape = None if tensor is None else tensor.message(2)
    if tensor is None or shape is None:
        return None
    sizes = tuple(_axis(axis) for axis in shape.messages(1))
    return TensorSpec(name, sizes, dtype_of(tensor.integer(1)))


def _axis(axis: Message) -> int | None:
    """The size of an axis; None where it is open."""
    size = axis.integer(1, -1)
    return size if size >= 0 else None
