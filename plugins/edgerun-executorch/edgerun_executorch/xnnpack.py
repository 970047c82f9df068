"""What a part of a program computes that was lowered for XNNPACK: its operators, as the blob in the file has them.

Source of the layout: executorch/backends/xnnpack/serialization/schema.fbs and xnnpack_graph_serialize.py of ExecuTorch
1.5.1 (BSD-3). Images may lie there as [N, H, W, C], between transpositions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from edgerun.contract import Graph, Node
from edgerun.tensors import AnyArray, Quantization, TensorSpec
from edgerun.wire import flatbuffers
from edgerun.wire.flatbuffers import Table

__all__ = ["BACKEND", "Inside", "read"]

BACKEND = "XnnpackBackend"

MAGIC, HEADER_BYTES = b"XH00", 30
FLATBUFFER, CONSTANTS = slice(10, 14), slice(18, 22)
FLATBUFFER_SIZE = slice(14, 18)
"""Places of the numbers in the header."""
ABSENT = 2**32 - 1
"""Number of a value that is left out."""
ELSEWHERE = 2**64 - 1
"""Offset of numbers that the program keeps under a name."""
EXTERNAL = 3
"""Flags of a value that is an argument of the call."""
QUANTISED_VALUE, PER_TENSOR = 2, 2
"""Numbers in the unions of values and of their quantisation."""

DTYPES = {1: "float32", 2: "float16", 3: "int8", 4: "uint8", 5: "int32", 6: "int8", 7: "int32", 12: "int32"}


class Layout(NamedTuple):
    """What an operator is called, and the slots of its inputs and of its output."""

    name: str
    inputs: tuple[int, ...]
    output: int


def _of(names: str, inputs: tuple[int, ...], output: int) -> dict[str, Layout]:
    return {name: Layout(name.partition("/")[0], inputs, output) for name in names.split()}


_LAYOUTS = {
    **_of("add div minimum mul sub maximum prelu batchmatmul", (0, 1), 2),
    **_of(
        "softmax sigmoid clamp floor convert globalaveragepool sqrt ceil hardswish neg square abs rsqrt log gelu tanh "
        "exp sin clone cos",
        (0,),
        1,
    ),
    **_of("transpose reshape", (2,), 3),
    **_of("resize", (2,), 3),
    **_of("pad staticslice", (3,), 4),
    **_of("elu leakyrelu", (1,), 2),
    **_of("linear", (0, 1, 2), 3),
    **_of("conv depthwiseconv convtranspose", (15, 16, 17), 18),
    **_of("averagepool maxpool", (10,), 11),
    **_of("argmaxpool", (6,), 7),
    **_of("cat/2", (1, 2), 5),
    **_of("cat/3", (1, 2, 3), 5),
    **_of("cat/4", (1, 2, 3, 4), 5),
    **_of("cat/5", (1, 2, 3, 4, 7), 5),
    **_of("attention", (0, 1, 2, 3, 4), 5),
}
_ORDER = """
add linear softmax sigmoid transpose clamp conv div resize pad averagepool minimum depthwiseconv maxpool mul sub floor
convert globalaveragepool reshape argmaxpool sqrt ceil hardswish leakyrelu maximum neg square elu abs prelu cat/2 cat/3
cat/4 staticslice attention batchmatmul cat/5 convtranspose rsqrt log gelu tanh exp sin clone cos
"""
OPERATORS = tuple(_LAYOUTS[name] for name in _ORDER.split())
"""XNodeUnion, without its first number, which stands for none."""
CONVOLUTIONS = ("conv", "depthwiseconv")


class Inside(NamedTuple):
    """What a blob tells.

    Attributes:
        nodes: its operators, called "xnnpack::add" and so on.
        values: name -> type, of its own values.
        constants: name -> numbers, of small ones.
    """

    nodes: tuple[Node, ...]
    values: Mapping[str, TensorSpec]
    constants: Mapping[str, AnyArray]


Fetch = Callable[[int, int], bytes]
"""(place, count) -> so many bytes of the blob from there on, fewer where it ends."""


def read(fetch: Fetch, named: Callable[[str], Fetch], arguments: Sequence[str], prefix: str) -> Inside:
    """The operators of a blob.

    Args:
        fetch: bytes of the blob.
        named: key -> bytes that the program keeps under it.
        arguments: names of the call's arguments, "" for what is not a tensor.
        prefix: of the names of values that are the blob's own.

    Raises:
        ValueError: it is damaged, or of another version.
    """
    header = fetch(0, HEADER_BYTES)
    if header[4:8] != MAGIC:
        raise ValueError("it does not begin like a graph of XNNPACK")
    place, size, base = (int.from_bytes(header[part], "little") for part in (FLATBUFFER, FLATBUFFER_SIZE, CONSTANTS))
    return _Blob(flatbuffers.root(fetch(place, size)), fetch, base, named, arguments, prefix).inside()


class _Blob:
    def __init__(
        self,
        root: Table,
        fetch: Fetch,
        base: int,
        named: Callable[[str], Fetch],
        arguments: Sequence[str],
        prefix: str,
    ) -> None:
        self.root, self.fetch, self.base, self.named = root, fetch, base, named
        self.arguments, self.prefix = arguments, prefix
        self.offsets = root.tables(8)
        self.names: dict[int, str] = {ABSENT: ""}
        self.values: dict[str, TensorSpec] = {}
        self.constants: dict[str, AnyArray] = {}

    def inside(self) -> Inside:
        for value in self.root.tables(2):
            self.value(value)
        return Inside(tuple(self.nodes()), self.values, self.constants)

    def value(self, entry: Table) -> None:
        """Enter a value: its name, its type, and its numbers where they are few."""
        outer = entry.table(1)
        is_quantised = entry.number(0, "B") == QUANTISED_VALUE
        tensor = outer.table(0) if is_quantised and outer is not None else outer
        if outer is None or tensor is None:
            raise ValueError("a value has no content")
        number = tensor.number(6, "I")
        if tensor.number(5, "I") & EXTERNAL:
            self.names[number] = self.arguments[tensor.number(4, "I")]
            return
        name = self.names[number] = f"{self.prefix}/{number}"
        shape, dtype = tuple(tensor.numbers(2, "I")), DTYPES.get(tensor.number(0, "h"), "unknown")
        self.values[name] = TensorSpec(name, shape, dtype, _per_tensor(outer) if is_quantised else None)
        held = tensor.number(3, "I")
        if held and 0 < math.prod(shape) <= Graph.LARGEST_CONSTANT and dtype != "unknown":
            self.constant(name, held, shape, dtype)

    def constant(self, name: str, held: int, shape: tuple[int, ...], dtype: str) -> None:
        where = self.offsets[held]
        place, key = where.number(0, "Q"), where.text(2)
        width = math.prod(shape) * np.dtype(dtype).itemsize
        stored = self.named(key)(0, width) if key else self.fetch(self.base + place, width)
        if len(stored) == width:
            self.constants[name] = np.frombuffer(stored, dtype).reshape(shape)

    def nodes(self) -> Iterator[Node]:
        for number, entry in enumerate(self.root.tables(1)):
            kind, content = entry.number(0, "B") - 1, entry.table(1)
            if not 0 <= kind < len(OPERATORS) or content is None:
                raise ValueError(f"operator {kind + 1} of XNNPACK is not known")
            layout = OPERATORS[kind]
            inputs = tuple(self.names[content.number(slot, "I")] for slot in layout.inputs)
            output = self.names[content.number(layout.output, "I")]
            if layout.name in CONVOLUTIONS:
                self.turn_filter(inputs[1])
            yield Node(f"xnnpack::{self.called(layout.name, output)}", f"{self.prefix}/{number}", inputs, (output,))

    def called(self, name: str, output: str) -> str:
        """The operator's name; what converts says by its result whether it quantises."""
        if name != "convert":
            return "conv" if name in CONVOLUTIONS else name
        spec = self.values.get(output)
        return "quantize" if spec is not None and spec.quantization is not None else "to"

    def turn_filter(self, name: str) -> None:
        """A convolution's weights as other formats have them, from [outputs, height, width, inputs]; once.

        Those of single channels are [1, height, width, outputs].
        """
        spec = self.values.get(name)
        if (
            name not in self.constants
            or spec is None
            or self.constants[name].shape != spec.shape
            or len(spec.shape) != 4
        ):
            return
        single = spec.shape[0] == 1 and self.constants[name].shape[3] > 1
        self.constants[name] = self.constants[name].transpose((3, 0, 1, 2) if single else (0, 3, 1, 2))


def _per_tensor(value: Table) -> Quantization | None:
    """One scale and zero point for all of a value; None where there are several."""
    parameters = value.table(2)
    if value.number(1, "B") != PER_TENSOR or parameters is None:
        return None
    return Quantization((parameters.number(0, "f"),), (parameters.number(1, "i"),), 0)
