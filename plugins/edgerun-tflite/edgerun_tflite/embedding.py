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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.errors import ModelError, ModelUnreadable
from edgerun_tflite.flatbuffer import Damaged, Table, verify

__all__ = ["embed"]

ALIGNMENT = 64
"""Bytes; more than any type in the schema asks for."""

VERSION, BUFFERS, METADATA = 0, 4, 6
LAST_SLOT = 9
"""Of a Model in the schema of 2026; what a later one adds could be of another size than an offset."""
LARGEST = 2**31 - 1
"""Bytes that an offset reaches."""

SIDECAR = "keep its card in a sidecar: edgerun inspect MODEL --write-sidecar"


def embed(path: Path, metadata: Mapping[str, str], target: Path) -> None:
    """Write a copy of a model with these metadata; earlier ones of the same names are replaced.

    Raises:
        ModelUnreadable: the file is damaged.
        ModelError: it is too large, or of a schema that is not known.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            model = Table.root(data)
            verify(model)
            front = _front(path, model, metadata)
            outside = _outside(model)
            directory = _moved_directory(path, data, len(front))
        except (Damaged, IndexError, ValueError, struct.error, zipfile.BadZipFile) as cause:
            raise ModelUnreadable(f"{path} is damaged: {cause}.", hint="copy or export it again") from cause
        with target.open("wb") as out:
            out.write(front)
            for start in range(0, len(data) - len(directory), 1 << 20):
                out.write(data[start : min(len(data) - len(directory), start + (1 << 20))])
            out.write(directory)
            for place, offset in outside.items():
                out.seek(len(front) + place)
                out.write(struct.pack("<Q", offset + len(front)))


def _front(path: Path, model: Table, metadata: Mapping[str, str]) -> bytes:
    """A root table with all fields of the old one, its vectors of buffers and metadata made anew."""
    data, buffers, entries = model.data, model.tables(BUFFERS), model.tables(METADATA)
    if len(model.fields) > LAST_SLOT + 1:
        raise ModelError(f"{path} is of a schema newer than is known here.", hint=SIDECAR)
    texts = [value.encode("utf-8") for value in metadata.values()]
    front = _Front()
    front.raw(b"\0\0\0\0" + bytes(data[4:8]))  # where the root is comes last
    slots = [slot for slot in range(len(model.fields)) if model.fields[slot] or slot in (BUFFERS, METADATA)]
    slots = sorted({*slots, BUFFERS, METADATA})
    count = max(slots) + 1
    places = {slot: 4 + 4 * index for index, slot in enumerate(slots)}
    table_of_fields = front.raw(
        struct.pack(f"<HH{count}H", 4 + 2 * count, 4 + 4 * len(slots), *(places.get(slot, 0) for slot in range(count)))
    )
    front.align(4)
    root = front.raw(struct.pack("<i", len(front.data) - table_of_fields))
    front.patch(0, root)
    leads: dict[int, int] = {}  # place in front -> place in the old file
    for slot in slots:
        place = front.raw(b"\0\0\0\0")
        if slot == VERSION:
            front.data[place : place + 4] = struct.pack("<I", model.number(slot, "I"))
        elif slot not in (BUFFERS, METADATA):
            leads[place] = model._target(slot)
    # buffers keep their numbers; those of earlier metadata of the same name are not led to any more
    old = {entry.text(0): entry.number(1, "I") for entry in entries}
    fresh = [name for name in metadata if old.get(name, len(buffers)) >= len(buffers)]
    numbers = {name: len(buffers) + fresh.index(name) if name in fresh else old[name] for name in metadata}
    front.patch(root + places[BUFFERS], front.align(4))
    front.raw(struct.pack("<I", len(buffers) + len(fresh)))
    new_buffers: dict[int, int] = {}  # place in front -> which of the texts
    replaced = {number: index for index, number in enumerate(numbers.values())}
    for number in range(len(buffers) + len(fresh)):
        place = front.raw(b"\0\0\0\0")
        if number in replaced:
            new_buffers[place] = replaced[number]
        else:
            leads[place] = buffers[number].at
    kept = [entry for entry in entries if entry.text(0) not in metadata]
    front.patch(root + places[METADATA], front.align(4))
    front.raw(struct.pack("<I", len(kept) + len(metadata)))
    for entry in kept:
        leads[front.raw(b"\0\0\0\0")] = entry.at
    new_entries = [front.raw(b"\0\0\0\0") for _ in metadata]
    for place, (name, number) in zip(new_entries, numbers.items(), strict=True):
        front.entry(place, name, number)
    for place, index in new_buffers.items():
        front.buffer(place, texts[index])
    front.align(ALIGNMENT)
    if len(front.data) + len(data) > LARGEST:
        raise ModelError(f"{path} is as large as a FlatBuffer can be.", hint=SIDECAR)
    for place, old_place in leads.items():
        front.patch(place, len(front.data) + old_place)
    return bytes(front.data)


def _outside(model: Table) -> dict[int, int]:
    """Where the file tells a place behind the FlatBuffer, counted from its first byte, and that place.

    LiteRT keeps weights there, and options of custom operators.
    """
    operators = [operator for graph in model.tables(2) for operator in graph.tables(3)]
    tables = [(buffer, 1) for buffer in model.tables(BUFFERS)] + [(operator, 9) for operator in operators]
    return {
        table._place(slot, 8): offset for table, slot in tables if (offset := table.number(slot, "Q")) > 1
    }  # 0 and 1 mean that there is none


class _Front:
    """Bytes in the making."""

    def __init__(self) -> None:
        self.data = bytearray()

    def raw(self, content: bytes) -> int:
        """Append; gives the place."""
        self.data += content
        return len(self.data) - len(content)

    def align(self, width: int) -> int:
        """Fill up to a multiple; gives the place that follows."""
        self.data += bytes(-len(self.data) % width)
        return len(self.data)

    def patch(self, place: int, target: int) -> None:
        """Lead from one place to a later one."""
        self.data[place : place + 4] = struct.pack("<I", target - place)

    def entry(self, place: int, name: str, number: int) -> None:
        """A table Metadata {name: string; buffer: uint}."""
        self.align(4)
        fields = self.raw(struct.pack("<HHHHxxxx", 8, 12, 4, 8))
        table = self.raw(struct.pack("<iII", len(self.data) - fields, 0, number))
        self.patch(place, table)
        encoded = name.encode("utf-8")
        self.patch(table + 4, self.raw(struct.pack("<I", len(encoded)) + encoded + b"\0"))

    def buffer(self, place: int, content: bytes) -> None:
        """A table Buffer {data: [ubyte] (force_align: 16)}."""
        self.align(4)
        fields = self.raw(struct.pack("<HHHxx", 6, 8, 4))
        table = self.raw(struct.pack("<iI", len(self.data) - fields, 0))
        self.patch(place, table)
        self.data += bytes(-(len(self.data) + 4) % 16)
        self.patch(table + 4, self.raw(struct.pack("<I", len(content)) + content))


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
    (told,) = struct.unpack_from("<I", data, end + 16)
    if told != begin:  # places count from the archive's own beginning, which moves along
        return b""
    directory, at = bytearray(data[begin:]), 0
    for _ in range(count):
        name, extra, comment = struct.unpack_from("<3H", directory, at + 28)
        (place,) = struct.unpack_from("<I", directory, at + 42)
        if directory[at : at + 4] != b"PK\1\2" or place + shift > LARGEST:
            raise Damaged(f"the directory of the archive has no entry at byte {begin + at}")
        struct.pack_into("<I", directory, at + 42, place + shift)
        at += 46 + name + extra + comment
    struct.pack_into("<I", directory, end - begin + 16, told + shift)
    return bytes(directory)
