"""Building an ONNX graph node by node: the pen of every operation translator.

A :class:`Value` is a name in the graph with what is known of its type, or a constant with its contents.
Constants stay numpy arrays as long as possible: arithmetic on small constants is done at once (:mod:`fold`),
so shapes computed inside a model come out as plain constants.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from edgerun_coreml.onnx import fold

Array = npt.NDArray[Any]
DType = np.dtype[Any]
Shape = tuple[int | str | None, ...]
"""One entry per axis: its size, a name for sizes that are unknown but equal, or None for unknown."""

OPSET: Final = 21
"""Version of ONNX's operator set that is written; ONNX Runtime reads it from 1.18 on."""

SHARED_CONSTANT: Final = 64
"""Constants of at most so many elements are stored once however often they are used."""


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A tensor in the graph. ``array`` holds a constant's contents; ``shape`` None means unknown rank."""

    name: str
    dtype: DType
    shape: Shape | None = None
    array: Array | None = None

    @property
    def rank(self) -> int:
        """The number of axes. Raises ValueError if it is not known."""
        if self.shape is None:
            raise ValueError(f"the rank of {self.name} is not known")
        return len(self.shape)

    @property
    def dims(self) -> tuple[int, ...] | None:
        """The shape if every size is known, else None."""
        if self.shape is None or not all(isinstance(d, int) for d in self.shape):
            return None
        return tuple(d for d in self.shape if isinstance(d, int))


Attribute: TypeAlias = "int | float | str | bool | Sequence[int] | Sequence[float] | Sequence[str] | Array | Graph"


@dataclass(slots=True, eq=False)
class Node:
    """One application of an operator; an input without a name is left out."""

    op_type: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Attribute] = field(default_factory=dict)
    domain: str = ""

    @property
    def subgraphs(self) -> list[Graph]:
        """The bodies of branches and loops."""
        return [item for item in self.attributes.values() if isinstance(item, Graph)]


