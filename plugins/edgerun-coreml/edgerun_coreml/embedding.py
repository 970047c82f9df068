"""Entries of a Core ML file's user-defined metadata, written without touching anything else in it.

Numbers of fields: Model.description 2, ModelDescription.metadata 100, Metadata.userDefined 100 (Model.proto of
coremltools, BSD-3-Clause).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from edgerun.errors import ModelError
from edgerun.wire import Damaged, protobuf
from edgerun.wire.protobuf import Field, encode_bytes, encode_text
from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.package import Folder, _root_model, map_file, parse_model, refuse_compiled

DESCRIPTION: Final = 2
METADATA: Final = 100
USER_DEFINED: Final = 100
KEY, VALUE = 1, 2
"""Fields of an entry of a map."""


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
    parse_model(model)  # everything that Core ML reads is checked here
    try:
        return _rewritten(memoryview(model), metadata)
    except Damaged as cause:
        raise ModelDamaged(str(cause)) from cause


def _rewritten(data: memoryview, metadata: Mapping[str, str]) -> bytes:
    rest, description = _parted(data, DESCRIPTION)
    others, inner = _parted(memoryview(description), METADATA)
    kept = b"".join(
        inner[field.begin : field.end] for field in protobuf.fields(inner) if not _is_entry(inner, field, metadata)
    )
    entries = b"".join(
        encode_bytes(USER_DEFINED, encode_text(KEY, key) + encode_text(VALUE, value)) for key, value in metadata.items()
    )
    return rest + encode_bytes(DESCRIPTION, others + encode_bytes(METADATA, kept + entries))


def _parted(data: memoryview, wanted: int) -> tuple[bytes, bytes]:
    """All fields but one, and the contents of that one; a message that stands twice is the sum of both."""
    rest, found = bytearray(), bytearray()
    for field in protobuf.fields(data):
        if field.number == wanted:
            found += data[field.content : field.end]
        else:
            rest += data[field.begin : field.end]
    return bytes(rest), bytes(found)


def _is_entry(data: bytes, field: Field, keys: Mapping[str, str]) -> bool:
    """Whether a field of the metadata is a user-defined entry with one of these keys."""
    return field.number == USER_DEFINED and _key(data, field) in keys


def _key(data: bytes, entry: Field) -> str:
    """The key of an entry of a map."""
    key = ""
    for field in protobuf.fields(data, entry.content, entry.end):
        if field.number == KEY:
            key = data[field.content : field.end].decode("utf-8", "replace")
    return key
