"""The graph of an .onnx file, read without any package of ONNX's: a bounded reader of protobuf's wire format.

Source of the wire format: https://protobuf.dev/programming-guides/encoding, and of the numbers of fields: onnx.proto of
ONNX 1.23 (Apache-2.0). Weights outside of the file are not opened.
"""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from edgerun.contract import Graph, Need, Node
from edgerun.errors import ModelUnreadable
from edgerun.tensors import AnyArray, TensorSpec

__all__ = ["needs", "read"]

LARGEST_COUNT = 5_000_000
"""Fields that are read in one file; a detector has some twenty thousand."""
LARGEST_NODES = 500_000
"""Operators of one file, functions written out."""
DEEPEST = 32
"""Branches, loops and functions within each other."""

Message: TypeAlias = dict[int, list[Any]]
"""Number of a field -> what stands there, in the order of the file: an int, or the slice of the file that holds it."""

DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16",
    17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2", 20: "float8e5m2fnuz", 21: "uint4", 22: "int4",
    23: "float4e2m1", 24: "float8e8m0", 25: "uint2", 26: "int2",
}  # fmt: skip
"""TensorProto.DataType."""
BEYOND_NUMPY = range(16, 27)
"""Types whose arrays are left out, as texts are."""


class _Damaged(ValueError):
    """A length leads out of the message that it is in, or there is no end."""


def read(path: Path) -> Graph:
    """The graph, with branches and loops after the operator that they belong to.

    A graph that is an attribute is shown there as {"inputs": names, "outputs": names}.

    Raises:
        ModelUnreadable: the file is damaged, or is an .ort file.
    """
    with _mapped(path) as data:
        if data[4:8] == b"ORTM":
            raise ModelUnreadable(
                f"The graph of {path} cannot be read: it is in ONNX Runtime's own format.",
                hint="pass the .onnx file that it was made from",
            )
        return _Reader(data).model()


SINCE_OPSET = {
    8: "0.2", 9: "0.3", 10: "0.4", 11: "1.0", 12: "1.3", 13: "1.6", 14: "1.8", 15: "1.9", 16: "1.11", 17: "1.12",
    18: "1.14", 19: "1.15", 20: "1.17", 21: "1.18",
}  # fmt: skip
"""Opset of ai.onnx -> the first ONNX Runtime with it. Source: https://onnxruntime.ai/docs/reference/compatibility.html"""
SINCE_IR = {6: "1.0", 7: "1.3", 8: "1.9", 9: "1.16", 10: "1.18"}
"""IR version -> the first ONNX Runtime with it; the same source."""
TOLD = "1.20"
"""The last ONNX Runtime that the two tables know."""


def needs(path: Path) -> list[Need]:
    """The first ONNX Runtime that reads the file, and operators that somebody must bring; [] for .ort files.

    Raises:
        ModelUnreadable: the file is damaged.
    """
    with _mapped(path) as data:
        if data[4:8] == b"ORTM":
            return []
        reader = _Reader(data)
        graph = reader.model()
        model = reader.message(slice(0, len(data)))
        versions = {reader.text(entry, 1) or "ai.onnx": reader.integer(entry, 2) for entry in reader.messages(model, 8)}
        opset, ir = versions.get("ai.onnx", 0), reader.integer(model, 1)
    asked = [(_since(opset, SINCE_OPSET), f"opset {opset}"), (_since(ir, SINCE_IR), f"IR version {ir}")]
    latest = max(asked, key=lambda entry: entry[0])[0]
    told = []
    if latest[0]:
        word = f"ONNX Runtime {'after ' if latest[2] else ''}{latest[0]}.{latest[1]}"
        told.append(Need(word, " and ".join(why for since, why in asked if since == latest)))
    foreign = Counter(node.op for node in graph.nodes if node.op.rpartition(".")[0] not in DOMAINS)
    if foreign:
        shown = ", ".join(f"{count} × {op}" for op, count in sorted(foreign.items())[:4])
        told.append(Need("a library of custom operators", shown))
    return told


