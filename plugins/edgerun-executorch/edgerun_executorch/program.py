"""What a .pte file says of itself, read in Python with every step checked against the file's size.

ExecuTorch's binding tells neither the order of a tensor's dimensions in memory, nor which backends and operators a
program uses, nor which sizes are upper bounds; all of that stands in the flatbuffer.
Source of the layout: executorch/schema/program.fbs and extended_header.h of ExecuTorch 1.5 (BSD-3).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edgerun.errors import ModelUnreadable
from edgerun.wire import Damaged, flatbuffers
from edgerun.wire.flatbuffers import Table
from edgerun_executorch.trial import DTYPES

__all__ = ["DELEGATE_CALL", "KERNEL_CALL", "Call", "Method", "Tensor", "flatbuffer", "operator_names", "read", "text"]

KERNEL_CALL, DELEGATE_CALL = 1, 2
"""InstructionArguments of instructions that compute."""
TENSOR = 5
"""KernelTypes of a value that is a tensor."""
BEYOND_NUMPY = {15: "bfloat16", 23: "float8_e5m2", 24: "float8_e4m3fn"}
"""Types of elements by torch's number. Source: ScalarType in executorch/exir/schema.py of 1.5.1."""
HEADER_BYTES = 40
HEADER_WITH_SEGMENT_SIZE = 32
"""The shortest extended header that says how long the segments are, in bytes; older ones have 24."""


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
            that is not a tensor.
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
        inputs, outputs: None for what is not a tensor.
        calls: of kernels and of backends, in the order of the file.
    """

    name: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor | None, ...]
    calls: tuple[Call, ...]


def read(path: Path) -> list[Method]:
    """The methods of a program.

    Raises:
        ValueError: the file is truncated or damaged; the message says where that shows.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            base, data = flatbuffer(file, size)
        root = flatbuffers.root(data)
        _check_segments(root, base, size)
        return [_method(plan) for plan in root.tables(1)]
    except (Damaged, struct.error, IndexError) as cause:
        raise ValueError(f"the program is damaged: {cause}") from None


def flatbuffer(file: BinaryIO, size: int) -> tuple[int, bytes]:
    """Where the segments begin, and the part of the file before them.

    Raises:
        ValueError: it is not a program, or is shorter than its header says.
    """
    head = file.read(HEADER_BYTES)
    if head[4:6] != b"ET" or not head[6:8].isdigit():
        raise ValueError("it does not begin like a .pte program")
    program, base, held = size, 0, 0
    if head[8:12] == b"eh00":  # absent from files that hold no segments
        header, program, base = struct.unpack_from("<IQQ", head, 12)
        if header >= HEADER_WITH_SEGMENT_SIZE:
            (held,) = struct.unpack_from("<Q", head, 32)
        promised = max(program, base + held)
        if promised > size:
            raise ValueError(f"it ends too early: {size} bytes, where its header promises {promised}")
    file.seek(0)
    return base, file.read(program)


def text(table: Table, slot: int) -> str:
    """A text, which must be UTF-8: names are compared with the runtime's."""
    return table.text(slot, errors="strict")


def operator_names(plan: Table) -> list[str]:
    """The kernels that a method calls: "aten::sum.IntList_out"."""
    return [f"{text(entry, 0)}.{text(entry, 1)}".rstrip(".") for entry in plan.tables(6)]


def _check_segments(root: Table, base: int, size: int) -> None:
    for segment in root.tables(4):
        if base + segment.number(0, "Q") + segment.number(1, "Q") > size:
            raise ValueError("a segment of it lies beyond its end")


def _method(plan: Table) -> Method:
    values = plan.tables(2)
    operators, backends = operator_names(plan), [text(entry, 0) for entry in plan.tables(7)]
    calls = []
    for chain, table in enumerate(plan.tables(5)):
        for number, instruction in enumerate(table.tables(2)):
            kind, call = instruction.number(0, "B"), instruction.table(1)
            if kind not in (KERNEL_CALL, DELEGATE_CALL) or call is None:
                continue
            index, shape = call.number(0), _result_shape(call, values)
            if kind == KERNEL_CALL:
                calls.append(Call(chain, number, "", operators[index], shape))
            else:
                calls.append(Call(chain, number, backends[index], "subgraph", shape))
    inputs, outputs = (tuple(_tensor(values[index]) for index in plan.numbers(slot)) for slot in (3, 4))
    return Method(text(plan, 0), inputs, outputs, tuple(calls))


def _result_shape(call: Table, values: Sequence[Table]) -> tuple[int, ...] | None:
    """The shape of a call's last argument; None where that is not a tensor."""
    place = (call.numbers(1) or (-1,))[-1]
    if not 0 <= place < len(values):
        return None
    table = _tensor_table(values[place])
    return None if table is None else table.numbers(2)


def _tensor_table(value: Table) -> Table | None:
    return value.table(1) if value.number(0, "B") == TENSOR else None


def _tensor(value: Table) -> Tensor | None:
    table = _tensor_table(value)
    if table is None:
        return None
    code, sizes = table.number(0, "b"), table.numbers(2)
    if code not in DTYPES:
        name = BEYOND_NUMPY.get(code, f"torch's type {code}")
        raise ModelUnreadable(
            f"An input or output of the program has elements of {name}, which numpy lacks.",
            hint="export it with inputs and outputs of float32",
        )
    order = table.numbers(3, "B") or tuple(range(len(sizes)))
    if sorted(order) != list(range(len(sizes))) or any(entry < 0 for entry in sizes):
        raise ValueError(f"a tensor has the impossible sizes {sizes} in the order {order}")
    return Tensor(sizes, DTYPES[code], order, table.number(8, "b") != 0)
