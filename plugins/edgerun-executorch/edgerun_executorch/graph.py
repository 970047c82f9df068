"""The calls of a .pte program as a graph, read without ExecuTorch.

A part that was lowered for a backend is one node, named after the backend: what is inside is the backend's own.
Source of the layout: executorch/schema/program.fbs of ExecuTorch 1.5 (BSD-3).
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from edgerun.contract import Graph, Node
from edgerun.errors import ModelUnreadable
from edgerun.tensors import AnyArray, TensorSpec
from edgerun_executorch.program import LARGEST_COUNT, Table, flatbuffer, unpack
from edgerun_executorch.trial import DTYPES

__all__ = ["read"]

INT, BOOL, DOUBLE, TENSOR, STRING, INTS, TENSORS, OPTIONALS = 2, 3, 4, 5, 6, 7, 10, 11
"""KernelTypes."""
SCALARS = {INT: "q", BOOL: "?", DOUBLE: "d"}


def read(path: Path) -> Graph:
    """The graph of the method "forward", or of the first that takes an input.

    Values are called as the session calls them where they are inputs or outputs, "value_7" elsewhere. Arguments that
    are no tensors are attributes by their place: {"2": 1.0}.

    Raises:
        ModelUnreadable: the file is damaged.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            base, data = flatbuffer(file, size)
        reader = _Reader(path, data, base)
        return reader.graph()
    except (ValueError, IndexError, struct.error, OverflowError) as cause:
        raise ModelUnreadable(f"{path} is damaged: {cause}.", hint="copy or export it again") from cause


