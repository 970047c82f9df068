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


def parse(text: str) -> dict[str, list[Any]]:
    """Field -> its values, in order: texts for scalars and names, tables like this one for messages.

    Raises:
        ValueError: it is no such text.
    """
    if len(text) > LARGEST:
        raise ValueError(f"{len(text)} characters are too many")
    tokens = _tokens(text)
    return _message(tokens, "", 0)


def _tokens(text: str) -> Iterator[str]:
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise ValueError(f"{text[place : place + 20]!r} is no protobuf text")
        place = found.end()
        if found.lastgroup:
            yield found.group()
    yield ""


_ENDS = {"{": "}", "<": ">"}


def _message(tokens: Iterator[str], end: str, depth: int) -> dict[str, list[Any]]:
    if depth > DEEPEST:
        raise ValueError("it is nested too deeply")
    fields: dict[str, list[Any]] = {}
    for token in tokens:
        if token == end:
            return fields
        if token in (",", ";"):
            continue
        if not re.fullmatch(r"\w+", token):
            raise ValueError(f"{token[:20]!r} stands where a field begins" if token else "it ends too early")
        value = next(tokens)
        if value == ":":
            value = next(tokens)
        fields.setdefault(token, []).extend(_values(value, tokens, depth))
    raise ValueError("it ends too early")


def _values(part: str, tokens: Iterator[str], depth: int, *, listed: bool = False) -> list[Any]:
    if part in ("{", "<"):
        return [_message(tokens, _ENDS[part], depth + 1)]
    if part.startswith("[") and not listed:
        entries = iter(lambda: next(tokens), "]")
        return [value for entry in entries if entry != "," for value in _values(entry, tokens, depth, listed=True)]
    if not part or part in "}>[]:;,":
        raise ValueError(f"{part!r} stands where a value begins" if part else "it ends too early")
    return [re.sub(r"\\(.)", r"\1", part[1:-1]) if part[0] in "\"'" else part]
