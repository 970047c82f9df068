"""A text in a TFLite file's metadata, written without moving anything else in it.

Offsets in a FlatBuffer lead forward from where they stand. So a new root goes in front: it leads to the old tables,
which follow byte by byte as they were, and to what is new. What is in front has a length of whole `ALIGNMENT`s, so that
weights stay as aligned as they were.
Source: https://flatbuffers.dev/internals; LiteRT's schema.fbs (Apache-2.0) for the numbers of fields.
"""

from __future__ import annotations

import mmap
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgerun.errors import ModelError, ModelUnreadable
from edgerun.wire import Damaged
from edgerun.wire.flatbuffers import MAX_BUFFER_BYTES, Table, Writer
from edgerun_tflite.schema import verified

__all__ = ["embed"]

ALIGNMENT = 64
"""Bytes; more than any type in the schema asks for."""

VERSION, BUFFERS, METADATA = 0, 4, 6
LAST_SLOT = 9
"""Of a Model in the schema of 2026; what a later one adds could be of another size than an offset."""
OUTSIDE = 1
"""The largest place behind the FlatBuffer that means that there is none; 0 does too."""
CHUNK = 1 << 20
"""Bytes that are copied at once."""

SIDECAR = "keep its card in a sidecar: edgerun inspect MODEL --write-sidecar"


