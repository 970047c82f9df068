"""What edgerun keeps on this machine between runs: one folder, which may be deleted at any time.

    <folder>/tune/       what `edgerun tune` found, a small JSON file for each model
    <folder>/compiled/   what runtimes compiled for this machine, a folder for each model and delegate
    <folder>/trials/     outputs of trial runs on made-up images, a file for each run
    <folder>/<plugin>/   marks of plugins

The folder is EDGERUN_CACHE, else "edgerun" in the user's cache folder of this system. Compiled models that were not
used for longest are deleted where all of them take more than EDGERUN_CACHE_LIMIT megabytes, else 2000; outputs of
trial runs beyond 200 megabytes, or that limit where it is less.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import platform
import re
import shutil
import struct
import sys
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from edgerun.contract.cache_folder import folder
from edgerun.errors import InputError
from edgerun.runtime import cpu_cores

__all__ = [
    "MEGABYTE",
    "compiled",
    "digest",
    "drop",
    "files",
    "folder",
    "limit",
    "machine",
    "parts",
    "read",
    "sha256",
    "size",
    "write",
]

DEFAULT_LIMIT = 2000
"""Megabytes of compiled models that are kept where EDGERUN_CACHE_LIMIT does not say."""

MEGABYTE = 1_000_000
"""In bytes."""

USED = ".used"
"""A file in each folder of compiled models; its time is that of the last use."""

LOCATION = re.compile(rb"\n\x08location\x12([\x00-\x7f]|[\x80-\xff][\x01-\x7f])")
"""How ONNX names a file of weights beside the model: an entry whose key is "location", before its length, of one byte
or two, and the name. Source: onnx.proto, StringStringEntryProto."""


def limit() -> int:
    """Bytes that compiled models may take together."""
    chosen = os.environ.get("EDGERUN_CACHE_LIMIT", "")
    if chosen.isdecimal():
        return int(chosen) * MEGABYTE
    if chosen:
        warnings.warn(
            f"EDGERUN_CACHE_LIMIT = {chosen!r} is not a number of megabytes; {DEFAULT_LIMIT} are kept", stacklevel=2
        )
    return DEFAULT_LIMIT * MEGABYTE


def size(place: Path | None = None) -> int:
    """Bytes of all files below a folder; None for the whole cache."""
    total = 0
    for file in _files(folder() if place is None else place):
        with suppress(OSError):  # another process may delete it meanwhile
            total += file.stat().st_size
    return total


def _files(place: Path) -> list[Path]:
    """All files below a folder, sorted by their paths."""
    return sorted(entry for entry in place.rglob("*") if entry.is_file())


@lru_cache(maxsize=1)
def _processor() -> str:
    """What this machine's processor calls itself."""
    lines: list[str] = []
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "Hardware", "uarch"):
            return value.strip()
    return platform.processor() or platform.machine()


def _system() -> str:
    """The system with its release; of Linux without, whose kernel changes often and the speed hardly."""
    release = platform.mac_ver()[0]
    if sys.platform == "win32":
        release = platform.version()
    return f"{platform.system()} {release}".strip()


def machine() -> dict[str, str]:
    """What the speed of a model depends on, besides its file and its runtime."""
    return {
        "processor": _processor(),
        "cores": str(cpu_cores.available()),
        "system": _system(),
        "python": f"{platform.machine()}, {8 * struct.calcsize('P')} bit",
    }


def digest(path: Path) -> str:
    """A model's SHA-256, of each file where it is a folder; weights beside an ONNX file count by size and time."""
    total = hashlib.sha256()
    if path.is_dir():
        for file in _files(path):
            total.update(f"\n{file.relative_to(path).as_posix()}\n".encode())
            total.update(sha256(file))
        return total.hexdigest()
    total.update(sha256(path))
    if path.suffix == ".onnx":
        for weights in _weights_beside(path):
            with suppress(OSError):
                known = weights.stat()
                total.update(f"\n{weights.name} {known.st_size} {known.st_mtime_ns}".encode())
    return total.hexdigest()


