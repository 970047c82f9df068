"""Entries of an ONNX file's metadata, written without touching anything else in it.

A ModelProto is a row of fields; its `metadata_props` is a repeated one, so entries may stand at the end. Whatever else
there is is copied as it stands, weights included.
Source: onnx.proto3 (Apache-2.0) for the numbers of fields.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgerun.errors import ModelUnreadable
from edgerun.wire import Damaged, protobuf
from edgerun.wire.protobuf import LENGTH_DELIMITED, MAX_MESSAGE_BYTES, VARINT, Field, encode_bytes, encode_text

__all__ = ["embed"]

GRAPH, METADATA, INITIALIZER, DATA_LOCATION = 7, 14, 5, 14
"""ModelProto.graph and .metadata_props, GraphProto.initializer, TensorProto.data_location."""
KEY, VALUE = 1, 2
"""Fields of a StringStringEntryProto."""
EXTERNAL = 1
"""The data location of weights that another file holds."""
CHUNK = 1 << 20
"""Bytes that are copied at once."""


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
            kept = [field for field in protobuf.fields(data) if not _is_entry(data, field, metadata)]
        except Damaged as cause:
            raise ModelUnreadable(f"{path} is damaged: {cause}.", hint="copy or export it again") from cause
        entries = b"".join(_entry(key, value) for key, value in metadata.items())
        if sum(field.end - field.begin for field in kept) + len(entries) > MAX_MESSAGE_BYTES:
            raise ModelUnreadable(f"{path} is as large as an ONNX file can be.", hint="keep the card in a sidecar")
        with target.open("wb") as out:
            for field in kept:
                file.seek(field.begin)
                _copy(file, out, field.end - field.begin)
            out.write(entries)


def _copy(source: Any, out: Any, count: int) -> None:
    while count > 0:
        part = source.read(min(count, CHUNK))
        if not part:
            raise ModelUnreadable("The file became shorter while it was read.", hint="try again")
        out.write(part)
        count -= len(part)


def _is_entry(data: Any, field: Field, keys: Mapping[str, str]) -> bool:
    """Whether a field of the model is an entry of its metadata with one of these keys."""
    is_entry = field.number == METADATA and field.wire_type == LENGTH_DELIMITED
    return is_entry and _key(data, field) in keys


def _key(data: Any, entry: Field) -> str:
    """The key of a StringStringEntryProto."""
    for field in _nested(data, entry, KEY):
        return bytes(data[field.content : field.end]).decode("utf-8", "replace")
    return ""


def _nested(data: Any, outer: Field, number: int, wire_type: int = LENGTH_DELIMITED) -> Iterator[Field]:
    """The fields of one number and wire type in a nested message."""
    for field in protobuf.fields(data, outer.content, outer.end):
        if field.number == number and field.wire_type == wire_type:
            yield field


def _keeps_weights_elsewhere(data: Any) -> bool:
    for graph in protobuf.fields(data):
        if graph.number == GRAPH and graph.wire_type == LENGTH_DELIMITED:
            weights = _nested(data, graph, INITIALIZER)
            if any(_is_external(data, weight) for weight in weights):
                return True
    return False


def _is_external(data: Any, weight: Field) -> bool:
    return any(field.value == EXTERNAL for field in _nested(data, weight, DATA_LOCATION, VARINT))


def _entry(key: str, value: str) -> bytes:
    return encode_bytes(METADATA, encode_text(KEY, key) + encode_text(VALUE, value))
