"""What a TorchScript file says of itself, read from its zip archive without torch and without unpickling.

Names of the members are those that torch 2.13 writes, seen in files: `extra/*` is free text of the exporter,
`traced_inputs.pkl` holds the example inputs of a trace, `code/**.py` is the program.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from edgerun.errors import ModelUnsafe

__all__ = ["Archive", "read"]

LARGEST_TEXT = 16_000_000
"""Bytes of one text; what is longer is left unread."""
MAX_RATIO, MARGIN = 20, 1_000_000
"""An archive may unpack to so many times its own size, and so many bytes more."""

MEMBERS = re.compile(r"/(extra/|code/.*\.py$|traced_inputs\.pkl$)")
"""Names of the members that are read."""
DEVICES = re.compile(rb'torch\.device\("(\w+)')
LIBRARIES = re.compile(rb"\bops\.(torchvision|torchaudio)\b")
"""What a program names in its code."""

DTYPES = {
    "Float": "float32", "Half": "float16", "Double": "float64", "Byte": "uint8", "Char": "int8", "Short": "int16",
    "Int": "int32", "Long": "int64", "Bool": "bool",
    "BFloat16": "bfloat16",
}  # fmt: skip
"""torch's names of storages, and numpy's, which lacks the last."""


class Archive(NamedTuple):
    """What is known before torch opens the file.

    Attributes:
        metadata: the extra files; the entries of a JSON object in config.txt one by one, as Ultralytics writes it.
        traced: shape and dtype of each tensor that the model was traced with; () where it was scripted or frozen.
        devices: kinds of devices that the program names, such as {"cpu"}.
        libraries: namespaces of operators that torch itself does not bring.
    """

    metadata: dict[str, str | bytes]
    traced: tuple[tuple[tuple[int, ...], str], ...]
    devices: frozenset[str]
    libraries: frozenset[str]


def read(path: Path) -> Archive:
    """Read what can be read.

    Raises:
        ModelUnsafe: the archive would fill the memory, or could touch files while torch opens it.
    """
    texts = _texts(path)
    code = b"\n".join(text for name, text in texts.items() if name.startswith("code/"))
    if b"__setstate__" in code and re.search(rb"\b(save|from_file)\b", code):  # it would run while the file is opened
        raise ModelUnsafe(f"{path.name} could read or write files when it is opened.", hint="export it without that")
    metadata: dict[str, str | bytes] = {}
    for name, text in texts.items():
        if name.startswith("extra/"):
            metadata |= _entries(name.removeprefix("extra/"), text)
    traced = _traced(texts.get("traced_inputs.pkl", b""))
    return Archive(metadata, traced, _found(DEVICES, code), _found(LIBRARIES, code))


def _texts(path: Path) -> dict[str, bytes]:
    """The members that are read, by their names without the archive's own folder."""
    texts: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        if unpacked > MAX_RATIO * path.stat().st_size + MARGIN:
            raise ModelUnsafe(f"{path.name} would unpack to {unpacked} bytes.", hint="export it again")
        for member in members:
            if member.file_size <= LARGEST_TEXT and MEMBERS.search(member.filename):
                texts[member.filename.partition("/")[2]] = archive.read(member)
    return texts


def _found(pattern: re.Pattern[bytes], code: bytes) -> frozenset[str]:
    return frozenset(name.decode() for name in pattern.findall(code))


def _entries(name: str, text: bytes) -> dict[str, str | bytes]:
    """An extra file; of a JSON object in config.txt its entries."""
    try:
        value = text.decode("utf-8")
    except UnicodeDecodeError:
        return {name: text}
    content = _parsed(value) if name == "config.txt" else None
    if not isinstance(content, dict):
        return {name: value}
    return {key: _as_text(entry) for key, entry in content.items()}


def _parsed(text: str) -> Any:
    """The content of a JSON file; None where it is not one."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _as_text(entry: Any) -> str:
    return entry if isinstance(entry, str) else json.dumps(entry)


def _traced(pickled: bytes) -> tuple[tuple[tuple[int, ...], str], ...]:
    """Shapes and dtypes from the opcodes of a pickle, which is not run; () where it reads otherwise.

    A tensor is written as: … GLOBAL torch FloatStorage … BINPERSID offset MARK sizes TUPLE …, where what was named
    before is fetched from the memo.
    """
    import pickletools  # 3 ms, which other formats are spared

    found: list[tuple[tuple[int, ...], str]] = []
    memo: dict[Any, str] = {}
    latest, storage, sizes, waiting = "", "", list[int](), False
    try:
        for opcode, value, _ in pickletools.genops(pickled):
            name = opcode.name
            if name in ("BINPUT", "LONG_BINPUT"):
                memo[value] = latest
                continue
            latest = str(value) if name == "GLOBAL" else memo.get(value, "") if "BINGET" in name else ""
            if latest.startswith("torch ") and latest.endswith("Storage"):
                storage = latest[len("torch ") : -len("Storage")]
            elif name == "BINPERSID":
                waiting = True
            elif name == "MARK":
                sizes = []
            elif "INT" in name or name == "LONG1":
                sizes.append(int(str(value)))
            elif name == "TUPLE" and waiting:
                found.append((tuple(sizes), DTYPES[storage]))
                waiting = False
    except (ValueError, KeyError):
        return ()
    return tuple(found)
