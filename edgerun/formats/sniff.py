"""Which format a model file has, by its bytes and never by its suffix alone."""

from __future__ import annotations

import mmap
import re
import zipfile
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from edgerun.errors import ModelUnreadable, ModelUnsafe
from edgerun.formats.known import (
    ARCHIVE_MEMBERS,
    BESIDE_WEIGHTS,
    BY_SUFFIX,
    FOLDER_MEMBERS,
    FOLDER_PAIRS,
    IDENTIFIERS,
    MAGICS,
    RECOGNISED,
    SUFFIXES,
    TEXTS,
    is_packed,
)
from edgerun.wire import Damaged, protobuf

__all__ = ["sniff"]

MAX_ARCHIVE_MEMBERS = 100_000
MAX_FIELDS = 4096
"""Fields on the top level of a protobuf message that are looked at."""


def sniff(path: Path, offered: Iterable[str] = ()) -> str:
    """The format of a model: a key of RECOGNISED, or one that a backend may offer ("onnx", "tflite" …).

    Args:
        path: of a file or a folder.
        offered: formats of installed backends. One that is none of ours is recognised by its suffix: the format
            "mine" has files *.mine.

    Raises:
        ModelUnreadable: missing, empty, or of no known format.
        ModelUnsafe: an archive with more members than any model has.
    """
    if not path.exists():
        raise ModelUnreadable(f"There is no model {path}.", hint="check the path")
    if not path.is_file() and not path.is_dir():  # a pipe would be waited for without end
        raise ModelUnreadable(f"{path} is a pipe or a device, not a file.", hint="copy it into a file and name that")
    foreign = path.suffix.lower().removeprefix(".")
    if foreign in set(offered) - set(SUFFIXES.values()) - set(RECOGNISED):
        return foreign
    if path.is_dir():
        return _sniff_folder(path)
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise ModelUnreadable(f"{path} is empty (0 bytes).", hint="copy or export it again")
    if head.startswith(b"PK\x03\x04"):
        return _sniff_archive(path)
    if is_packed(head):
        raise ModelUnreadable(f"{path} is a packed archive.", hint="unpack it and name the model inside")
    found = _sniff_head(head, path)
    if found is None:
        raise _unknown(path, head)
    return found


def _unknown(path: Path, head: bytes) -> ModelUnreadable:
    shown = head[:16].decode("ascii", "replace").replace("�", ".").replace("\n", " ")
    return ModelUnreadable(
        f"{path} is of no known model format; it begins with {shown!r}.",
        hint="models are .onnx .ort .tflite .mlpackage .mlmodel .pte .torchscript; run: edgerun plugins",
    )


def _sniff_folder(path: Path) -> str:
    for member, format in FOLDER_MEMBERS.items():
        if (path / member).exists():
            return format
    if path.suffix == ".mlmodelc":
        return "mlmodelc"
    suffixes = {entry.suffix for entry in path.iterdir()}
    for suffix, format in FOLDER_PAIRS.items():
        if {suffix, ".bin"} <= suffixes:
            return format
    models = sorted(entry.name for entry in path.iterdir() if entry.suffix in SUFFIXES)
    if models:
        raise ModelUnreadable(f"{path} is a folder, not a model.", hint=f"name one of its models: {path / models[0]}")
    raise ModelUnreadable(f"{path} is a folder without a model in it.", hint="name a model file or a .mlpackage")


def _sniff_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as cause:
        raise ModelUnreadable(f"{path} is a damaged zip archive: {cause}.", hint="copy or export it again") from cause
    if len(names) > MAX_ARCHIVE_MEMBERS:
        raise ModelUnsafe(f"{path} is an archive of {len(names)} members.", hint="no model looks like that")
    members: set[str] = set()
    for name in names:
        last = name.rstrip("/").rsplit("/", 1)[-1]
        members |= {last, "*" + Path(name).suffix, name.partition("/")[0] + "/"}
    for format, required in ARCHIVE_MEMBERS:
        if required <= members:
            return format
    models = sorted(name for name in names if Path(name).suffix in SUFFIXES)
    inside = models[0] if models else "the model inside"
    raise ModelUnreadable(
        f"{path} is a zip archive, but not a model that is known.", hint=f"unpack it and name {inside}"
    )


