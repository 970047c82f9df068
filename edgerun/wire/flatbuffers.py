"""A reader of FlatBuffers that checks every bound before it reads, and what a writer of small parts needs.

A table begins with the distance back to its vtable, which holds the place of each field in the table; vectors, texts
and tables are reached by unsigned offsets, so they lead forward only.
Source: https://flatbuffers.dev/internals.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from edgerun.wire.damage import Damaged

__all__ = ["MAX_BUFFER_BYTES", "MAX_DEPTH", "MAX_TABLES", "Shape", "Table", "Writer", "root", "verify"]

MAX_TABLES: Final = 1_000_000
"""Tables of one vector, or followed by `verify` in one buffer; shared ones could make a small file endless."""
MAX_DEPTH: Final = 64
"""Tables within each other that `verify` follows; the default of FlatBuffers' own verifier."""
MAX_BUFFER_BYTES: Final = 2**31 - 1
"""Bytes that offsets reach."""


@lru_cache(maxsize=32)
def _scalar(kind: str) -> struct.Struct:
    return struct.Struct("<" + kind)


@lru_cache(maxsize=64)
def _fields(count: int) -> struct.Struct:
    """The distances of a table's fields."""
    return struct.Struct(f"<{count}H")


_OFFSET = struct.Struct("<I")
_DISTANCE = struct.Struct("<i")
_LENGTHS = struct.Struct("<HH")


class Table:
    """One table of a buffer. Absent fields read as their default. All methods raise `Damaged`.

    Attributes:
        data: the whole buffer: bytes or an mmap.
        at: where the table begins, in bytes.
        fields: of each slot its distance from there; 0 where it is absent.
        size: of the table's own part, in bytes.
    """

    __slots__ = ("at", "data", "fields", "size")

    def __init__(self, data: Any, at: int, fields: tuple[int, ...], size: int) -> None:
        self.data, self.at, self.fields, self.size = data, at, fields, size

    def place(self, slot: int, width: int = 4) -> int:
        """Where a field of so many bytes stands; 0 where it is absent."""
        if slot >= len(self.fields) or not self.fields[slot]:
            return 0
        offset = self.fields[slot]
        if offset < 4 or offset + width > self.size:
            raise Damaged(f"field {slot} of the table at byte {self.at} lies outside of it")
        return self.at + offset

    def target(self, slot: int) -> int:
        """Where the vector, text or table begins that a field leads to; 0 where it is absent."""
        place = self.place(slot)  # within the table, which is within the buffer
        return place + int(_OFFSET.unpack_from(self.data, place)[0]) if place else 0

    def number(self, slot: int, kind: str = "i", default: Any = 0) -> Any:
        """A scalar; `kind` is a letter of `struct`."""
        scalar = _scalar(kind)
        place = self.place(slot, scalar.size)
        return scalar.unpack_from(self.data, place)[0] if place else default

    def count(self, slot: int) -> int:
        """Entries of a vector, or bytes of a text, which may be more than the buffer holds."""
        start = self.target(slot)
        return int(_read(self.data, start, "I")) if start else 0

    def vector(self, slot: int, width: int) -> tuple[int, int]:
        """Where a vector's entries of so many bytes begin, and how many they are, all within the buffer."""
        start = self.target(slot)
        if not start:
            return 0, 0
        _check_within(self.data, start, 4)
        count = int(_OFFSET.unpack_from(self.data, start)[0])
        _check_within(self.data, start + 4, count * width)
        return start + 4, count

    def numbers(self, slot: int, kind: str = "i") -> tuple[Any, ...]:
        """A vector of scalars."""
        start, count = self.vector(slot, _scalar(kind).size)
        return struct.unpack_from(f"<{count}{kind}", self.data, start)

    def raw(self, slot: int) -> bytes:
        """A vector of bytes, or a text as it is stored."""
        start, count = self.vector(slot, 1)
        return bytes(self.data[start : start + count])

    def text(self, slot: int, errors: str = "replace") -> str:
        """A text; `errors` is that of `bytes.decode`, for what is not UTF-8: "strict" raises `Damaged`."""
        try:
            return self.raw(slot).decode("utf-8", errors)
        except UnicodeDecodeError as cause:
            raise Damaged(f"a text of the table at byte {self.at} is not UTF-8") from cause

    def table(self, slot: int) -> Table | None:
        """A table within this one, such as the value of a union; None where it is absent."""
        start = self.target(slot)
        return _table(self.data, start) if start else None

    def tables(self, slot: int) -> list[Table]:
        """A vector of tables."""
        start, count = self.vector(slot, 4)
        if count > MAX_TABLES:
            raise Damaged(f"a vector holds {count} tables")
        offsets = struct.unpack_from(f"<{count}I", self.data, start)
        return [_table(self.data, start + 4 * index + offset) for index, offset in enumerate(offsets)]


