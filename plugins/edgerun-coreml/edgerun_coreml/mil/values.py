"""What the names of a program stand for: operands, and constants read from the file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.blob import BlobFile, unpack
from edgerun_coreml.file.wire import Message
from edgerun_coreml.mil.kinds import STORED, Kind, computed, read_kind
from edgerun_coreml.onnx.graph import Graph, Shape, Value
from edgerun_coreml.refusal import Refusal

Array = npt.NDArray[Any]

MAX_ZEROS: Final = 1 << 20
"""Elements of a constant that is declared but not given, and so is zero."""


@dataclass(slots=True, eq=False)
class Operand:
    """A value of the program: in the graph (``value``), a constant (``array``), or text (``texts``), or
    several.

    ``kind`` is MIL's element type; ``array`` has that type, while ``value`` has the type it is computed in.
    """

    kind: str
    shape: Shape | None
    value: Value | None = None
    array: Array | None = None
    texts: tuple[str, ...] | None = None
    state: str = ""
    """For a state, its name."""

    @property
    def rank(self) -> int:
        """The number of axes. Raises :class:`Refusal` if it is not known."""
        if self.shape is None:
            raise Refusal("an operand of unknown rank")
        return len(self.shape)

    @property
    def dims(self) -> tuple[int, ...] | None:
        """The shape if every size is known, else None."""
        if self.shape is None or not all(isinstance(d, int) for d in self.shape):
            return None
        return tuple(d for d in self.shape if isinstance(d, int))

    @property
    def is_float(self) -> bool:
        """Whether the operand is computed in float32."""
        return computed(self.kind).kind == "f"

    def in_graph(self, graph: Graph) -> Value:
        """The operand as a graph value; a constant becomes one on first use."""
        if self.value is None:
            if self.array is None:
                raise Refusal(f"a {self.kind} where a tensor is needed")
            self.value = graph.constant(self.array, computed(self.kind))
        return self.value


def constant(array: Array, kind: str) -> Operand:
    """An operand of which the contents are known, in numpy's type for its kind."""
    return Operand(kind, array.shape, array=array)


class Constants:
    """Reads constants: those written out in the program, and those in weight files."""

    def __init__(self, weights: Callable[[str], BlobFile]) -> None:
        self._weights = weights

    def read(self, message: Message) -> Operand:
        """Read a message ``Mil.Value``. Raises :class:`ModelDamaged` if type and contents disagree."""
        kind = read_kind(message.type)
        if message.which("value") == "blobFileValue":
            place = message.blobFileValue
            shape = _known(kind)
            blob = self._weights(place.fileName)
            return constant(blob.read(place.offset, kind.name, math.prod(shape)).reshape(shape), kind.name)
        immediate = message.immediateValue
        which = immediate.which("value")
        if which == "list":
            return _list([self.read(item) for item in immediate.list.values])
        if which in ("tensor", ""):
            return _tensor(kind, immediate.tensor)
        raise Refusal(f"a constant that is a {which}")


def _known(kind: Kind) -> tuple[int, ...]:
    if kind.shape is None or not all(isinstance(size, int) for size in kind.shape):
        raise ModelDamaged("a constant of unknown shape")
    return tuple(size for size in kind.shape if isinstance(size, int))


def _list(items: list[Operand]) -> Operand:
    """A list of strings or numbers, as class labels are given."""
    if items and items[0].texts is not None:
        return Operand("str", (len(items),), texts=tuple(text for item in items for text in item.texts or ()))
    arrays = [item.array for item in items if item.array is not None]
    if not arrays:
        return Operand("str", (0,), texts=())
    return constant(np.stack(arrays), items[0].kind)


def _tensor(kind: Kind, tensor: Message) -> Operand:
    shape, which = _known(kind), tensor.which("value")
    count = math.prod(shape)
    if which == "strings":
        return Operand("str", shape, texts=tuple(tensor.strings.values))
    if kind.name == "str":
        return Operand("str", shape, texts=("",) * min(count, 1))
    if kind.name not in STORED:
        raise Refusal(f"a constant of type {kind.name}")
    if which == "bytes":
        raw = np.frombuffer(tensor.bytes.values, np.uint8)
        return constant(unpack(raw, kind.name, count).reshape(shape), kind.name)
    given = getattr(tensor, which).values if which else np.zeros(0)
    if given.size == 0 and 0 < count <= MAX_ZEROS:
        given = np.zeros(count)
    if given.size != count:
        raise ModelDamaged(f"a constant of {count} elements with {given.size} values")
    with np.errstate(over="ignore", invalid="ignore"):
        return constant(given.astype(STORED[kind.name]).reshape(shape), kind.name)
