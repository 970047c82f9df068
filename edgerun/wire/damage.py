"""What all readers raise for bytes that are not what they should be."""

from __future__ import annotations

__all__ = ["Damaged"]


class Damaged(ValueError):
    """Bytes that do not follow the format or exceed a limit; the message says where, without naming the file."""
