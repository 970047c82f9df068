"""The calls of a .pte program as a graph, read without ExecuTorch.

A part that was lowered for a backend is one node, named after the backend: what is inside is the backend's own, and
shown where that is XNNPACK.
Source of the layout: executorch/schema/program.fbs of ExecuTorch 1.5 (BSD-3).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from edgerun.contract import Graph, Node
from edgerun.errors import ModelUnreadable
from edgerun.tensors import AnyArray, TensorSpec
from edgerun.wire import flatbuffers
from edgerun.wire.flatbuffers import Table
from edgerun_executorch import xnnpack
from edgerun_executorch.program import DELEGATE_CALL, KERNEL_CALL, flatbuffer, operator_names, returned, text
from edgerun_executorch.trial import DTYPES

__all__ = ["read"]

MAX_ENTRIES = 1_000_000
"""Entries of lists that are read of one file; a program of a detector has a few thousand."""

INT, BOOL, DOUBLE, TENSOR, STRING, INTS, TENSORS, OPTIONALS = 2, 3, 4, 5, 6, 7, 10, 11
"""KernelTypes."""
IN_SEGMENT = 1
"""DataLocation of a part's bytes that lie behind the program."""
SCALARS = {INT: "q", BOOL: "?", DOUBLE: "d"}
"""Kind -> its letter in `struct`."""


