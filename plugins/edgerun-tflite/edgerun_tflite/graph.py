"""The graph of a .tflite file, read without a runtime.

Source of the numbers of fields: LiteRT's schema.fbs as of ai-edge-litert 2.3 (Apache-2.0).
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edgerun.contract import Graph, Node
from edgerun.errors import ModelUnreadable
from edgerun.tensors import AnyArray, Quantization, TensorSpec
from edgerun.wire import Damaged
from edgerun.wire.flatbuffers import Table
from edgerun_tflite.operators import ACTIVATION, BEYOND_NUMPY, CUSTOM, OPERATORS, OPTIONS, PADDING, TYPES
from edgerun_tflite.schema import verified
from edgerun_tflite.signatures import signature_names

__all__ = ["of_verified", "read"]

MAX_VERSION_BYTES = 64
"""Of the text min_runtime_version."""


def read(path: Path) -> Graph:
    """The graph that runs, with those that it calls after the operator that calls them.

    A graph that is called is shown in the attributes as {"inputs": names, "outputs": names}.

    Raises:
        ModelUnreadable: the file is damaged.
    """
    with _named(path), path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        model = verified(data)
        if model.number(0, "I") != 3 or not model.tables(2):
            raise Damaged("it is not a TFLite model of version 3")
        return _Reader(data, model).graph()


def of_verified(path: Path, data: mmap.mmap, model: Table) -> tuple[Graph, Set[str]]:
    """The same of a file whose content is mapped and verified already, and the values whose numbers the file holds.

    Raises:
        ModelUnreadable: the file is damaged.
    """
    with _named(path):
        reader = _Reader(data, model)
        return reader.graph(), reader.held


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What is wrong with a file, with its name and the next step."""
    try:
        yield
    except (ValueError, IndexError, OverflowError) as cause:  # an empty file cannot be mapped: ValueError
        raise ModelUnreadable(f"{path} is damaged: {cause}.", hint="copy or export it again") from cause


