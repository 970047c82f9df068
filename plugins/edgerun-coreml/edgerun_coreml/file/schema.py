"""The messages of a Core ML model, built from a compact notation.

A line reads ``Name: number field type, number field type`` and may go on, indented. Several names before the
colon share one description. ``type*`` is repeated, ``{key}type`` a map, ``group/field`` a member of the oneof
``group``. ``enum Name: number VALUE`` names an enumeration, whose fields read as those names. A message that
is nowhere described is skipped over: :meth:`Message.which` still tells that it is there.
"""

from __future__ import annotations

import re
from functools import cache

from edgerun_coreml.file.schema_mil import MIL
from edgerun_coreml.file.schema_model import MODEL
from edgerun_coreml.file.schema_neural_network import NEURAL_NETWORK
from edgerun_coreml.file.wire import Field, MessageType

SCALARS = frozenset({"int32", "int64", "uint32", "uint64", "bool", "float", "double", "string", "bytes"})


class Schema:
    """Every message type by name; forward references are made as they are met."""

    def __init__(self, *texts: str) -> None:
        self.messages: dict[str, MessageType] = {}
        self._enums: dict[str, dict[int, str]] = {}
        lines = [line for text in texts for line in re.sub(r"\n +", " ", text).splitlines()]
        for line in (line for line in lines if line.startswith("enum ")):
            head, _, body = line.removeprefix("enum ").partition(":")
            pairs = (item.split() for item in body.split(","))
            self._enums[head] = {int(number): name for number, name in pairs}
        for line in (line for line in lines if not line.startswith("enum ")):
            head, _, body = line.partition(":")
            for name in head.split():
                self._describe(self.message(name), body)

    def message(self, name: str) -> MessageType:
        """The message type of a name, made if it is new."""
        return self.messages.setdefault(name, MessageType(name))

    def _describe(self, message_type: MessageType, body: str) -> None:
        for item in body.split(",") if body.strip() else ():
            number, name, kind = item.split()
            oneof, _, name = name.rpartition("/")
            message_type.add(int(number), self._field(name, kind, oneof))

    def _field(self, name: str, kind: str, oneof: str) -> Field:
        repeated, kind = kind.endswith("*"), kind.rstrip("*")
        if kind.startswith("{"):
            key, _, value = kind[1:].partition("}")
            entry = MessageType(f"{name} entry")
            entry.add(1, self._field("key", key, ""))
            entry.add(2, self._field("value", value, ""))
            return Field(name, "map", message=entry)
        if kind in SCALARS:
            return Field(name, kind, repeated, oneof)
        if kind in self._enums:
            return Field(name, "enum", repeated, oneof, enum=self._enums[kind])
        return Field(name, "message", repeated, oneof, message=self.message(kind))


@cache
def model_schema() -> Schema:
    """The schema of a whole model file, built once."""
    return Schema(MODEL, MIL, NEURAL_NETWORK)
