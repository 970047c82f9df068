"""A reader of FlatBuffers that checks every bound before it reads: tflite-runtime does not, and dies of damaged files.

Source of the format: https://flatbuffers.dev/internals, and of the numbers of fields: LiteRT's schema.fbs,
tflite-support's metadata_schema.fbs (both Apache-2.0).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

__all__ = ["MODEL", "Damaged", "Shape", "Table", "verify"]

LARGEST_COUNT = 1_000_000
"""Tables that are followed in one file; shared ones could make a small file endless."""


class Damaged(ValueError):
    """An offset or a length leads out of the file, or the file is made to be read for ever."""


@lru_cache(maxsize=32)
def _format(kind: str) -> struct.Struct:
    return struct.Struct("<" + kind)


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a buffer. Absent fields read as their default, as FlatBuffers has it.

    Attributes:
        data: the whole buffer.
        at: where the table begins, in bytes.
        fields: of each slot, its distance from there; 0 where it is absent.
        size: of the table's own part, in bytes.
    """

    data: Any
    at: int
    fields: tuple[int, ...]
    size: int

    @staticmethod
    def root(data: Any) -> Table:
        """The table that a buffer begins with.

        Raises:
            Damaged: it leads out of the buffer. So do all methods.
        """
        return _table(data, _number(data, 0, "I"))

    def _place(self, slot: int, width: int = 4) -> int:
        offset = self.fields[slot] if slot < len(self.fields) else 0
        if offset and (offset < 4 or offset + width > self.size):
            raise Damaged(f"field {slot} of the table at byte {self.at} lies outside of it")
        return self.at + offset if offset else 0

    def _target(self, slot: int) -> int:
        place = self._place(slot)
        return place + int(_number(self.data, place, "I")) if place else 0

    def number(self, slot: int, kind: str = "i", default: Any = 0) -> Any:
        """A scalar; `kind` is a letter of `struct`."""
        place = self._place(slot, _format(kind).size)
        return _number(self.data, place, kind) if place else default

    def count(self, slot: int) -> int:
        """Entries of a vector, or bytes of a text."""
        start = self._target(slot)
        return int(_number(self.data, start, "I")) if start else 0

    def numbers(self, slot: int, kind: str = "i") -> tuple[Any, ...]:
        """A vector of scalars."""
        start = self._target(slot)
        if not start:
            return ()
        count = _number(self.data, start, "I")
        _within(self.data, start + 4, count * _format(kind).size)
        return struct.unpack_from(f"<{count}{kind}", self.data, start + 4)

    def raw(self, slot: int) -> bytes:
        """A vector of bytes, or a text as it is stored."""
        start = self._target(slot)
        if not start:
            return b""
        count = _number(self.data, start, "I")
        _within(self.data, start + 4, count)
        return bytes(self.data[start + 4 : start + 4 + count])

    def text(self, slot: int) -> str:
        """A text; what is not UTF-8 in it is replaced."""
        return self.raw(slot).decode("utf-8", "replace")

    def table(self, slot: int) -> Table | None:
        """A table within this one."""
        start = self._target(slot)
        return _table(self.data, start) if start else None

    def tables(self, slot: int) -> list[Table]:
        """A vector of tables."""
        if len(offsets := self.numbers(slot, "I")) > LARGEST_COUNT:
            raise Damaged(f"a vector holds {len(offsets)} tables")
        first = self._target(slot) + 4
        return [_table(self.data, first + 4 * index + offset) for index, offset in enumerate(offsets)]


def _within(data: Any, at: int, width: int) -> None:
    if at < 0 or at + width > len(data):
        raise Damaged(f"{width} bytes from byte {at} on are outside of the {len(data)} that there are")


def _number(data: Any, at: int, kind: str) -> Any:
    reader = _format(kind)
    _within(data, at, reader.size)
    return reader.unpack_from(data, at)[0]


def _table(data: Any, at: int) -> Table:
    start = at - _number(data, at, "i")
    length, size = _number(data, start, "H"), _number(data, start + 2, "H")
    if length < 4 or length % 2 or size < 4:
        raise Damaged(f"the table at byte {at} has no valid list of fields")
    _within(data, start, length)
    _within(data, at, size)
    return Table(data, at, struct.unpack_from(f"<{length // 2 - 2}H", data, start + 4), size)


Shape: TypeAlias = "dict[int, str | Shape | tuple[Shape]]"
"""Slot -> "letter of struct" of a vector, the shape of a table, or (the shape,) of a vector of tables."""

_TENSOR: Shape = {0: "i", 3: "B", 4: {0: "f", 1: "f", 2: "f", 3: "q"}, 6: {0: "i", 1: "i", 2: ({},)}, 7: "i"}
_OPERATOR: Shape = {1: "i", 2: "i", 4: {}, 5: "B", 7: "B", 8: "i"}
_SIGNATURE: Shape = {0: ({0: "B"},), 1: ({0: "B"},), 2: "B"}
MODEL: Shape = {
    1: ({1: "B"},),
    2: ({0: (_TENSOR,), 1: "i", 2: "i", 3: (_OPERATOR,), 4: "B"},),
    3: "B",
    4: ({0: "B"},),
    6: ({0: "B"},),
    7: (_SIGNATURE,),
}
"""Whatever a runtime follows in a TFLite model."""


def verify(table: Table, shape: Shape = MODEL, budget: list[int] | None = None) -> None:
    """Follow everything once.

    Raises:
        Damaged: something leads out of the buffer, or there is too much of it.
    """
    budget = [LARGEST_COUNT] if budget is None else budget
    budget[0] -= 1
    if budget[0] < 0:
        raise Damaged(f"it holds more than {LARGEST_COUNT} tables")
    if any(offset >= table.size for offset in table.fields):
        raise Damaged(f"a field of the table at byte {table.at} lies outside of it")
    for slot, kind in shape.items():
        if isinstance(kind, str):
            start = table._target(slot)
            if start:
                _within(table.data, start + 4, _number(table.data, start, "I") * _format(kind).size)
        elif isinstance(kind, tuple):
            for entry in table.tables(slot):
                verify(entry, kind[0], budget)
        elif (single := table.table(slot)) is not None:
            verify(single, kind, budget)
