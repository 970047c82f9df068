"""What a .pte file says of itself, read in Python with every step checked against the file's size.

ExecuTorch's binding tells neither the order of a tensor's dimensions in memory, nor which backends and operators a
program uses, nor which sizes are upper bounds; all of that stands in the flatbuffer.
Source of the layout: executorch/schema/program.fbs and extended_header.h of ExecuTorch 1.5 (BSD-3).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edgerun_executorch.trial import DTYPES

__all__ = ["Call", "Method", "Table", "Tensor", "flatbuffer", "read", "unpack"]

LARGEST_COUNT = 1_000_000
"""Entries of a vector; a program of a detector has a few thousand."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output.

    Attributes:
        sizes: of each dimension; upper bounds where `dynamic`.
        dtype: numpy's name.
        order: dimensions from the outermost to the innermost in memory.
        dynamic: whether a run may have smaller sizes.
    """

    sizes: tuple[int, ...]
    dtype: str
    order: tuple[int, ...]
    dynamic: bool


@dataclass(frozen=True, slots=True)
class Call:
    """An instruction that computes.

    Attributes:
        chain, number: its place in the method.
        backend: "" for a kernel of the runtime's own.
        operator: "aten::sum.IntList_out"; "subgraph" for what a backend computes as one.
        shape: of its last argument, which is where the result goes, with upper bounds where it is `dynamic`; None where
            that is no tensor.
    """

    chain: int
    number: int
    backend: str
    operator: str
    shape: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Method:
    """One entry point.

    Attributes:
        name: "forward" for the network.
        inputs, outputs: None for what is no tensor.
        calls: of kernels and of backends, in the order of the file.
    """

    name: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor | None, ...]
    calls: tuple[Call, ...]


class Table:
    """A table of a flatbuffer; a step outside the buffer raises struct.error or ValueError."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._vtable = at - struct.unpack_from("<i", data, at)[0]
        self._slots = (unpack("<H", data, self._vtable) - 4) // 2

    def number(self, slot: int, code: str, default: int = 0) -> int:
        """A scalar; `code` is its letter in `struct`."""
        at = self._field(slot)
        return default if at is None else unpack("<" + code, self._data, at)

    def table(self, slot: int) -> Table | None:
        """A table; None where it is left out."""
        at = self._field(slot)
        return None if at is None else Table(self._data, at + unpack("<I", self._data, at))

    def text(self, slot: int) -> str:
        """A text; "" where it is left out."""
        return bytes(self.numbers(slot, "B")).decode("utf-8")

    def numbers(self, slot: int, code: str) -> tuple[int, ...]:
        """A list of scalars; () where it is left out."""
        start, count = self._vector(slot, struct.calcsize("<" + code))
        return struct.unpack_from(f"<{count}{code}", self._data, start) if count else ()

    def tables(self, slot: int) -> Iterator[Table]:
        """A list of tables; nothing where it is left out."""
        start, count = self._vector(slot, 4)
        for at in range(start, start + 4 * count, 4):
            yield Table(self._data, at + unpack("<I", self._data, at))

    def _field(self, slot: int) -> int | None:
        offset = unpack("<H", self._data, self._vtable + 4 + 2 * slot) if slot < self._slots else 0
        return self._at + offset if offset else None

    def _vector(self, slot: int, size: int) -> tuple[int, int]:
        at = self._field(slot)
        if at is None:
            return 0, 0
        at += unpack("<I", self._data, at)
        count = unpack("<I", self._data, at)
        if count > LARGEST_COUNT or at + 4 + count * size > len(self._data):
            raise ValueError(f"a list of {count} entries does not fit into it")
        return at + 4, count


def unpack(code: str, data: bytes, at: int) -> int:
    """An integer; raises struct.error or ValueError for one that lies outside."""
    if at < 0:
        raise ValueError("an offset leads out of it")
    value: int = struct.unpack_from(code, data, at)[0]
    return value


def read(path: Path) -> list[Method]:
    """The methods of a program.

    Raises:
        ValueError: the file is truncated or damaged; the message says where that shows.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            base, data = flatbuffer(file, size)
        return _read(data, base, size)
    except (struct.error, UnicodeDecodeError, IndexError) as cause:
        raise ValueError(f"the program is damaged: {cause}") from None


def flatbuffer(file: BinaryIO, size: int) -> tuple[int, bytes]:
    """Where the segments begin, and the part of the file before them."""
    head = file.read(40)
    if head[4:6] != b"ET" or not head[6:8].isdigit():
        raise ValueError("it does not begin like a .pte program")
    program, base, held = size, 0, 0
    if head[8:12] == b"eh00":  # absent from files that hold no segments
        program, base = struct.unpack_from("<QQ", head, 16)
        if unpack("<I", head, 12) >= 32:  # older headers are 24 bytes and leave the segments' size out
            held = unpack("<Q", head, 32)
        if program > size or base + held > size:
            raise ValueError(f"it ends too early: {size} bytes, where its header promises {max(program, base + held)}")
    file.seek(0)
    return base, file.read(program)


def _read(data: bytes, base: int, size: int) -> list[Method]:
    root = Table(data, unpack("<I", data, 0))
    for segment in root.tables(4):
        if base + segment.number(0, "Q") + segment.number(1, "Q") > size:
            raise ValueError("a segment of it lies beyond its end")
    return [_method(plan) for plan in root.tables(1)]


def _method(plan: Table) -> Method:
    values = list(plan.tables(2))
    operators = [f"{entry.text(0)}.{entry.text(1)}".rstrip(".") for entry in plan.tables(6)]
    backends = [entry.text(0) for entry in plan.tables(7)]
    calls = []
    for chain, table in enumerate(plan.tables(5)):
        for number, instruction in enumerate(table.tables(2)):
            kind, call = instruction.number(0, "B"), instruction.table(1)
            if kind in (1, 2) and call is not None:  # KernelCall, DelegateCall
                index, arguments = call.number(0, "i"), call.numbers(1, "i")
                shape = _sizes(values[arguments[-1]]) if arguments and 0 <= arguments[-1] < len(values) else None
                own = kind == 1
                backend, operator = "" if own else backends[index], operators[index] if own else "subgraph"
                calls.append(Call(chain, number, backend, operator, shape))
    inputs, outputs = (tuple(_tensor(values[index]) for index in plan.numbers(slot, "i")) for slot in (3, 4))
    return Method(plan.text(0), inputs, outputs, tuple(calls))


def _sizes(value: Table) -> tuple[int, ...] | None:
    table = value.table(1)
    return None if value.number(0, "B") != 5 or table is None else table.numbers(2, "i")


def _tensor(value: Table) -> Tensor | None:
    table = value.table(1)
    if value.number(0, "B") != 5 or table is None:
        return None
    code, sizes = table.number(0, "b"), table.numbers(2, "i")
    if code not in DTYPES:
        raise ValueError(f"an input or output has elements of torch's type {code}, which numpy lacks")
    order = table.numbers(3, "B") or tuple(range(len(sizes)))
    if sorted(order) != list(range(len(sizes))) or any(entry < 0 for entry in sizes):
        raise ValueError(f"a tensor has the impossible sizes {sizes} in the order {order}")
    return Tensor(sizes, DTYPES[code], order, table.number(8, "b") != 0)
