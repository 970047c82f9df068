"""Bounded readers and writers of protobuf and FlatBuffers, for files that are not trusted.

Whatever the bytes are, a reader gives values or raises `Damaged`: nothing is read outside the buffer, and depth and
counts are limited.
"""

from __future__ import annotations

from edgerun.wire import flatbuffers, protobuf
from edgerun.wire.damage import Damaged

__all__ = ["Damaged", "flatbuffers", "protobuf"]