def read(path: Path) -> Graph:
    """The graph of the method "forward", or of the first that takes an input.

    Values are called as the session calls them where they are inputs or outputs, "value_7" elsewhere. Arguments that
    are not tensors are attributes by their place: {"2": 1.0}.

    Raises:
        ModelUnreadable: the file is damaged.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            base, data = flatbuffer(file, size)
        return _Reader(path, data, base).graph()
    except (ValueError, IndexError, struct.error, OverflowError) as cause:
        raise ModelUnreadable(f"{path} is damaged: {cause}.", hint="copy or export it again") from cause


class _Reader:
    def __init__(self, path: Path, data: bytes, base: int) -> None:
        self.path, self.base, self.size = path, base, path.stat().st_size
        self.root = flatbuffers.root(data)
        self.left = MAX_ENTRIES  # entries that are read in all: tables may share them
        self.plan = _chosen(self.root.tables(1))
        self.evaluated = self.plan.tables(2)
        self.operators = operator_names(self.plan)
        self.backends = [text(entry, 0) for entry in self.plan.tables(7)]
        self.written = set(self.numbers(self.plan, 3))  # values that have their content before the next call
        self.values: dict[str, TensorSpec] = {}
        self.constants: dict[str, AnyArray] = {}
        self.names: dict[int, str] = {}

    def graph(self) -> Graph:
        inputs, outputs = self.side(3, "input"), self.side(4, "output")
        nodes: list[Node] = []
        for chain in self.plan.tables(5):
            for number, instruction in enumerate(chain.tables(2)):
                kind, call = instruction.number(0, "B"), instruction.table(1)
                if kind in (KERNEL_CALL, DELEGATE_CALL) and call is not None:
                    nodes.append(self.node(call, str(number), is_kernel=kind == KERNEL_CALL))
        producer = f"ExecuTorch program, schema {self.root.number(0, 'I')}"
        return Graph(tuple(_without_write_backs(nodes, inputs)), inputs, outputs, self.values, self.constants, producer)

    def side(self, slot: int, word: str) -> tuple[str, ...]:
        """Names of the inputs or outputs that are tensors."""
        names = []
        places = self.numbers(self.plan, slot) if slot == 3 else returned(self.plan)
        for number, place in enumerate(places):
            if self.kind(place) == TENSOR:
                self.names.setdefault(place, f"{word}_{number}")
                names.append(self.name(place))
        return tuple(names)

    def node(self, call: Table, number: str, *, is_kernel: bool) -> Node:
        """A call; a kernel writes its last argument, a backend whatever was not written before."""
        op = self.picked(self.operators if is_kernel else self.backends, call.number(0))
        places = self.numbers(call, 1)
        given = [place for argument in places for place in self.tensors(argument)]
        if is_kernel:
            results = self.tensors(places[-1]) if places else []
        else:
            results = [place for place in given if self.is_fresh(place)]
        inputs = [place for place in dict.fromkeys(given) if place not in results]
        self.written.update(results)
        attributes = dict(self.attributes(places)) if is_kernel else {}
        outputs = tuple(self.name(place) for place in dict.fromkeys(results))
        node = Node(op, number, tuple(map(self.name, inputs)), outputs, attributes, closed=not is_kernel)
        return replace(node, **self.inside(call, places)) if op == xnnpack.BACKEND else node

    def inside(self, call: Table, places: tuple[int, ...]) -> dict[str, Any]:
        """What a part tells that was lowered for XNNPACK, as fields of its node; {} where it cannot be read."""
        arguments = [self.name(place) if self.kind(place) == TENSOR else "" for place in places]
        try:
            blob = self.blob(self.plan.tables(7)[call.number(0)].table(1))
            found = xnnpack.read(blob, self.named, arguments, f"xnnpack_{call.at}")
        except (ValueError, IndexError, KeyError, struct.error, OverflowError):
            return {}
        self.values |= found.values
        self.constants |= found.constants
        return {"inside": found.nodes, "closed": False}

    def blob(self, reference: Table | None) -> xnnpack.Fetch:
        """The bytes of a part, which lie in the program or in a segment behind it."""
        if reference is None:
            raise ValueError("a part has no content")
        number = reference.number(1, "I")
        if reference.number(0, "b") == IN_SEGMENT:
            return self.segment(number)
        content = self.root.tables(3)[number].raw(0)
        return lambda place, count: content[place : place + count]

    def named(self, key: str) -> xnnpack.Fetch:
        """Bytes that the program keeps under a name."""
        return self.segment(self.keys[key])

    @cached_property
    def keys(self) -> dict[str, int]:
        """Name of bytes that the program keeps -> their segment."""
        return {text(entry, 0): entry.number(1, "I") for entry in self.root.tables(7)}

    def segment(self, number: int) -> xnnpack.Fetch:
        segment = self.root.tables(4)[number]
        start, size = self.base + segment.number(0, "Q"), segment.number(1, "Q")

        def fetch(place: int, count: int) -> bytes:
            with self.path.open("rb") as file:
                file.seek(start + place)
                return file.read(max(0, min(count, size - place, self.size - start - place)))

        return fetch

    def tensors(self, place: int) -> list[int]:
        """A tensor, or those of a list."""
        kind, content = self.kind(place), self.value(place).table(1)
        if kind in (TENSORS, OPTIONALS) and content is not None:
            return [item for item in self.numbers(content, 0) if item >= 0 and self.kind(item) == TENSOR]
        return [place] if kind == TENSOR else []

    def attributes(self, places: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
        """The arguments that are not tensors, by their number."""
        for number, place in enumerate(places):
            kind, content = self.kind(place), self.value(place).table(1)
            if content is None:
                continue
            if kind in SCALARS:
                yield str(number), content.number(0, SCALARS[kind])
            elif kind == INTS:
                yield str(number), self.integers(content)
            elif kind == STRING:
                yield str(number), text(content, 0)

    def integers(self, content: Table) -> tuple[int, ...]:
        """The numbers of a list, which are values of their own; those that are not integers are left out."""
        found = []
        for item in self.numbers(content, 0, "q"):
            inner = self.value(item).table(1)
            if self.kind(item) == INT and inner is not None:
                found.append(inner.number(0, "q"))
        return tuple(found)

    # ------------------------------------------------------------------------------------------ values

    def picked(self, entries: list[str], index: int) -> str:
        if not 0 <= index < len(entries):
            raise ValueError(f"it calls operator {index} of {len(entries)}")
        return entries[index]

    def numbers(self, table: Table, slot: int, code: str = "i") -> tuple[int, ...]:
        found = table.numbers(slot, code)
        self.left -= len(found)
        if self.left < 0:
            raise ValueError(f"it holds more than {MAX_ENTRIES} entries")
        return found

    def value(self, place: int) -> Table:
        if not 0 <= place < len(self.evaluated):
            raise ValueError(f"it names value {place} of {len(self.evaluated)}")
        return self.evaluated[place]

    def kind(self, place: int) -> int:
        return int(self.value(place).number(0, "B"))

    def is_fresh(self, place: int) -> bool:
        """Whether a tensor has no content yet."""
        content = self.value(place).table(1)
        return place not in self.written and content is not None and content.number(5, "I") == 0

    def name(self, place: int) -> str:
        """The name of a value, whose type is entered with it."""
        name = self.names.setdefault(place, f"value_{place}")
        content = self.value(place).table(1)
        if name not in self.values and content is not None:
            self.enter(name, content)
        return name

    def enter(self, name: str, content: Table) -> None:
        """Enter the type of a tensor, and its numbers where the file has them."""
        sizes, code = self.numbers(content, 2), content.number(0, "b")
        if any(size < 0 for size in sizes):
            raise ValueError(f"{name} has the impossible sizes {sizes}")
        is_dynamic = content.number(8, "b") != 0
        shape = (None,) * len(sizes) if is_dynamic else sizes
        self.values[name] = TensorSpec(name, shape, DTYPES.get(code, f"type {code}"))
        is_elsewhere = content.table(6) is not None
        if content.number(5, "I") and code in DTYPES and not is_dynamic and not is_elsewhere:
            self.constant(name, content, sizes, DTYPES[code])

    def constant(self, name: str, content: Table, sizes: tuple[int, ...], dtype: str) -> None:
        """Enter the numbers of a small constant."""
        order = content.numbers(3, "B") or tuple(range(len(sizes)))  # axes in memory, the outermost first
        if sorted(order) != list(range(len(sizes))):
            raise ValueError(f"{name} has the impossible order {order}")
        place = self.place(content.number(5, "I"))
        count = math.prod(sizes)
        if place is None or count > Graph.LARGEST_CONSTANT:
            return
        width = count * np.dtype(dtype).itemsize
        with self.path.open("rb") as file:
            file.seek(place)
            stored = file.read(width)
        if len(stored) == width:
            array = np.frombuffer(stored, dtype).reshape([sizes[axis] for axis in order])
            self.constants[name] = array.transpose(np.argsort(order)) if order else array

    def place(self, buffer: int) -> int | None:
        """Where the file holds a buffer of constants; None where it does not."""
        constants, segments = self.root.table(5), self.root.tables(4)
        if constants is None:
            return None
        offsets, number = constants.numbers(1, "Q"), constants.number(0, "I")
        if buffer >= len(offsets) or number >= len(segments):
            return None
        return int(self.base + segments[number].number(0, "Q") + offsets[buffer])


def _without_write_backs(nodes: Sequence[Node], inputs: Sequence[str]) -> list[Node]:
    """The calls that compute: not those that copy the end of a change in place back into an input."""
    last = {name for node in nodes if set(node.outputs) & set(inputs) for name in node.inputs}
    copies = [node for node in nodes if node.op == COPY and last.issuperset(node.outputs)]
    return [node for node in nodes if node not in copies and not set(node.outputs) & set(inputs)]


COPY = "aten::copy.out"
"""The kernel that ExecuTorch puts before it writes an input."""


def _chosen(plans: Sequence[Table]) -> Table:
    """The method "forward", or the first that takes an input."""
    for plan in plans:
        if text(plan, 0) == "forward":
            return plan
    for plan in plans:
        if plan.count(3):
            return plan
    raise ValueError("it has no method that takes an input")
