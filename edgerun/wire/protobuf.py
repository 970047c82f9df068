"""Protobuf's wire format, read within bounds and written.

A message is a row of fields, each a tag (field number and wire type) and a value. Readers here know no schema: the
caller knows which field holds what.
Source: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from edgerun.wire.damage import Damaged

__all__ = [
    "FIXED32", "FIXED64", "LENGTH_DELIMITED", "MAX_DEPTH", "MAX_FIELDS", "MAX_MESSAGE_BYTES", "VARINT", "Field",
    "Message", "encode_bytes", "encode_number", "encode_text", "encode_varint", "fields", "parse", "read_varint",
]  # fmt: skip

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5
"""Wire types. Groups (3 and 4) are refused: no format that is read here has them."""

FIXED_WIDTHS: Final = {FIXED64: 8, FIXED32: 4}
"""Wire type -> bytes of its values."""

MAX_MESSAGE_BYTES: Final = 2**31 - 1
"""Size of a message that protobuf's own libraries accept."""
MAX_FIELDS: Final = 5_000_000
"""Fields that are read of one buffer; an exported detector has some twenty thousand."""
MAX_DEPTH: Final = 128
"""Messages within each other. An ONNX graph within 32 others needs 101."""

_LAST_SHIFT: Final = 63
_MASK: Final = (1 << 64) - 1
_SIGN: Final = 1 << 63
_ABSENT: Final = (slice(0, 0),)


class Field(NamedTuple):
    """One field of a message, by its place in the buffer.

    Attributes:
        number: its number in the schema.
        wire_type: `VARINT`, `FIXED64`, `LENGTH_DELIMITED` or `FIXED32`.
        begin: where its tag stands.
        content: where its value begins, behind the tag and the length.
        end: where the next field begins.
        value: of a varint, unsigned; of what is length-delimited its length; else 0.
    """

    number: int
    wire_type: int
    begin: int
    content: int
    end: int
    value: int


def read_varint(data: Any, at: int, end: int) -> tuple[int, int]:
    """The number that stands at a place, unsigned and cut to 64 bits, and the place behind it.

    Raises:
        Damaged: it does not end before `end`, or not within ten bytes.
    """
    number = shift = 0
    while at < end and shift <= _LAST_SHIFT:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number & _MASK, at
        shift += 7
    raise Damaged(f"the number before byte {at} does not end")


def fields(data: Any, begin: int = 0, end: int | None = None, *, cut: bool = False) -> Iterator[Field]:
    """The fields of the message from `begin` to `end`, in the order of the file, without what is nested in them.

    Args:
        data: bytes, a memoryview of bytes, or an mmap.
        begin: first byte of the message.
        end: behind its last byte; None for the end of the data.
        cut: whether the last value may reach past the end, as in a file that was truncated; its field then ends there.

    Raises:
        Damaged: a field that is damaged, once the iteration comes to it.
    """
    return map(Field._make, _scan(data, begin, len(data) if end is None else end, cut))


def _scan(data: Any, begin: int, end: int, cut: bool) -> Iterator[tuple[int, int, int, int, int, int]]:
    """The attributes of `Field` as plain tuples, which are faster: a detector has tens of thousands."""
    while begin < end:
        tag, content, value = data[begin], begin + 1, 0
        if tag > 127:
            tag, content = read_varint(data, begin, end)
        number, wire_type = tag >> 3, tag & 7
        if wire_type in (LENGTH_DELIMITED, VARINT):
            value = data[content] if content < end else 128
            content += 1
            if value > 127:
                value, content = read_varint(data, content - 1, end)
            stop = content
            if wire_type == LENGTH_DELIMITED:
                stop += value
        elif wire_type in FIXED_WIDTHS:
            stop = content + FIXED_WIDTHS[wire_type]
        else:
            raise Damaged(f"the field at byte {begin} has the unknown wire type {wire_type}")
        if not number:
            raise Damaged(f"the field at byte {begin} has the number 0")
        if stop > end:
            if not cut:
                raise Damaged(f"the field at byte {begin} reaches past the end of its message")
            stop = end
        yield number, wire_type, begin, content, stop, value
        begin = stop