def parts(path: Path) -> list[Path]:
    """The files that a model is made of: those of a folder, or the file itself and the weights that it names."""
    if path.is_dir():
        return _files(path)
    return [path, *filter(Path.is_file, _weights_beside(path))]


def sha256(file: Path) -> bytes:
    """Of a file's content."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _weights_beside(path: Path) -> list[Path]:
    """Files of weights that an ONNX model names, in its folder or below."""
    names = set()
    with path.open("rb") as file:
        if not path.stat().st_size:
            return []
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for found in LOCATION.finditer(data):
                length = _varint(found.group(1))
                names.add(bytes(data[found.end() : found.end() + length]))
    return [path.parent / os.fsdecode(name) for name in sorted(names) if b"\0" not in name]


def _varint(data: bytes) -> int:
    """Of one byte or two, seven bits in each, the lowest first."""
    return sum((byte & 127) << 7 * place for place, byte in enumerate(data))


def read(name: str) -> dict[str, Any] | None:
    """The content of an entry; None where there is none, or, with a warning, where it is damaged.

    Args:
        name: path inside the folder, "tune/….json".
    """
    path = folder() / name
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        warnings.warn(f"{path} is damaged and ignored; delete it", stacklevel=2)
        return None
    return content


def write(name: str, content: Mapping[str, Any]) -> Path:
    """Keep an entry, whole or not at all; gives its path.

    Raises:
        InputError: the folder cannot be written.
    """
    path = folder() / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(path, content)
    except OSError as cause:
        raise InputError(
            f"The cache folder {path.parent} cannot be written: {cause.strerror}.",
            hint="set the environment variable EDGERUN_CACHE to a folder that can",
        ) from cause
    return path


def _write_whole(path: Path, content: Mapping[str, Any]) -> None:
    """By way of a draft, so that no reader meets half a file."""
    number, draft = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".draft")
    try:
        with os.fdopen(number, "w", encoding="utf-8") as stream:
            json.dump(content, stream, indent=2)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def compiled(name: str, key: str) -> Path | None:
    """A folder for what a runtime compiles; None, with a warning, where there can be none.

    It is marked as used now, and others that were not used for longest are deleted beyond the limit.

    Args:
        name: for people who look into the folder: "yolov8n-onnxruntime-openvino".
        key: everything that the compiled model depends on, as text.
    """
    shelf = folder() / "compiled"
    place = shelf / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / USED).touch()
    except OSError as cause:
        warnings.warn(
            f"compiled models are not kept: {shelf} cannot be written ({cause.strerror}); "
            "set EDGERUN_CACHE to a folder that can",
            stacklevel=2,
        )
        return None
    _evict(shelf, place)
    return place


def files(place: str) -> set[str]:
    """Paths of what a runtime has put into a folder; none for "", which stands for no folder."""
    if not place:
        return set()
    return {str(entry) for entry in Path(place).rglob("*") if entry.name != USED}


def drop(place: str) -> None:
    """Delete a folder of `compiled` into which nothing was put."""
    if place and not files(place):
        shutil.rmtree(place, ignore_errors=True)


def _evict(shelf: Path, kept: Path) -> None:
    """Delete what was not used for longest until the rest keeps to the limit; never the one in use."""
    known = []
    for place in shelf.iterdir():
        with suppress(OSError):  # another process may delete it meanwhile
            last_use = (place / USED).stat().st_mtime_ns
            known.append((last_use, place, size(place)))
    total = sum(taken for _, _, taken in known)
    most = limit()
    for _, place, taken in sorted(known):
        if total <= most:
            return
        if place != kept:
            _delete(place)
            total -= taken


def _delete(place: Path) -> None:
    """A folder with all that is in it, also what is read-only, as OpenVINO's files, which Windows would keep."""
    for file in files(str(place)):
        with suppress(OSError):
            Path(file).chmod(0o700)
    shutil.rmtree(place, ignore_errors=True)