DOMAINS = {"", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft", "com.microsoft.nchwc"}
DOMAINS |= {"com.ms.internal.nhwc", "com.microsoft.experimental"}
"""Of operators that ONNX Runtime brings."""


def _since(version: int, table: dict[int, str]) -> tuple[int, int, bool]:
    """Major, minor, and whether it came after that one."""
    late = version > max(table)
    major, _, minor = (TOLD if late else table.get(version, "0.0")).partition(".")
    return int(major), int(minor), late


@contextmanager
def _mapped(path: Path) -> Iterator[Any]:
    """The bytes of a file; what goes wrong while they are read is a damaged file."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
    except (ValueError, struct.error, OverflowError) as cause:  # an empty file cannot be mapped: ValueError
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


class _Reader:
    def __init__(self, data: Any) -> None:
        self.data = data
        self.budget = LARGEST_COUNT
        self.nodes: list[Node] = []
        self.values: dict[str, TensorSpec] = {}
        self.constants: dict[str, AnyArray] = {}
        self.functions: dict[str, Message] = {}
        self.within: _Call | None = None

    # ------------------------------------------------------------------------------------------ the wire

    def varint(self, at: int, end: int) -> tuple[int, int]:
        number = shift = 0
        while True:
            if at >= end or shift > 63:
                raise _Damaged(f"the number at byte {at} does not end")
            byte = self.data[at]
            number |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return number & (1 << 64) - 1, at

    def message(self, place: slice) -> Message:
        found: Message = {}
        at, end = place.start, place.stop
        while at < end:
            self.budget -= 1
            if self.budget < 0:
                raise _Damaged(f"it holds more than {LARGEST_COUNT} fields")
            key, at = self.varint(at, end)
            value: int | slice | None = None
            wire = key & 7
            if wire == 0:
                value, at = self.varint(at, end)
            elif wire in (1, 2, 5):
                size = 8 if wire == 1 else 4
                if wire == 2:
                    size, at = self.varint(at, end)
                value, at = slice(at, at + size), at + size
            if value is None or at > end:
                raise _Damaged(f"field {key >> 3} before byte {at} does not fit where it stands")
            found.setdefault(key >> 3, []).append(value)
        return found

    def messages(self, message: Message, number: int) -> list[Message]:
        return [self.message(_slice(place)) for place in message.get(number, ())]

    def single(self, message: Message, number: int) -> Message | None:
        places = message.get(number)
        return self.message(_slice(places[-1])) if places else None

    def raw(self, message: Message, number: int) -> bytes:
        return bytes(self.data[_slice(message[number][-1])]) if number in message else b""

    def text(self, message: Message, number: int) -> str:
        return self.raw(message, number).decode("utf-8", "replace")

    def texts(self, message: Message, number: int) -> tuple[str, ...]:
        return tuple(bytes(self.data[_slice(place)]).decode("utf-8", "replace") for place in message.get(number, ()))

    def integers(self, message: Message, number: int, most: int) -> list[int] | None:
        """Signed numbers, packed or one by one; None where there are more than `most`."""
        found: list[int] = []
        for entry in message.get(number, ()):
            if isinstance(entry, int):
                found.append(entry)
                continue
            at = entry.start
            while at < entry.stop and len(found) <= most:
                value, at = self.varint(at, entry.stop)
                found.append(value)
        return None if len(found) > most else [value - (1 << 64) if value >> 63 else value for value in found]

    def integer(self, message: Message, number: int) -> int:
        value = message.get(number, [0])[-1]
        if not isinstance(value, int):
            raise _Damaged(f"field {number} is no number")
        return value - (1 << 64) if value >> 63 else value

    def reals(self, message: Message, number: int, dtype: str, most: int) -> AnyArray | None:
        """Numbers of fixed width, packed or one by one; None where there are more than `most`."""
        places = [_slice(place) for place in message.get(number, ())]
        if sum(place.stop - place.start for place in places) > most * np.dtype(dtype).itemsize:
            return None
        return np.frombuffer(b"".join(self.data[place] for place in places), dtype)

    # ------------------------------------------------------------------------------------------ the model

    def model(self) -> Graph:
        model = self.message(slice(0, len(self.data)))
        graph = self.single(model, 7)
        if graph is None:
            raise _Damaged("it holds no graph")
        for function in self.messages(model, 25):
            self.functions[f"{self.text(function, 10)}.{self.text(function, 1)}"] = function
        inputs, outputs = self.graph(graph, 0)
        versions = {self.text(entry, 1) or "ai.onnx": self.integer(entry, 2) for entry in self.messages(model, 8)}
        versions = {name: versions[name] for name in sorted(versions, key=lambda name: (name != "ai.onnx", name))}
        opset = ", ".join(f"{name} {version}" for name, version in versions.items())
        producer = f"{self.text(model, 2)} {self.text(model, 3)}".strip()
        return Graph(tuple(self.nodes), inputs, outputs, self.values, self.constants, producer, opset)

    def graph(self, graph: Message, depth: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of inputs and outputs; the rest goes to nodes, values and constants."""
        if depth > DEEPEST:
            raise _Damaged(f"it holds more than {DEEPEST} graphs within each other")
        sides: dict[int, list[str]] = {11: [], 12: [], 13: []}
        for number, names in sides.items():
            for entry in self.messages(graph, number):
                names.append(self.called(self.text(entry, 1)))
                self.type(names[-1], entry)
        weights = {self.tensor(entry) for entry in self.messages(graph, 5)}
        weights |= {self.tensor(value, entry) for entry in self.messages(graph, 15) if (value := self.single(entry, 1))}
        for node in self.messages(graph, 1):
            self.node(node, depth)
        inputs = (name for name in sides[11] if name not in weights)  # until IR version 4 weights are inputs too
        return tuple(inputs), tuple(sides[12])

    def type(self, name: str, entry: Message) -> None:
        """Of a value that is a tensor with a known number of axes."""
        kind = self.single(entry, 2)
        tensor = kind and self.single(kind, 1)
        shape = tensor and self.single(tensor, 2)
        if not tensor or shape is None:
            return
        sizes = []
        for axis in self.messages(shape, 1):
            size = self.integer(axis, 1) if 1 in axis else -1
            sizes.append(size if size >= 0 else None)
        code = self.integer(tensor, 1)
        self.values[name] = TensorSpec(name, tuple(sizes), DTYPES.get(code, f"type {code}"))

    def called(self, name: str) -> str:
        """A value's name: that of the file, but for values of functions, which may be called several times."""
        call = self.within
        if call is None or not name:
            return name
        return call.names.get(name, f"{call.prefix}/{name}")

    def node(self, node: Message, depth: int) -> None:
        """Enter an operator; a function of the file is written out, as ONNX Runtime does."""
        domain, kind = self.text(node, 7), self.text(node, 4)
        kind = kind if domain in ("", "ai.onnx") else f"{domain}.{kind}"
        inputs, outputs = (tuple(map(self.called, self.texts(node, number))) for number in (1, 2))
        place = len(self.nodes)
        if place >= LARGEST_NODES:
            raise _Damaged(f"it holds more than {LARGEST_NODES} operators")
        if kind in self.functions:
            self.call(self.functions[kind], node, inputs, outputs, depth + 1)
            return
        attributes: dict[str, Any] = {}
        for entry in self.messages(node, 5):
            value = self.attribute(entry, outputs, depth)
            if value is not None:
                attributes[self.text(entry, 1)] = value
        if kind == "Constant" and len(outputs) == 1:
            for value in attributes.values():
                array = np.asarray(value, np.float32 if isinstance(_first(value), float) else None)
                if array.dtype.kind in "biufc":
                    self.constants[outputs[0]] = array
                    self.values[outputs[0]] = TensorSpec(outputs[0], array.shape, array.dtype.name)
        # before the branches, which were read with the attributes
        self.nodes.insert(place, Node(kind, self.text(node, 3), inputs, outputs, attributes))

    def call(self, function: Message, node: Message, inputs: Sequence[str], outputs: Sequence[str], depth: int) -> None:
        if depth > DEEPEST:
            raise _Damaged(f"it holds functions that call each other more than {DEEPEST} deep")
        prefix = f"{self.text(node, 3) or self.text(node, 4)}#{len(self.nodes)}"
        names = dict(zip_longest(self.texts(function, 4)[: len(inputs)], inputs, fillvalue=""))
        # an output that the caller does not want has a name of its own
        names |= {inner: outer for inner, outer in zip(self.texts(function, 5), outputs, strict=False) if outer}
        given = [*self.messages(function, 11), *(self.bound(entry) for entry in self.messages(node, 5))]
        attributes = {self.text(entry, 1): entry for entry in given}
        outside, self.within = self.within, _Call(prefix, names, attributes)
        for inner in self.messages(function, 7):
            self.node(inner, depth)
        self.within = outside

    def bound(self, entry: Message) -> Message:
        """An attribute that refers to one of the function that is being written out, under its own name."""
        reference = self.text(entry, 21)
        found = self.within.attributes.get(reference) if self.within is not None and reference else None
        return entry if found is None else {**found, 1: entry.get(1, [])}

    def attribute(self, entry: Message, outputs: Sequence[str], depth: int) -> Any:
        """A plain value; None for what is large or of no use here."""
        entry = self.bound(entry)
        kind, most = self.integer(entry, 20), Graph.LARGEST_CONSTANT
        if not kind:  # old files do not say
            kind = next((kind for kind, number in _ATTRIBUTES.items() if number in entry), 0)
        number = _ATTRIBUTES.get(kind, 0)
        if kind in (1, 6):  # float, floats
            reals = self.reals(entry, number, "<f4", most)
            if reals is None:
                return None
            return tuple(reals.tolist()) if kind == 6 else float(reals[-1]) if len(reals) else 0.0
        if kind == 2:
            return self.integer(entry, number)
        if kind == 7:
            whole = self.integers(entry, number, most)
            return None if whole is None else tuple(whole)
        if kind == 3:
            text = _slice(entry.get(number, [slice(0, 0)])[-1])
            return self.text(entry, number) if text.stop - text.start <= most else None
        if kind == 8 and len(entry.get(number, ())) <= most:
            return self.texts(entry, number)
        if kind == 4 and (tensor := self.single(entry, number)) is not None:
            spec, array = self.array(tensor)
            if array is None and len(outputs) == 1:  # of a Constant
                self.values.setdefault(outputs[0], TensorSpec(outputs[0], spec.shape, spec.dtype))
            return array
        if kind in (5, 10):
            sides = [self.graph(graph, depth + 1) for graph in self.messages(entry, number)]
            shown = [{"inputs": inputs, "outputs": results} for inputs, results in sides]
            return tuple(shown) if kind == 10 else shown[-1] if shown else None
        return None

    def tensor(self, tensor: Message, sparse: Message | None = None) -> str:
        """Enter a weight; gives its name."""
        spec, array = self.array(tensor)
        if sparse is not None:
            shape = tuple(self.integers(sparse, 3, DEEPEST) or ())
            spec, array = TensorSpec(spec.name, shape, spec.dtype), None
        self.values[spec.name] = spec
        if array is not None:
            self.constants[spec.name] = array
        return spec.name

    def array(self, tensor: Message) -> tuple[TensorSpec, AnyArray | None]:
        """A tensor, and its numbers where they are few and stand in this file."""
        sizes, code = self.integers(tensor, 1, DEEPEST), self.integer(tensor, 2)
        if sizes is None or any(size < 0 for size in sizes):
            raise _Damaged(f"the weight {self.text(tensor, 8)!r} has an impossible shape")
        spec = TensorSpec(self.called(self.text(tensor, 8)), tuple(sizes), DTYPES.get(code, f"type {code}"))
        count = 1
        for size in sizes:
            count *= size
        absent = self.integer(tensor, 14) == 1 or not any(number in tensor for number in (4, 5, 7, 9, 10, 11))
        if count > Graph.LARGEST_CONSTANT or code not in DTYPES or code in BEYOND_NUMPY or code == 8:
            return spec, None
        if absent and count:
            return spec, None
        dtype = np.dtype(spec.dtype).newbyteorder("<")
        if 9 in tensor:
            numbers: AnyArray | None = self.reals(tensor, 9, dtype.str, count)
        elif code in (1, 14):
            numbers = self.reals(tensor, 4, dtype.str, count)
        elif code in (11, 15):
            numbers = self.reals(tensor, 10, dtype.str, count)
        else:
            whole = self.integers(tensor, {7: 7, 12: 11, 13: 11}.get(code, 5), count)
            kept = np.array([value & (1 << 64) - 1 for value in whole or ()], np.uint64)
            numbers = kept.astype(np.uint16).view(dtype) if code == 10 else kept.astype(dtype)
        if numbers is None or numbers.size != count:
            raise _Damaged(f"the weight {spec.name!r} of {count} numbers does not hold as many")
        return spec, np.array(numbers, np.dtype(spec.dtype)).reshape(sizes)


_ATTRIBUTES = {1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 7: 8, 8: 9, 10: 11}
"""AttributeProto.AttributeType -> the field that holds it: float, int, string, tensor, graph, and lists of them."""


def _slice(place: Any) -> slice:
    if not isinstance(place, slice):
        raise _Damaged(f"there is the number {place} where a text or a table is due")
    return place


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and value else value
