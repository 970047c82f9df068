"""A bounded reader of the protobuf wire format, driven by a schema.

Nothing is trusted: lengths are checked against what is left, depth and the number of fields are limited, and
every fault raises :class:`ModelDamaged`. Large packed numbers and byte strings are views of the input, never
copies.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgerun_coreml.errors import ModelDamaged

Array = npt.NDArray[Any]

MAX_DEPTH: Final = 96
"""Nesting of messages. A pipeline of programs with nested control flow needs about 40."""
MAX_FIELDS: Final = 1_000_000
"""Fields read in all. A detector has some 30 000; 10 000 operations make about 500 000."""
MAX_PACKED_INTEGERS: Final = 8 << 20
"""Bytes of one packed integer field: decoding needs some ten times as much."""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

_NUMBERS: Final[dict[str, tuple[int, npt.DTypeLike]]] = {
    "int32": (VARINT, np.int64),
    "int64": (VARINT, np.int64),
    "uint32": (VARINT, np.int64),
    "uint64": (VARINT, np.int64),
    "bool": (VARINT, np.bool_),
    "float": (FIXED32, "<f4"),
    "double": (FIXED64, "<f8"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message. ``kind`` is a scalar's name, ``enum``, ``message`` or ``map``."""

    name: str
    kind: str
    repeated: bool = False
    oneof: str = ""
    message: MessageType | None = None
    enum: dict[int, str] | None = None


@dataclass(slots=True, eq=False)
class MessageType:
    """A message's name and its fields by number; filled in after creation since types refer to each other."""

    name: str
    fields: dict[int, Field] = field(default_factory=dict)
    by_name: dict[str, Field] = field(default_factory=dict)

    def add(self, number: int, item: Field) -> None:
        """Add a field under its number."""
        self.fields[number] = item
        self.by_name[item.name] = item


class Message:
    """A parsed message. Fields are attributes; what the file leaves out has its protobuf default.

    Numbers are ``int``, ``float`` or ``bool``; repeated numbers are arrays (int64, float32, float64, bool);
    enums are the names of their values; ``bytes`` are memoryviews; maps are dicts.
    """

    __slots__ = ("_type", "_values")

    def __init__(self, message_type: MessageType, values: dict[str, Any] | None = None) -> None:
        self._type = message_type
        self._values: dict[str, Any] = {} if values is None else values

    def __getattr__(self, name: str) -> Any:
        value = self._values.get(name)
        if value is not None:
            return value
        item = self._type.by_name.get(name)
        if item is None:
            raise AttributeError(f"{self._type.name} has no field {name!r}")
        return _default(item)

    def has(self, name: str) -> bool:
        """Whether the file holds the field."""
        return name in self._values

    def which(self, oneof: str) -> str:
        """The name of the member of ``oneof`` that is set, or an empty string."""
        value: str = self._values.get("/" + oneof, "")
        return value

    def items(self) -> Iterator[tuple[Field, Any]]:
        """Every field with its value, in the schema's order. Members of a oneof and messages that are not there are
        left out; anything else that is not there has its default.
        """
        for item in self._type.by_name.values():
            plain = not item.oneof and (item.repeated or item.kind != "message")
            if plain or item.name in self._values:
                yield item, getattr(self, item.name)

    @property
    def type_name(self) -> str:
        """The message's name in the schema."""
        return self._type.name

    def __repr__(self) -> str:
        return f"<{self._type.name} {' '.join(k for k in self._values if k[0] != '/')}>"


def _default(item: Field) -> Any:
    if item.kind == "map":
        return {}
    if item.repeated:
        return np.zeros(0, _NUMBERS[item.kind][1]) if item.kind in _NUMBERS else []
    if item.kind == "message":
        assert item.message is not None
        return Message(item.message)
    if item.enum is not None:
        return item.enum.get(0, "0")
    return {"string": "", "bytes": memoryview(b""), "float": 0.0, "double": 0.0, "bool": False}.get(item.kind, 0)


def parse(data: Any, message_type: MessageType, *, max_fields: int = MAX_FIELDS) -> Message:
    """Read one message from a bytes-like object, which must outlive the result (arrays are views of it).

    Raises :class:`ModelDamaged` for anything that is not a well-formed message within the limits.
    """
    reader = _Reader(memoryview(data).cast("B"), max_fields)
    try:
        return reader.message(0, len(reader.data), message_type, 0)
    except (IndexError, struct.error) as error:
        raise ModelDamaged(f"{message_type.name}: the data ends in the middle of a field") from error
    except UnicodeDecodeError as error:
        raise ModelDamaged(f"{message_type.name}: a name is not valid UTF-8") from error


