"""Attributes of an .onnx file's operators: AttributeProto.

Source of the numbers of fields and types: onnx.proto of ONNX 1.23 (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgerun.contract import Graph
from edgerun.wire.protobuf import Message

__all__ = ["FIELDS", "GRAPH", "GRAPHS", "TENSOR", "kind_of", "plain_value"]

FLOAT, INT, STRING, TENSOR, GRAPH, FLOATS, INTS, STRINGS, GRAPHS = 1, 2, 3, 4, 5, 6, 7, 8, 10
"""AttributeProto.AttributeType."""
FIELDS = {FLOAT: 2, INT: 3, STRING: 4, TENSOR: 5, GRAPH: 6, FLOATS: 7, INTS: 8, STRINGS: 9, GRAPHS: 11}
"""Type of an attribute -> the field that holds it."""


def kind_of(entry: Message) -> int:
    """The type of an attribute; 0 where it has none. Old files do not say it, and it shows in what they hold."""
    return entry.integer(20) or next((kind for kind, number in FIELDS.items() if number in entry), 0)


def plain_value(entry: Message, kind: int) -> Any:
    """A number, a text, or a tuple of them; None for what is large or of no use here."""
    reader = _READERS.get(kind)
    return None if reader is None else reader(entry, FIELDS[kind])


def _floats(entry: Message, number: int) -> tuple[float, ...] | None:
    values = entry.numbers(number, "<f4", Graph.LARGEST_CONSTANT)
    return None if values is None else tuple(values.tolist())


def _float(entry: Message, number: int) -> float | None:
    values = _floats(entry, number)
    if values is None:
        return None
    return values[-1] if values else 0.0


def _integers(entry: Message, number: int) -> tuple[int, ...] | None:
    values = entry.integers(number, Graph.LARGEST_CONSTANT)
    return None if values is None else tuple(values)


def _string(entry: Message, number: int) -> str | None:
    return entry.text(number) if entry.size(number) <= Graph.LARGEST_CONSTANT else None


def _strings(entry: Message, number: int) -> tuple[str, ...] | None:
    return entry.texts(number) if entry.count(number) <= Graph.LARGEST_CONSTANT else None


_READERS: dict[int, Callable[[Message, int], Any]] = {
    FLOAT: _float,
    INT: Message.integer,
    STRING: _string,
    FLOATS: _floats,
    INTS: _integers,
    STRINGS: _strings,
}