class Message:
    """The fields of one message by their numbers. What is absent reads as protobuf's default.

    Nested messages are read when they are asked for; all messages of a buffer share one limit of fields.
    """

    __slots__ = ("_budget", "_data", "_depth", "_fields")

    def __init__(self, data: Any, place: slice, budget: list[int], depth: int) -> None:
        if depth > MAX_DEPTH:
            raise Damaged(f"it holds messages nested more than {MAX_DEPTH} deep")
        self._data, self._budget, self._depth = data, budget, depth
        found: dict[int, list[int | slice]] = {}
        self._fields = found
        left = budget[0]
        for number, wire_type, _, content, stop, value in _scan(data, place.start, place.stop, False):
            left -= 1
            entry = value if wire_type == VARINT else slice(content, stop)
            found.setdefault(number, []).append(entry)
            if left < 0:
                raise Damaged("it holds more fields than any sensible model")
        budget[0] = left

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def has_any(self, numbers: Iterable[int]) -> bool:
        """Whether one of these fields stands there."""
        return not self._fields.keys().isdisjoint(numbers)

    def count(self, number: int) -> int:
        """How often a field stands there."""
        return len(self._fields.get(number, ()))

    def replaced(self, number: int, other: Message) -> Message:
        """A copy with one field taken from another message of the same buffer."""
        copy = Message(self._data, slice(0, 0), self._budget, self._depth)
        copy._fields = {**self._fields}
        copy._fields.pop(number, None)
        if number in other:
            copy._fields[number] = other._fields[number]
        return copy

    def message(self, number: int) -> Message | None:
        """A nested message, the last one where it is repeated; None where it is absent."""
        if number not in self._fields:
            return None
        return Message(self._data, self._place(number), self._budget, self._depth + 1)

    def messages(self, number: int) -> list[Message]:
        """A repeated nested message."""
        data, budget, depth = self._data, self._budget, self._depth + 1
        return [Message(data, place, budget, depth) for place in self._places(number)]

    def size(self, number: int) -> int:
        """Bytes of a text or of a nested message; 0 where it is absent."""
        place = self._place(number)
        return int(place.stop - place.start)

    def raw(self, number: int) -> bytes:
        """Bytes as they stand."""
        return bytes(self._content(number))

    def text(self, number: int) -> str:
        """A text; what is not UTF-8 in it is replaced."""
        return str(self._content(number), "utf-8", "replace")

    def texts(self, number: int) -> tuple[str, ...]:
        """A repeated text."""
        data = self._data
        return tuple([str(data[place], "utf-8", "replace") for place in self._places(number)])

    def integer(self, number: int, default: int = 0) -> int:
        """A signed number (int32, int64, bool or an enum)."""
        entries = self._fields.get(number)
        if not entries:
            return default
        value = entries[-1]
        if isinstance(value, slice):
            raise Damaged(f"field {number} is not a number")
        return _signed(value)

    def integers(self, number: int, most: int) -> list[int] | None:
        """Signed numbers, packed or one by one; None where there are more than `most`."""
        values = list(islice(self._varints(number), most + 1))
        if len(values) > most:
            return None
        return [_signed(value) for value in values]

    def _varints(self, number: int) -> Iterator[int]:
        for entry in self._fields.get(number, ()):
            if isinstance(entry, int):
                yield entry
                continue
            at = entry.start
            while at < entry.stop:
                value, at = read_varint(self._data, at, entry.stop)
                yield value

    def numbers(self, number: int, dtype: str, most: int) -> npt.NDArray[Any] | None:
        """Numbers of fixed width, packed or one by one, as an array [n]; None where there are more than `most`.

        Args:
            number: of the field.
            dtype: numpy's, little-endian: "<f4".
            most: numbers that are wanted at most.

        Raises:
            Damaged: the bytes are not a whole number of them.
        """
        width = np.dtype(dtype).itemsize
        places = self._places(number)
        if sum(place.stop - place.start for place in places) > most * width:
            return None
        content = b"".join(self._data[place] for place in places)
        if len(content) % width:
            raise Damaged(f"the {len(content)} bytes of field {number} are not a whole number of values")
        return np.frombuffer(content, dtype)

    def _place(self, number: int) -> slice:
        """Where a value stands, the last one where it is repeated; nowhere in particular where it is absent."""
        return _as_place(self._fields.get(number, _ABSENT)[-1])

    def _content(self, number: int) -> Any:
        return self._data[self._place(number)]

    def _places(self, number: int) -> list[slice]:
        return [_as_place(entry) for entry in self._fields.get(number, ())]


def parse(data: Any, max_fields: int = MAX_FIELDS) -> Message:
    """The message that a whole buffer holds; `max_fields` limits all that is read of it, nested messages included.

    Raises:
        Damaged: it is not one. So do all methods of `Message`, for what is nested in it.
    """
    return Message(data, slice(0, len(data)), [max_fields], 0)


def _as_place(entry: int | slice) -> slice:
    if isinstance(entry, slice):
        return entry
    raise Damaged(f"there is the number {entry} where a text or a table is due")


def _signed(value: int) -> int:
    return value - (1 << 64) if value & _SIGN else value


# ------------------------------------------------------------------------------------------ writing


def encode_varint(value: int) -> bytes:
    """A number of at most 64 bits; negative ones as their two's complement, in ten bytes."""
    value &= _MASK
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_number(number: int, value: int) -> bytes:
    """A field that is an integer, a bool or an enum."""
    return encode_varint(number << 3 | VARINT) + encode_varint(value)


def encode_bytes(number: int, content: bytes) -> bytes:
    """A field of bytes, or a message that is already encoded."""
    return encode_varint(number << 3 | LENGTH_DELIMITED) + encode_varint(len(content)) + content


def encode_text(number: int, text: str) -> bytes:
    """A field that is a text, as UTF-8."""
    return encode_bytes(number, text.encode("utf-8"))