class _Reader:
    def __init__(self, path: Path, data: bytes, base: int) -> None:
        self.path, self.base = path, base
        self.root = Table(data, unpack("<I", data, 0))
        self.left = LARGEST_COUNT  # entries that are read in all: tables may share them
        plans = list(self.root.tables(1))
        chosen = [plan for plan in plans if plan.text(0) == "forward"] or [
            plan for plan in plans if plan.numbers(3, "i")
        ]
        if not chosen:
            raise ValueError("it has no method that takes an input")
        self.plan = chosen[0]
        self.evaluated = list(self.plan.tables(2))
        self.values: dict[str, TensorSpec] = {}
        self.constants: dict[str, AnyArray] = {}
        self.names: dict[int, str] = {}

    def graph(self) -> Graph:
        sides = []
        for slot, word in ((3, "input"), (4, "output")):
            places = self.numbers(self.plan, slot)
            tensors = [(number, place) for number, place in enumerate(places) if self.kind(place) == TENSOR]
            for number, place in tensors:
                self.names.setdefault(place, f"{word}_{number}")
            sides.append(tuple(self.name(place) for _, place in tensors))
        nodes = self.nodes(set(self.numbers(self.plan, 3)))
        producer = f"ExecuTorch program, schema {self.root.number(0, 'I')}"
        return Graph(nodes, sides[0], sides[1], self.values, self.constants, producer)

    def nodes(self, written: set[int]) -> tuple[Node, ...]:
        operators = [f"{entry.text(0)}.{entry.text(1)}".rstrip(".") for entry in self.plan.tables(6)]
        backends = [entry.text(0) for entry in self.plan.tables(7)]
        found = []
        for chain in self.plan.tables(5):
            for number, instruction in enumerate(chain.tables(2)):
                kind, call = instruction.number(0, "B"), instruction.table(1)
                if kind not in (1, 2) or call is None:  # KernelCall, DelegateCall
                    continue
                index = call.number(0, "i")
                op = self.picked(operators if kind == 1 else backends, index)
                places = self.numbers(call, 1)
                given = [place for argument in places for place in self.tensors(argument)]
                # a kernel writes its last argument; a backend, what nobody wrote before it
                fresh = [place for place in given if self.fresh(place, written)]
                results = fresh if kind == 2 else self.tensors(places[-1]) if places else []
                inputs = [place for place in dict.fromkeys(given) if place not in results]
                written.update(results)
                attributes = {} if kind == 2 else dict(self.attributes(places))
                outputs = tuple(self.name(place) for place in dict.fromkeys(results))
                found.append(Node(op, str(number), tuple(map(self.name, inputs)), outputs, attributes))
        return tuple(found)

    def tensors(self, place: int) -> list[int]:
        """A tensor, or those of a list."""
        kind, content = self.kind(place), self.value(place).table(1)
        if kind in (TENSORS, OPTIONALS) and content is not None:
            return [item for item in self.numbers(content, 0) if item >= 0 and self.kind(item) == TENSOR]
        return [place] if kind == TENSOR else []

    def attributes(self, places: tuple[int, ...]) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        for number, place in enumerate(places):
            kind, content = self.kind(place), self.value(place).table(1)
            if kind in SCALARS and content is not None:
                found.append((str(number), content.number(0, SCALARS[kind])))
            elif kind == INTS and content is not None:
                items = [self.value(item) for item in self.numbers(content, 0, "q")]
                inner = [item.table(1) for item in items if item.number(0, "B") == INT]
                found.append((str(number), tuple(entry.number(0, "q") for entry in inner if entry is not None)))
            elif kind == STRING and content is not None:
                found.append((str(number), content.text(0)))
        return found

    # ------------------------------------------------------------------------------------------ values

    def picked(self, entries: list[str], index: int) -> str:
        if not 0 <= index < len(entries):
            raise ValueError(f"it calls operator {index} of {len(entries)}")
        return entries[index]

    def numbers(self, table: Table, slot: int, code: str = "i") -> tuple[int, ...]:
        found = table.numbers(slot, code)
        self.left -= len(found)
        if self.left < 0:
            raise ValueError(f"it holds more than {LARGEST_COUNT} entries")
        return found

    def value(self, place: int) -> Table:
        if not 0 <= place < len(self.evaluated):
            raise ValueError(f"it names value {place} of {len(self.evaluated)}")
        return self.evaluated[place]

    def kind(self, place: int) -> int:
        return self.value(place).number(0, "B")

    def fresh(self, place: int, written: set[int]) -> bool:
        content = self.value(place).table(1)
        return place not in written and content is not None and content.number(5, "I") == 0

    def name(self, place: int) -> str:
        name = self.names.setdefault(place, f"value_{place}")
        content = self.value(place).table(1)
        if name not in self.values and content is not None:
            sizes, code = self.numbers(content, 2), content.number(0, "b")
            if any(size < 0 for size in sizes):
                raise ValueError(f"value {place} has the impossible sizes {sizes}")
            dynamic = content.number(8, "b") != 0
            shape = (None,) * len(sizes) if dynamic else sizes
            self.values[name] = TensorSpec(name, shape, DTYPES.get(code, f"type {code}"))
            buffer = content.number(5, "I")
            if buffer and not dynamic and content.table(6) is None and code in DTYPES:
                order = content.numbers(3, "B") or tuple(range(len(sizes)))
                if sorted(order) != list(range(len(sizes))):
                    raise ValueError(f"value {place} has the impossible order {order}")
                self.constant(name, buffer, sizes, order, DTYPES[code])
        return name

    def constant(self, name: str, buffer: int, sizes: tuple[int, ...], order: tuple[int, ...], dtype: str) -> None:
        """Enter the numbers of a small constant; `order` is that of its axes in memory, outermost first."""
        count = math.prod(sizes)
        width = count * np.dtype(dtype).itemsize
        segment, segments = self.root.table(5), list(self.root.tables(4))
        if count > Graph.LARGEST_CONSTANT or segment is None:
            return
        offsets = segment.numbers(1, "Q")
        place = segment.number(0, "I")
        if buffer >= len(offsets) or place >= len(segments):
            return
        with self.path.open("rb") as file:
            file.seek(self.base + segments[place].number(0, "Q") + offsets[buffer])
            content = file.read(width)
        if len(content) == width:
            stored = np.frombuffer(content, dtype).reshape([sizes[axis] for axis in order])
            self.constants[name] = stored.transpose(np.argsort(order)) if order else stored
