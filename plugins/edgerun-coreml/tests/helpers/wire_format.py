"""A tiny protobuf encoder for tests: messages as dicts, laid out by the schema of the reader."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from edgerun_coreml.file.schema import model_schema
from edgerun_coreml.file.wire import Field, MessageType


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def delimited(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def encode(name: str, content: dict[str, Any]) -> bytes:
    """A message of the Core ML schema: ``encode("Model", {"specificationVersion": 6, ...})``."""
    return _message(model_schema().messages[name], content)


def _message(message_type: MessageType, content: dict[str, Any]) -> bytes:
    numbers = {item.name: number for number, item in message_type.fields.items()}
    return b"".join(_field(numbers[key], message_type.by_name[key], value) for key, value in content.items())


def _field(number: int, item: Field, value: Any) -> bytes:
    if item.kind == "map":
        assert item.message is not None
        pairs = [{"key": key, "value": entry} for key, entry in value.items()]
        return b"".join(delimited(number, _message(item.message, pair)) for pair in pairs)
    if not item.repeated:
        return _single(number, item, value)
    if item.kind in ("message", "string"):
        return b"".join(_single(number, item, entry) for entry in value)
    if item.kind in ("float", "double"):
        return delimited(number, np.asarray(value, "<f4" if item.kind == "float" else "<f8").tobytes())
    return delimited(number, b"".join(varint(int(entry)) for entry in value))


def _single(number: int, item: Field, value: Any) -> bytes:
    if item.kind == "message":
        assert item.message is not None
        return delimited(number, _message(item.message, value))
    if item.kind == "string":
        return delimited(number, value.encode())
    if item.kind == "bytes":
        return delimited(number, bytes(value))
    if item.kind == "float":
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if item.kind == "double":
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if item.enum is not None:
        value = {name: key for key, name in item.enum.items()}[value]
    return varint(number << 3) + varint(int(value))