class _Reader:
    def __init__(self, data: memoryview, budget: int) -> None:
        self.data = data
        self.budget = budget

    def varint(self, at: int) -> tuple[int, int]:
        data = self.data
        byte = data[at]
        if byte < 128:
            return byte, at + 1
        result, shift = byte & 127, 7
        while True:
            at += 1
            byte = data[at]
            result |= (byte & 127) << shift
            if byte < 128:
                return result & 0xFFFFFFFFFFFFFFFF, at + 1
            shift += 7
            if shift > 63:
                raise ModelDamaged("a number of more than ten bytes")

    def message(self, at: int, end: int, message_type: MessageType, depth: int) -> Message:
        if depth > MAX_DEPTH:
            raise ModelDamaged(f"messages nested more than {MAX_DEPTH} deep")
        values: dict[str, Any] = {}
        packed: set[str] = set()
        fields, data, varint = message_type.fields, self.data, self.varint
        while at < end:
            self.budget -= 1
            if self.budget < 0:
                raise ModelDamaged("more fields than any sensible model has")
            key, at = varint(at)
            wire, item = key & 7, fields.get(key >> 3)
            if wire == BYTES:
                size, at = varint(at)
                stop = at + size
                if stop > end:
                    raise ModelDamaged(f"{message_type.name}: a field reaches past the end of its message")
                if item is not None:
                    self.delimited(item, at, stop, values, packed, depth)
                at = stop
                continue
            start = at
            if wire == VARINT:
                number, at = varint(at)
            elif wire == FIXED32:
                at += 4
            elif wire == FIXED64:
                at += 8
            else:
                raise ModelDamaged(f"{message_type.name}: unknown wire type {wire}")
            if at > end:
                raise ModelDamaged(f"{message_type.name}: a number reaches past the end of its message")
            if item is None:
                continue
            if wire == VARINT:
                scalar = _integer(item, number)
            else:
                if (item.kind, wire) not in (("float", FIXED32), ("double", FIXED64)):
                    raise ModelDamaged(f"{message_type.name}.{item.name}: wrong wire type")
                (scalar,) = struct.unpack_from("<f" if wire == FIXED32 else "<d", data, start)
            if item.repeated:
                values.setdefault(item.name, []).append(scalar)
                packed.add(item.name)
            else:
                _set(values, item, scalar)
        for name in packed:
            values[name] = _join(values[name], message_type.by_name[name])
        return Message(message_type, values)

    def delimited(self, item: Field, at: int, stop: int, values: dict[str, Any], packed: set[str], depth: int) -> None:
        kind = item.kind
        if kind == "message":
            assert item.message is not None
            value: Any = self.message(at, stop, item.message, depth + 1)
        elif kind == "string":
            value = str(self.data[at:stop], "utf-8")
        elif kind == "map":
            assert item.message is not None
            entry = self.message(at, stop, item.message, depth + 1)
            values.setdefault(item.name, {})[entry.key] = entry.value
            return
        elif kind == "bytes":
            value = self.data[at:stop]
        elif item.repeated:
            values.setdefault(item.name, []).append(self.packed(item, at, stop))
            packed.add(item.name)
            return
        else:
            raise ModelDamaged(f"field {item.name}: wrong wire type")
        if item.repeated:
            values.setdefault(item.name, []).append(value)
        else:
            _set(values, item, value)

    def packed(self, item: Field, at: int, stop: int) -> Array:
        if item.kind not in _NUMBERS:
            raise ModelDamaged(f"field {item.name}: wrong wire type")
        wire, dtype = _NUMBERS[item.kind]
        if wire == VARINT:
            return _varints(self.data[at:stop]).astype(dtype, copy=False)
        if (stop - at) % (4 if wire == FIXED32 else 8):
            raise ModelDamaged(f"field {item.name}: not a whole number of values")
        return np.frombuffer(self.data[at:stop], dtype)


def _integer(item: Field, number: int) -> int | bool | str:
    signed = number - (1 << 64) if number >> 63 else number
    if item.enum is not None:
        return item.enum.get(signed, str(signed))
    if item.kind == "bool":
        return bool(number)
    if item.kind not in _NUMBERS or _NUMBERS[item.kind][0] != VARINT:
        raise ModelDamaged(f"field {item.name}: wrong wire type")
    return signed


def _set(values: dict[str, Any], item: Field, value: Any) -> None:
    if item.oneof:
        group = "/" + item.oneof
        previous = values.get(group)
        if previous is not None and previous != item.name:
            values.pop(previous, None)
        values[group] = item.name
    values[item.name] = value


def _join(parts: list[Any], item: Field) -> Any:
    """One array from the chunks and single values of a repeated number; a lone chunk stays a view."""
    if len(parts) == 1 and isinstance(parts[0], np.ndarray):
        return parts[0]
    if item.kind not in _NUMBERS:
        return parts
    return np.concatenate([np.atleast_1d(np.asarray(part, _NUMBERS[item.kind][1])) for part in parts])


def _varints(data: memoryview) -> Array:
    """Decode packed varints into int64: bytes below 128 end a number, seven bits come from each."""
    if len(data) > MAX_PACKED_INTEGERS:
        raise ModelDamaged("too many integers in one field")
    raw = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(raw < 128)
    if raw.size == 0:
        return np.zeros(0, np.int64)
    if ends.size == 0 or ends[-1] != raw.size - 1:
        raise ModelDamaged("the data ends in the middle of a number")
    if ends.size == raw.size:
        return raw.astype(np.int64)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if int(lengths.max()) > 10:
        raise ModelDamaged("a number of more than ten bytes")
    place = np.arange(raw.size) - np.repeat(starts, lengths)
    bits = (raw & 127).astype(np.uint64) << (7 * place).astype(np.uint64)
    joined: Array = np.add.reduceat(bits, starts).astype(np.uint64).view(np.int64)
    return joined
