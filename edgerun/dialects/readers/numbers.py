"""Numbers and truth values from descriptions that nobody has checked. What is none raises a ValueError or TypeError."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["from_text", "is_true", "listed", "pair"]

TRUE = frozenset(("true", "yes", "1"))


def pair(size: Any) -> tuple[int, int]:
    """Two whole numbers in the order in which they are written; one number stands for both."""
    if isinstance(size, int):
        return size, size
    first, second = size
    return int(first), int(second)


def listed(value: Any) -> list[float]:
    """Numbers per channel as a list; one number is a list of one."""
    if isinstance(value, (list, tuple)):
        return [float(entry) for entry in value]
    return [float(value)]


def from_text(text: str) -> list[float]:
    """Numbers between blanks, commas, semicolons or brackets; [] where there is none."""
    return [float(entry) for entry in re.findall(r"[^\s,;\[\]]+", text)]


def is_true(value: Any) -> bool:
    """Whether a truth value is true, also where it is written as a text or as 1."""
    return str(value).strip().lower() in TRUE
