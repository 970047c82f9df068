"""Entries of an ONNX file's metadata, written without touching anything else in it.

A ModelProto is a row of fields; its `metadata_props` is a repeated one, so entries may stand at the end. Whatever else
there is is copied as it stands, weights included.
Source: onnx.proto3 (Apache-2.0) for the numbers of fields; https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgerun.errors import ModelUnreadable

__all__ = ["embed"]

GRAPH, METADATA, INITIALIZER, DATA_LOCATION = 7, 14, 5, 14
"""ModelProto.graph and .metadata_props, GraphProto.initializer, TensorProto.data_location."""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
LARGEST = 2**31 - 1
"""Bytes of a protobuf message."""


def embed(path: Path, metadata: Mapping[str, str], target: Path) -> None:
    """Write a copy of a model with these entries; earlier entries of the same keys are left out.

    Raises:
        ModelUnreadable: the file is damaged, or would grow beyond what protobuf holds, or keeps its weights in another
            file, which the copy would not find.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            if target.parent.resolve() != path.parent.resolve() and _keeps_weights_elsewhere(data):
                raise ModelUnreadable(
                    f"{path} keeps its weights in another file, which a copy in another folder would not find.",
                    hint="write the copy into the same folder",
                )
            kept = [(start, end) for number, _, start, _, end in _fields(data, 0, len(data))
                    if number != METADATA or _key(data, start, end) not in metadata]  # fmt: skip
        except (IndexError, ValueError) as cause:
            raise ModelUnreadable(f"{path} is damaged: {cause}.", hint="copy or export it again") from cause
        entries = b"".join(_entry(key, value) for key, value in metadata.items())
        if sum(end - start for start, end in kept) + len(entries) > LARGEST:
            raise ModelUnreadable(f"{path} is as large as an ONNX file can be.", hint="keep the card in a sidecar")
        with target.open("wb") as out:
            for start, end in kept:
                file.seek(start)
                _copy(file, out, end - start)
            out.write(entries)


def _copy(source: Any, out: Any, count: int) -> None:
    while count > 0:
        part = source.read(min(count, 1 << 20))
        if not part:
            raise ModelUnreadable("The file became shorter while it was read.", hint="try again")
        out.write(part)
        count -= len(part)


def _fields(data: Any, at: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """(number, wire type, begin of the field, begin of its contents, end) of each field."""
    while at < end:
        start = at
        tag, at = _varint(data, at, end)
        number, kind = tag >> 3, tag & 7
        content = at
        if kind == VARINT:
            _, at = _varint(data, at, end)
        elif kind == FIXED64:
            at += 8
        elif kind == FIXED32:
            at += 4
        elif kind == BYTES:
            size, content = _varint(data, at, end)
            at = content + size
        else:
            raise ValueError(f"a field of the unknown kind {kind} at byte {start}")
        if at > end or number == 0:
            raise ValueError(f"the field at byte {start} leads out of its message")
        yield number, kind, start, content, at


def _varint(data: Any, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= end or shift > 63:
            raise ValueError(f"a number at byte {at} does not end")
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _key(data: Any, start: int, end: int) -> str:
    """The key of a StringStringEntryProto that stands here as a field."""
    _, at = _varint(data, start, end)
    _, at = _varint(data, at, end)
    for number, kind, _, content, stop in _fields(data, at, end):
        if number == 1 and kind == BYTES:
            return bytes(data[content:stop]).decode("utf-8", "replace")
    return ""


def _keeps_weights_elsewhere(data: Any) -> bool:
    for number, kind, _, content, end in _fields(data, 0, len(data)):
        if number != GRAPH or kind != BYTES:
            continue
        for inner, how, _, begin, stop in _fields(data, content, end):
            if inner == INITIALIZER and how == BYTES:
                for field, wire, _, place, last in _fields(data, begin, stop):
                    if field == DATA_LOCATION and wire == VARINT and _varint(data, place, last)[0] == 1:
                        return True
    return False


def _entry(key: str, value: str) -> bytes:
    content = _text(1, key) + _text(2, value)
    return _number(METADATA << 3 | BYTES) + _number(len(content)) + content


def _text(field: int, value: str) -> bytes:
    encoded = value.encode("utf-8")
    return _number(field << 3 | BYTES) + _number(len(encoded)) + encoded


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
