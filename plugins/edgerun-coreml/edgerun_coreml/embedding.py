"""Entries of a Core ML file's user-defined metadata, written without touching anything else in it.

Numbers of fields: Model.description 2, ModelDescription.metadata 100, Metadata.userDefined 100 (Model.proto of
coremltools, BSD-3-Clause).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from edgerun.errors import ModelError
from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.package import Folder, _root_model, map_file, parse_model, refuse_compiled
from edgerun_coreml.file.wire import BYTES, FIXED32, FIXED64, VARINT
from edgerun_coreml.onnx.onnx_writer import _bytes, _text

DESCRIPTION: Final = 2
METADATA: Final = 100
USER_DEFINED: Final = 100


def embed(path: Path, metadata: Mapping[str, str], target: Path) -> None:
    """Write a copy of a ``.mlpackage`` or ``.mlmodel`` with these entries; earlier ones of the same keys go.

    Raises :class:`ModelDamaged`, :class:`ModelUnsupported` for what is compiled, ``ModelError`` for what is zipped.
    """
    if path.is_dir():
        refuse_compiled(path)
        files = Folder(path)
        inside = PurePosixPath("Data") / _root_model(files.read(PurePosixPath("Manifest.json")))
        content = _with_entries(files.read(inside), metadata)
        shutil.copytree(path, target, symlinks=True)
        (target / inside).write_bytes(content)
        return
    data = map_file(path)
    if data[:4].tobytes() == b"PK\x03\x04":
        raise ModelError(
            f"{path.name} is a zipped package, which is not written.", hint="unpack it, and name the folder"
        )
    target.write_bytes(_with_entries(data, metadata))


def _with_entries(model: Any, metadata: Mapping[str, str]) -> bytes:
    """The message Model with these entries."""
    parse_model(model)  # everything is checked here, so what follows may rely on it
    data = memoryview(model)
    entries = b"".join(_bytes(USER_DEFINED, _text(1, key) + _text(2, value)) for key, value in metadata.items())
    rest, description = _parted(data, DESCRIPTION)
    others, inner = _parted(memoryview(description), METADATA)
    kept = b"".join(
        bytes(inner[start:end])
        for number, start, content, end in _fields(memoryview(inner))
        if number != USER_DEFINED or _key(memoryview(inner)[content:end]) not in metadata
    )
    return rest + _bytes(DESCRIPTION, others + _bytes(METADATA, kept + entries))


def _parted(data: memoryview, wanted: int) -> tuple[bytes, bytes]:
    """All fields but one, and the contents of that one; a message that stands twice is the sum of both."""
    rest, found = bytearray(), bytearray()
    for number, start, content, end in _fields(data):
        if number == wanted:
            found += data[content:end]
        else:
            rest += data[start:end]
    return bytes(rest), bytes(found)


def _key(entry: memoryview) -> str:
    """The key of an entry of a map."""
    key = ""
    for number, _, content, end in _fields(entry):
        if number == 1:
            key = bytes(entry[content:end]).decode("utf-8", "replace")
    return key


def _fields(data: memoryview) -> Iterator[tuple[int, int, int, int]]:
    """(number, begin of the field, begin of its contents, end) of each field."""
    at = 0
    while at < len(data):
        start = at
        key, at = _varint(data, at)
        kind, content = key & 7, at
        if kind == VARINT:
            _, at = _varint(data, at)
        elif kind == BYTES:
            size, content = _varint(data, at)
            at = content + size
        elif kind in (FIXED32, FIXED64):
            at += 4 if kind == FIXED32 else 8
        else:
            raise ModelDamaged(f"unknown wire type {kind}")
        if at > len(data):
            raise ModelDamaged("a field reaches past the end of its message")
        yield key >> 3, start, content, at


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ModelDamaged("a number does not end")