def root(data: Any) -> Table:
    """The table that a buffer begins with.

    Raises:
        Damaged: it leads out of the buffer.
    """
    return _table(data, _read(data, 0, "I"))


def _check_within(data: Any, at: int, width: int) -> None:
    if at < 0 or at + width > len(data):
        raise Damaged(f"{width} bytes from byte {at} on are outside of the {len(data)} that there are")


def _read(data: Any, at: int, kind: str) -> Any:
    scalar = _scalar(kind)
    _check_within(data, at, scalar.size)
    return scalar.unpack_from(data, at)[0]


def _table(data: Any, at: int) -> Table:
    _check_within(data, at, 4)
    vtable = at - _DISTANCE.unpack_from(data, at)[0]
    _check_within(data, vtable, 4)
    length, size = _LENGTHS.unpack_from(data, vtable)
    if length < 4 or length % 2 or size < 4:
        raise Damaged(f"the table at byte {at} has no valid list of fields")
    _check_within(data, vtable, length)
    _check_within(data, at, size)
    return Table(data, at, _fields(length // 2 - 2).unpack_from(data, vtable + 4), size)


# ------------------------------------------------------------------------------------------ verifying

Shape: TypeAlias = "Mapping[int, str | Shape | tuple[Shape]]"
"""Slot -> "letter of struct" of a vector, the shape of a table, or (the shape,) of a vector of tables."""


def verify(table: Table, shape: Shape) -> None:
    """Follow once whatever a shape names, as a runtime will without looking.

    Raises:
        Damaged: something leads out of the buffer, or there is too much of it.
    """
    _verify(table, shape, [MAX_TABLES], 0)


def _verify(table: Table, shape: Shape, budget: list[int], depth: int) -> None:
    budget[0] -= 1
    if budget[0] < 0 or depth > MAX_DEPTH:
        raise Damaged(f"it holds more than {MAX_TABLES} tables, or more than {MAX_DEPTH} within each other")
    if max(table.fields, default=0) >= table.size:
        raise Damaged(f"a field of the table at byte {table.at} lies outside of it")
    for slot, kind in shape.items():
        if isinstance(kind, str):
            table.vector(slot, _scalar(kind).size)
        elif isinstance(kind, tuple):
            for entry in table.tables(slot):
                _verify(entry, kind[0], budget, depth + 1)
        else:
            single = table.table(slot)
            if single is not None:
                _verify(single, kind, budget, depth + 1)


# ------------------------------------------------------------------------------------------ writing


class Writer:
    """Bytes in the making: whatever is appended gives its place; offsets are patched once their target is known."""

    def __init__(self) -> None:
        self.data = bytearray()

    def append(self, content: bytes) -> int:
        """Append bytes; gives their place."""
        self.data += content
        return len(self.data) - len(content)

    def align(self, width: int, ahead: int = 0) -> int:
        """Fill up so that what follows `ahead` bytes later stands at a multiple of `width`; gives the place."""
        self.data += bytes(-(len(self.data) + ahead) % width)
        return len(self.data)

    def offset(self) -> int:
        """Append an offset that is patched later; gives its place."""
        return self.append(b"\0\0\0\0")

    def patch(self, place: int, target: int) -> None:
        """Lead from the offset at one place to a later one."""
        self.data[place : place + 4] = struct.pack("<I", target - place)

    def table(self, fields: Mapping[int, bytes]) -> dict[int, int]:
        """Append a vtable and its table; gives the place of each field, and under -1 that of the table.

        Args:
            fields: slot -> its bytes, of four each: a number, or an offset to be patched.
        """
        slots = sorted(fields)
        count = max(slots, default=-1) + 1
        inside = {slot: 4 + 4 * index for index, slot in enumerate(slots)}
        distances = [inside.get(slot, 0) for slot in range(count)]
        self.align(4)
        vtable = self.append(struct.pack(f"<HH{count}H", 4 + 2 * count, 4 + 4 * len(slots), *distances))
        self.align(4)
        places = {-1: self.append(struct.pack("<i", len(self.data) - vtable))}
        for slot in slots:
            places[slot] = self.append(fields[slot])
        return places

    def vector(self, count: int) -> int:
        """Begin a vector of that many four-byte entries, which are appended next; gives its place."""
        self.align(4)
        return self.append(struct.pack("<I", count))

    def content(self, content: bytes, alignment: int = 4) -> int:
        """Append a vector of bytes, the first at a multiple of `alignment`, with a zero behind; gives its place."""
        self.align(alignment, ahead=4)
        return self.append(struct.pack("<I", len(content)) + content + b"\0")