def _sniff_head(head: bytes, path: Path) -> str | None:
    if head[4:8] in IDENTIFIERS:
        return IDENTIFIERS[head[4:8]]
    if head[4:6] == b"ET" and head[6:8].isdigit():
        return "executorch"
    size = path.stat().st_size
    if head[4:5] == b"{" and 4 < int.from_bytes(head[:4], "little") < size:
        return "tensorrt"  # Ultralytics puts its metadata before the engine, with their length in four bytes
    if head[8:9] == b"{" and 1 < int.from_bytes(head[:8], "little") <= size - 8:
        return "safetensors"
    found = _sniff_magic(head) or _sniff_text(head) or _sniff_protobuf(path)
    if found is None and path.suffix.lower() == ".bin":
        found = _sniff_beside(path)
    return found or BY_SUFFIX.get(path.suffix.lower())


def _sniff_magic(head: bytes) -> str | None:
    return next((format for magic, format in MAGICS.items() if head.startswith(magic)), None)


def _sniff_text(head: bytes) -> str | None:
    text = re.sub(rb"^\s*(#[^\n]*\n\s*)*", b"", head.removeprefix(b"\xef\xbb\xbf"))
    return next((format for pattern, format in TEXTS.items() if pattern.match(text)), None)


def _sniff_beside(path: Path) -> str | None:
    """The format of weights, which say nothing: that of the network beside them."""
    return next((format for suffix, format in BESIDE_WEIGHTS.items() if path.with_suffix(suffix).exists()), None)


def _sniff_protobuf(path: Path) -> str | None:
    """Bare protobuf messages have no magic: told apart by the fields on their top level.

    ONNX's ModelProto has texts in fields 2 to 6 (producer, version, domain) and the graph in 7. Core ML's Model has
    its description in field 2, a message, and the network in one of the fields from 200 on. A TensorFlow GraphDef
    begins with a node: a message of a name (1) and an operator (2). Paddle's ProgramDesc begins with a block: a
    message of two numbers (1, 2). Caffe's NetParameter has its layers in field 100; MACE's NetDef has its inputs
    there, and its outputs in 101. A SavedModel has its version in field 1 and graphs in 2.
    Sources: onnx/onnx.proto (Apache-2.0), coremltools/mlmodel/format/Model.proto (BSD-3), tensorflow/core/framework/
    graph.proto and protobuf/saved_model.proto (Apache-2.0), paddle/fluid/framework/framework.proto (Apache-2.0),
    caffe.proto (BSD-2), mace/proto/mace.proto (Apache-2.0).
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            fields = list(islice(protobuf.fields(data, cut=True), MAX_FIELDS))
        except Damaged:
            return None
        message = _Message({field.number for field in fields}, fields[0].number, _beginning(data, fields[0]))
    for holds, format in PROTOBUFS:
        if holds(message):
            return format
    return "savedmodel" if path.name == "saved_model.pb" else None


class _Message(NamedTuple):
    """The top level of a protobuf message.

    Attributes:
        numbers: of its fields.
        first: number of its first field.
        content: beginning of what is nested in that; b"" where it is a number.
    """

    numbers: set[int]
    first: int
    content: bytes


def _is_core_ml(message: _Message) -> bool:
    return 1 in message.numbers and not message.numbers.isdisjoint(range(200, 3001))


def _is_onnx(message: _Message) -> bool:
    return 7 in message.numbers and max(message.numbers) < 30


def _is_mace(message: _Message) -> bool:
    return 101 in message.numbers


def _is_caffe(message: _Message) -> bool:
    return 100 in message.numbers


def _is_paddle(message: _Message) -> bool:
    """It begins with a block, which begins with a number in field 1."""
    return message.first == 1 and message.content[:1] == b"\x08" and message.numbers <= {1, 4, 5}


def _is_tensorflow(message: _Message) -> bool:
    """It begins with a node, which begins with a text in field 1 and has another one in field 2."""
    content = message.content
    if message.first != 1 or content[:1] != b"\x0a":
        return False
    behind_text = 2 + content[1]
    return content[behind_text : behind_text + 1] == b"\x12"


PROTOBUFS: tuple[tuple[Callable[[_Message], bool], str], ...] = (
    (_is_core_ml, "mlmodel"),
    (_is_onnx, "onnx"),
    (_is_mace, "mace"),
    (_is_caffe, "caffe"),
    (_is_paddle, "paddle"),
    (_is_tensorflow, "tf-graph"),
)
"""In this order; the first one counts."""


def _beginning(data: Any, field: protobuf.Field) -> bytes:
    """The first bytes of a nested message, two at least; b"" of a number."""
    if field.wire_type == protobuf.VARINT:
        return b""
    return bytes(data[field.content : min(field.content + 64, field.end)]).ljust(2, b"\0")