class _Reader:
    def __init__(self, data: Any, model: Table) -> None:
        self.data, self.model = data, model
        self.left = 4 * len(data) + 4096  # tables may share what they point to; a model reads each byte about once
        self.codes = [self.code(entry) for entry in model.tables(1)]
        self.buffers, self.graphs = model.tables(4), model.tables(2)
        self.names: dict[int, list[str]] = {}
        self.nodes: list[Node] = []
        self.values: dict[str, TensorSpec] = {}
        self.constants: dict[str, AnyArray] = {}
        self.held: set[str] = set()
        self.options: dict[str, Callable[[Table, int], Any]] = {
            "padding": lambda options, slot: _word(PADDING, options.number(slot, "b")),
            "activation": lambda options, slot: _word(ACTIVATION, options.number(slot, "b")),
            "type": lambda options, slot: _word(TYPES, options.number(slot, "b")),
            "graph": self.called,
            "list": self.numbers,
        }

    def graph(self) -> Graph:
        inputs, outputs = self.subgraph(0)
        producer = self.model.text(3) if self.spend(self.model, 3) else ""
        version = self.version()
        opset = f"TFLite {version}" if version else ""
        return Graph(tuple(self.nodes), inputs, outputs, self.values, self.constants, producer, opset)

    def version(self) -> str:
        """The first TensorFlow Lite that runs the file, as its converter noted; "" where it did not."""
        places = {entry.text(0): entry.number(1, "I") for entry in self.model.tables(6)}
        if "min_runtime_version" not in places:
            return ""
        content = self.content(places["min_runtime_version"])[:MAX_VERSION_BYTES]
        return content.rstrip(b"\0").decode("utf-8", "replace")

    # ------------------------------------------------------------------------------------------ bounds

    def spend(self, table: Table, slot: int, width: int = 1) -> int:
        """Entries of a vector that is about to be read."""
        count = table.count(slot)
        self.left -= count * width
        if self.left < 0:
            raise Damaged("its tables share so much that it has no end")
        return count

    def text(self, table: Table, slot: int) -> str:
        return table.text(slot) if self.spend(table, slot) else ""

    def numbers(self, table: Table, slot: int) -> tuple[int, ...]:
        return table.numbers(slot) if self.spend(table, slot, 4) else ()

    def content(self, place: int) -> bytes:
        """Bytes of a buffer; those of large files lie behind the FlatBuffer."""
        if place >= len(self.buffers):
            raise Damaged(f"there is no buffer {place}")
        buffer = self.buffers[place]
        start, size = buffer.number(1, "Q"), buffer.number(2, "Q")
        if start <= 1:
            return buffer.raw(0) if self.spend(buffer, 0) else b""
        if start + size > len(self.data):
            raise Damaged(f"buffer {place} leads out of the file")
        self.left -= size
        return bytes(self.data[start : start + size]) if self.left >= 0 else b""

    # ------------------------------------------------------------------------------------------ graphs

    def subgraph(self, place: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of inputs and outputs; the rest goes to nodes, values and constants, once."""
        if not 0 <= place < len(self.graphs):
            raise Damaged(f"there is no graph {place}")
        graph = self.graphs[place]
        is_new = place not in self.names
        if is_new:
            tensors = graph.tables(0)
            self.names[place] = names = self.named(place, tensors)
            for tensor, name in zip(tensors, names, strict=True):
                self.tensor(name, tensor)
        sides = self.looked_up(place, graph, 1), self.looked_up(place, graph, 2)
        if is_new:
            for operator in graph.tables(3):
                self.operator(place, operator)
        return sides

    def named(self, place: int, tensors: Sequence[Table]) -> list[str]:
        """Each tensor's name, made unique; inputs and outputs are called as the session calls them."""
        chosen = {**signature_names(self.model, 1), **signature_names(self.model, 0)} if place == 0 else {}
        taken = {*chosen.values(), *self.values}
        names = []
        for index, tensor in enumerate(tensors):
            name = chosen.get(index) or self.unique(self.text(tensor, 3) or "tensor", index, place, taken)
            taken.add(name)
            names.append(name)
        return names

    def unique(self, name: str, index: int, place: int, taken: set[str]) -> str:
        """A name that no other tensor has."""
        if name not in taken:
            return name
        numbered = f"{name}#{index}"
        return numbered if numbered not in taken else f"{name}#{place}:{index}"

    def looked_up(self, place: int, table: Table, slot: int) -> tuple[str, ...]:
        """Names of the tensors that a vector lists; "" for one that is left out, which is -1."""
        names, indices = self.names[place], self.numbers(table, slot)
        if indices and not -1 <= min(indices) <= max(indices) < len(names):
            raise Damaged("an operator names a tensor that there is not")
        return tuple(["" if index < 0 else names[index] for index in indices])

    # ------------------------------------------------------------------------------------------ tensors

    def tensor(self, name: str, tensor: Table) -> None:
        signature, stored = self.numbers(tensor, 7), self.numbers(tensor, 0)
        sizes = signature if len(signature) == len(stored) else stored
        kind = tensor.number(1, "b")
        is_known = 0 <= kind < len(TYPES)
        dtype = TYPES[kind] if is_known else f"type {kind}"
        is_held = self.is_held(tensor)
        if sizes or tensor.number(8, "B") or is_held:  # else the number of axes is not known
            shape = tuple(None if size < 0 else size for size in sizes)
            self.values[name] = TensorSpec(name, shape, dtype, self.quantization(tensor, dtype))
        is_sparse = tensor.table(6) is not None
        if is_held and not is_sparse:
            self.held.add(name)
        if is_known and kind not in BEYOND_NUMPY and not is_sparse:
            self.constant(name, tensor, stored, dtype)

    def constant(self, name: str, tensor: Table, sizes: Sequence[int], dtype: str) -> None:
        """Enter the numbers of a tensor, where it has some, and few."""
        count = math.prod(sizes)
        if not 0 < count <= Graph.LARGEST_CONSTANT:
            return
        content = self.content(tensor.number(2, "I"))
        if not content:
            return
        if len(content) != count * np.dtype(dtype).itemsize:
            raise Damaged(f"the tensor {name!r} of {count} numbers does not hold as many")
        numbers = np.frombuffer(content, np.dtype(dtype).newbyteorder("<"))
        self.constants[name] = np.array(numbers, np.dtype(dtype)).reshape(sizes)

    def is_held(self, tensor: Table) -> bool:
        """Whether a buffer holds the numbers of a tensor."""
        place = tensor.number(2, "I")
        if not 0 < place < len(self.buffers):
            return False
        buffer = self.buffers[place]
        return bool(buffer.count(0) or buffer.number(2, "Q"))

    def quantization(self, tensor: Table, dtype: str) -> Quantization | None:
        found = tensor.table(4)
        if found is None:
            return None
        count = self.spend(found, 2, 12)
        if not count or "int" not in dtype or found.count(3) != count:
            return None
        scales, zeros = found.numbers(2, "f"), found.numbers(3, "q")
        return Quantization(scales, zeros, found.number(6, "i")) if min(scales) > 0 else None

    # ------------------------------------------------------------------------------------------ operators

    def code(self, entry: Table) -> str:
        number = max(entry.number(0, "b"), entry.number(3, "i"))
        if number == CUSTOM:
            return self.text(entry, 1) or "CUSTOM"
        return OPERATORS[number] if 0 <= number < len(OPERATORS) else f"operator {number}"

    def operator(self, place: int, operator: Table) -> None:
        code = operator.number(0, "I")
        if code >= len(self.codes):
            raise Damaged(f"there is no kind of operator {code}")
        inputs, outputs = self.looked_up(place, operator, 1), self.looked_up(place, operator, 2)
        at = len(self.nodes)
        attributes = dict(self.attributes(operator))
        # before the graphs that it calls, which were read with the attributes
        self.nodes.insert(at, Node(self.codes[code], "", inputs, outputs, attributes))

    def attributes(self, operator: Table) -> Iterator[tuple[str, Any]]:
        fields, options = OPTIONS.get(operator.number(3, "B")), operator.table(4)
        if fields is None or options is None:
            return
        for slot, field in enumerate(fields):
            if field.kind in self.options:
                yield field.name, self.options[field.kind](options, slot)
            elif field.kind:
                yield field.name, options.number(slot, field.kind, field.default)

    def called(self, options: Table, slot: int) -> dict[str, tuple[str, ...]]:
        inputs, outputs = self.subgraph(options.number(slot, "i"))
        return {"inputs": inputs, "outputs": outputs}


def _word(words: Sequence[str], number: int) -> str | int:
    """The name of a number; the number itself where it has none."""
    return words[number] if 0 <= number < len(words) else number
