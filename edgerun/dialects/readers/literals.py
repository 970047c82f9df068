"""Values that exporters write as text: JSON, or Python literals. Parsed within bounds, never evaluated."""

from __future__ import annotations

import ast
import json
from typing import Any

__all__ = ["LARGEST", "parse"]

LARGEST = 1_000_000
"""Characters; ten thousand long labels fit."""
DEEPEST = 16


def parse(text: str | bytes) -> Any:
    """A value from JSON or from a Python literal; plain text stays text.

    Raises:
        ValueError: too long or nested too deeply.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    if len(text) > LARGEST:
        raise ValueError(f"a value of {len(text)} characters is too long")
    depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if depth > DEEPEST:
            raise ValueError("a value is nested too deeply")
    for parser in (json.loads, ast.literal_eval):
        try:
            return parser(text)
        except (ValueError, SyntaxError, TypeError, RecursionError):  # a list as a key is a TypeError
            continue
    return text.strip()