def embed(path: Path, metadata: Mapping[str, str], target: Path) -> None:
    """Write a copy of a model with these metadata; earlier ones of the same names are replaced.

    Raises:
        ModelUnreadable: the file is damaged.
        ModelError: it is too large, or of a schema that is not known.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            model = verified(data)
            front = _front(path, model, metadata)
            outside = _outside(model)
            directory = _moved_directory(path, data, len(front))
        except (ValueError, IndexError, struct.error, zipfile.BadZipFile) as cause:
            raise ModelUnreadable(f"{path} is damaged: {cause}.", hint="copy or export it again") from cause
        with target.open("wb") as out:
            out.write(front)
            end = len(data) - len(directory)
            for start in range(0, end, CHUNK):
                out.write(data[start : min(end, start + CHUNK)])
            out.write(directory)
            for place, offset in outside.items():
                out.seek(len(front) + place)
                out.write(struct.pack("<Q", offset + len(front)))


def _front(path: Path, model: Table, metadata: Mapping[str, str]) -> bytes:
    """A root table with all fields of the old one, its vectors of buffers and metadata made anew."""
    if len(model.fields) > LAST_SLOT + 1:
        raise ModelError(f"{path} is of a schema newer than is known here.", hint=SIDECAR)
    front = _Front(model)
    front.write(metadata)
    front.align(ALIGNMENT)
    if len(front.data) + len(model.data) > MAX_BUFFER_BYTES:
        raise ModelError(f"{path} is as large as a FlatBuffer can be.", hint=SIDECAR)
    return front.finished()


def _outside(model: Table) -> dict[int, int]:
    """Where the file tells a place behind the FlatBuffer, counted from its first byte, and that place.

    LiteRT keeps weights there, and options of custom operators.
    """
    tables = [(buffer, 1) for buffer in model.tables(BUFFERS)]
    for graph in model.tables(2):
        tables += [(operator, 9) for operator in graph.tables(3)]
    offsets = {table.place(slot, 8): table.number(slot, "Q") for table, slot in tables}
    return {place: offset for place, offset in offsets.items() if offset > OUTSIDE}


class _Front(Writer):
    """What goes in front of a model, in the making."""

    def __init__(self, model: Table) -> None:
        super().__init__()
        self.model = model
        self.buffers, self.entries = model.tables(BUFFERS), model.tables(METADATA)
        self.into_model: dict[int, int] = {}  # offset here -> what it leads to in the old file

    def finished(self) -> bytes:
        """All of it; nothing may be appended afterwards."""
        for place, target in self.into_model.items():
            self.patch(place, len(self.data) + target)
        return bytes(self.data)

    def write(self, metadata: Mapping[str, str]) -> None:
        """The root, the vectors of buffers and metadata, and what is new in them."""
        start = self.offset()
        self.append(bytes(self.model.data[4:8]))  # the format's identifier
        places = self.table(dict.fromkeys(self._slots(), bytes(4)))
        self.patch(start, places.pop(-1))
        for slot, place in places.items():
            if slot == VERSION:
                self.data[place : place + 4] = struct.pack("<I", self.model.number(slot, "I"))
            elif slot not in (BUFFERS, METADATA):
                self.into_model[place] = self.model.target(slot)
        numbers = self._numbers(list(metadata))
        self.patch(places[BUFFERS], self.align(4))
        new_buffers = self._write_buffers(set(numbers.values()))
        self.patch(places[METADATA], self.align(4))
        new_entries = self._write_entries(metadata)
        for place, (name, number) in zip(new_entries, numbers.items(), strict=True):
            self._entry(place, name, number)
        for name, number in numbers.items():
            self._buffer(new_buffers[number], metadata[name].encode("utf-8"))

    def _slots(self) -> list[int]:
        """Those that the model has, and those that are made anew."""
        held = {slot for slot, offset in enumerate(self.model.fields) if offset}
        return sorted(held | {BUFFERS, METADATA})

    def _numbers(self, names: Sequence[str]) -> dict[str, int]:
        """Name -> its buffer: that of earlier metadata of the same name, or a new one behind all others.

        Buffers keep their numbers; of those that are replaced the old bytes stay, and nothing leads to them.
        """
        count = len(self.buffers)
        old = {entry.text(0): entry.number(1, "I") for entry in self.entries}
        fresh = [name for name in names if old.get(name, count) >= count]
        return {name: old[name] if name not in fresh else count + fresh.index(name) for name in names}

    def _write_buffers(self, new: set[int]) -> dict[int, int]:
        """The vector of buffers; gives, for each new number, the offset that is still to be patched."""
        count = max([len(self.buffers), *(number + 1 for number in new)])
        self.vector(count)
        places = {number: self.offset() for number in range(count)}
        for number in places.keys() - new:
            self.into_model[places[number]] = self.buffers[number].at
        return places

    def _write_entries(self, metadata: Mapping[str, str]) -> list[int]:
        """The vector of metadata; gives the offsets that are still to be patched, one per new entry."""
        kept = [entry for entry in self.entries if entry.text(0) not in metadata]
        self.vector(len(kept) + len(metadata))
        for entry in kept:
            self.into_model[self.offset()] = entry.at
        return [self.offset() for _ in metadata]

    def _entry(self, place: int, name: str, number: int) -> None:
        """A table Metadata {name: string; buffer: uint}."""
        table = self.table({0: bytes(4), 1: struct.pack("<I", number)})
        self.patch(place, table[-1])
        self.patch(table[0], self.content(name.encode("utf-8")))

    def _buffer(self, place: int, content: bytes) -> None:
        """A table Buffer {data: [ubyte] (force_align: 16)}."""
        table = self.table({0: bytes(4)})
        self.patch(place, table[-1])
        self.patch(table[0], self.content(content, alignment=16))


def _moved_directory(path: Path, data: Any, shift: int) -> bytes:
    """The directory at the end of the archive at the end of the file, for members that moved; b"" without an archive.

    Source: APPNOTE.TXT of PKWARE, sections 4.3.12 and 4.3.16.
    """
    if not zipfile.is_zipfile(path):
        return b""
    with zipfile.ZipFile(path) as archive:
        count, begin, end = len(archive.infolist()), archive.start_dir, len(data) - 22 - len(archive.comment)
    if bytes(data[end : end + 4]) != b"PK\5\6":
        raise Damaged("the end of the archive is not where it should be")
    (declared,) = struct.unpack_from("<I", data, end + 16)
    if declared != begin:  # places count from the archive's own beginning, which moves along
        return b""
    directory, at = bytearray(data[begin:]), 0
    for _ in range(count):
        name, extra, comment = struct.unpack_from("<3H", directory, at + 28)
        (place,) = struct.unpack_from("<I", directory, at + 42)
        if directory[at : at + 4] != b"PK\1\2" or place + shift > MAX_BUFFER_BYTES:
            raise Damaged(f"the directory of the archive has no entry at byte {begin + at}")
        struct.pack_into("<I", directory, at + 42, place + shift)
        at += 46 + name + extra + comment
    struct.pack_into("<I", directory, end - begin + 16, declared + shift)
    return bytes(directory)
