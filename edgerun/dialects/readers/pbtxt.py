"""Protobuf messages as text, without their schema: what Triton and TensorFlow's label maps are written in.

Source: https://protobuf.dev/reference/protobuf/textformat-spec.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["parse"]

LARGEST = 4_000_000
"""Characters."""
DEEPEST = 16

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<word>[\w.+-]+)|(?P<sign>[{}<>\[\]:;,])"""
)


_NAME = re.compile(r"\w+")
_SEPARATORS = frozenset(",;")
_PUNCTUATION = frozenset("{}<>[]:;,")
_QUOTES = frozenset("\"'")
_ENDS = {"{": "}", "<": ">"}
"""How a message begins and ends."""


def parse(text: str) -> dict[str, list[Any]]:
    """Field -> its values, in order: texts for scalars and names, tables like this one for messages.

    Raises:
        ValueError: it is not such a text.
    """
    if len(text) > LARGEST:
        raise ValueError(f"{len(text)} characters are too many")
    return _Parser(_tokens(text)).message("", 0)


def _tokens(text: str) -> Iterator[str]:
    """Words, quoted texts and signs; "" at the end."""
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise ValueError(f"{text[place : place + 20]!r} is not protobuf text")
        place = found.end()
        if found.lastgroup:
            yield found.group()
    yield ""


class _Parser:
    """Takes tokens one after another."""

    def __init__(self, tokens: Iterator[str]) -> None:
        self._tokens = tokens

    def message(self, end: str, depth: int) -> dict[str, list[Any]]:
        """The fields of a message up to the sign that ends it."""
        if depth > DEEPEST:
            raise ValueError("it is nested too deeply")
        fields: dict[str, list[Any]] = {}
        part = next(self._tokens)
        while part != end:
            if part not in _SEPARATORS:
                fields.setdefault(_name(part), []).extend(self._values(depth))
            part = next(self._tokens)
        return fields

    def _values(self, depth: int) -> list[Any]:
        """What follows a field's name: a value, or a list of them."""
        part = next(self._tokens)
        if part == ":":
            part = next(self._tokens)
        if part != "[":
            return [self._value(part, depth)]
        values = []
        part = next(self._tokens)
        while part != "]":
            if part != ",":
                values.append(self._value(part, depth))
            part = next(self._tokens)
        return values

    def _value(self, part: str, depth: int) -> Any:
        if part in _ENDS:
            return self.message(_ENDS[part], depth + 1)
        if not part or part in _PUNCTUATION:
            raise _misplaced(part, "a value")
        if part[0] in _QUOTES:
            return re.sub(r"\\(.)", r"\1", part[1:-1])
        return part


def _name(part: str) -> str:
    if not _NAME.fullmatch(part):
        raise _misplaced(part, "a field")
    return part


def _misplaced(part: str, wanted: str) -> ValueError:
    if not part:
        return ValueError("it ends too early")
    return ValueError(f"{part[:20]!r} stands where {wanted} begins")