_INT64: Final = np.dtype(np.int64)
_BOOL: Final = np.dtype(np.bool_)
_RESULT_TYPES: Final[Mapping[str, DType]] = {
    **dict.fromkeys(("Shape", "Size", "NonZero", "ArgMax", "ArgMin", "NonMaxSuppression"), _INT64),
    **dict.fromkeys(("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "IsNaN", "IsInf"), _BOOL),
    **dict.fromkeys(("Not", "And", "Or", "Xor"), _BOOL),
}
_LIKE_SECOND: Final = frozenset({"Where"})
_LIKE_THIRD: Final = frozenset({"OneHot"})


class Graph:
    """A graph under construction, or the body of a branch or loop when it has a ``parent``.

    Names are unique over a graph and all its subgraphs; constants live in the outermost graph.
    """

    def __init__(self, parent: Graph | None = None) -> None:
        self.parent = parent
        self.root: Graph = self if parent is None else parent.root
        self.nodes: list[Node] = []
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self.constants: dict[str, Array] = {}
        self._producers: dict[str, Node] = {}
        self._shared: dict[tuple[str, tuple[int, ...], bytes], Value] = {}
        self._numbers = count(1)
        self._names: set[str] = set()

    # values -------------------------------------------------------------------------------------------------

    def fresh(self, base: str) -> str:
        """A name not used before in this graph or any subgraph."""
        while (name := f"{base}__{next(self.root._numbers)}") in self.root._names:
            pass
        self.root._names.add(name)
        return name

    def claim(self, name: str) -> str:
        """The name itself if it is free, else a fresh one like it; it is taken from then on."""
        if not name or name in self.root._names:
            return self.fresh(name or "value")
        self.root._names.add(name)
        return name

    def input(self, name: str, dtype: npt.DTypeLike, shape: Shape | None) -> Value:
        """Declare an input. In the outermost graph the name is kept, and must not have been used before."""
        if self.parent is None and name in self._names:
            raise ValueError(f"two values are called {name!r}")
        value = Value(self.claim(name), np.dtype(dtype), shape)
        self.inputs.append(value)
        return value

    def output(self, value: Value, name: str | None = None, shape: Shape | None = None) -> Value:
        """Declare an output, called ``name`` if that is free; constants and inputs pass through a node."""
        if name is not None or value.array is not None or value.name not in self._producers:
            known = shape if shape is not None else value.shape
            copy = Value(self.claim(name or "output"), value.dtype, known)
            self._append(Node("Identity", [value.name], [copy.name]))
            value = copy
        self.outputs.append(value)
        return value

    def constant(self, array: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> Value:
        """A constant; float64 becomes float32 unless ``dtype`` says otherwise. Small ones are shared."""
        contents = np.asarray(array, dtype)
        if dtype is None and contents.dtype == np.float64:
            contents = contents.astype(np.float32)
        if contents.dtype.kind in "iufb" and not contents.dtype.isnative:
            contents = contents.astype(contents.dtype.newbyteorder("="))
        root = self.root
        if contents.size > SHARED_CONSTANT:
            return root._add_constant(contents)
        key = (contents.dtype.str, contents.shape, contents.tobytes())
        value = root._shared.get(key)
        if value is None:
            value = root._shared[key] = root._add_constant(contents)
        return value

    def _add_constant(self, contents: Array) -> Value:
        value = Value(self.fresh("constant"), contents.dtype, contents.shape, contents)
        self.constants[value.name] = contents
        return value

    def int64(self, *values: int | Iterable[int]) -> Value:
        """A vector of int64: ``int64(1, 2)`` or ``int64([1, 2])``; ``int64()`` is empty."""
        flat: list[int] = []
        for value in values:
            flat.extend([value] if isinstance(value, int) else value)
        return self.constant(np.array(flat, np.int64))

    def scalar(self, value: float | int | bool, dtype: npt.DTypeLike) -> Value:
        """A constant of rank 0."""
        return self.constant(np.array(value, dtype))

    # nodes --------------------------------------------------------------------------------------------------

    def emit(
        self,
        op_type: str,
        inputs: Sequence[Value | None],
        *,
        dtype: npt.DTypeLike | None = None,
        shape: Shape | None = None,
        domain: str = "",
        **attributes: Attribute | None,
    ) -> Value:
        """Add a node with one output and return it.

        The result has the type of the first input, except where the operator has a type of its own or
        ``dtype`` is given. None among the inputs leaves an optional one out; attributes that are None are not
        written.
        """
        folded = fold.fold(op_type, [v.array if v else None for v in inputs], attributes)
        if folded is not None and not domain:
            return self.constant(folded, folded.dtype)
        result = dtype if dtype is not None else _result_type(op_type, inputs)
        return self._emit(op_type, inputs, [(result, shape)], domain, attributes)[0]

    def emit_many(
        self,
        op_type: str,
        inputs: Sequence[Value | None],
        outputs: int | Sequence[npt.DTypeLike],
        *,
        domain: str = "",
        **attributes: Attribute | None,
    ) -> list[Value]:
        """Add a node with several outputs: so many of the first input's type, or one of each type given."""
        if isinstance(outputs, int):
            outputs = [_result_type(op_type, inputs)] * outputs
        return self._emit(op_type, inputs, [(dtype, None) for dtype in outputs], domain, attributes)

    def _emit(
        self,
        op_type: str,
        inputs: Sequence[Value | None],
        results: Sequence[tuple[npt.DTypeLike, Shape | None]],
        domain: str,
        attributes: Mapping[str, Attribute | None],
    ) -> list[Value]:
        names = [value.name if value is not None else "" for value in inputs]
        while names and not names[-1]:
            names.pop()
        values = [Value(self.fresh(op_type), np.dtype(dtype), shape) for dtype, shape in results]
        kept = {key: item for key, item in attributes.items() if item is not None}
        self._append(Node(op_type, names, [value.name for value in values], kept, domain))
        return values

    def _append(self, node: Node) -> None:
        self.nodes.append(node)
        for name in node.outputs:
            self._producers[name] = node

    def producer(self, value: Value | str) -> Node | None:
        """The node of this graph that makes the value; None for inputs, constants and outer values."""
        return self._producers.get(value if isinstance(value, str) else value.name)

    def cast(self, value: Value, dtype: npt.DTypeLike) -> Value:
        """The value as another type; the value itself when it already is."""
        dtype = np.dtype(dtype)
        if value.dtype == dtype:
            return value
        if value.array is not None and value.array.size <= fold.LIMIT:
            return self.constant(value.array.astype(dtype), dtype)
        return self.emit("Cast", [value], dtype=dtype, shape=value.shape, to=ONNX_TYPES[dtype])

    def shape_of(self, value: Value) -> Value:
        """The value's shape as int64 [rank]; a constant when it is known."""
        dims = value.dims
        return self.int64(dims) if dims is not None else self.emit("Shape", [value])

    def subgraph(self) -> Graph:
        """A body for a branch or loop of this graph."""
        return Graph(self)

    # finishing ----------------------------------------------------------------------------------------------

    def prune(self) -> None:
        """Drop nodes and constants that no output needs."""
        live = self._prune_nodes()
        self.constants = {name: array for name, array in self.constants.items() if name in live}

    def _prune_nodes(self) -> set[str]:
        """Keep what the outputs need; answers the names used here, from here or from outside."""
        live = {value.name for value in self.outputs}
        kept: list[Node] = []
        for node in reversed(self.nodes):
            if live.isdisjoint(node.outputs):
                continue
            kept.append(node)
            live.update(node.inputs)
            for body in node.subgraphs:
                live |= body._prune_nodes()
        self.nodes = kept[::-1]
        return live


def _result_type(op_type: str, inputs: Sequence[Value | None]) -> DType:
    known = _RESULT_TYPES.get(op_type)
    if known is not None:
        return known
    place = 1 if op_type in _LIKE_SECOND else 2 if op_type in _LIKE_THIRD else 0
    like = inputs[place]
    if like is None:
        raise ValueError(f"{op_type}: the type of the result must be given")
    return like.dtype


ONNX_TYPES: Final[Mapping[DType, int]] = {
    np.dtype(kind): number
    for kind, number in (
        (np.float32, 1), (np.uint8, 2), (np.int8, 3), (np.uint16, 4), (np.int16, 5), (np.int32, 6),
        (np.int64, 7), (np.bool_, 9), (np.float16, 10), (np.float64, 11), (np.uint32, 12), (np.uint64, 13),
    )
}  # fmt: skip
"""ONNX's number for each element type."""
