"""From an exporter's keys to fields of a card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

__all__ = ["Table", "as_is", "as_text", "find", "sides", "some", "translate"]

Key = TypeVar("Key")
Value = TypeVar("Value")

Table = Mapping[str, tuple[str, Callable[[Any], Any]]]
"""An exporter's key -> the card's field, and how the value is converted."""


def as_is(value: Any) -> Any:
    """No conversion: the card checks the value itself."""
    return value


def as_text(value: str | bytes) -> str:
    """An entry of a file's metadata as text. Raises ValueError if it is not UTF-8."""
    return value if isinstance(value, str) else value.decode("utf-8")


def translate(values: Mapping[str, Any], table: Table) -> dict[str, Any]:
    """The card fields of those keys that are given; null says nothing.

    Raises:
        ValueError, TypeError, LookupError: whatever the conversion raises.
    """
    fields = {}
    for key, (field, convert) in table.items():
        if values.get(key) is not None:
            fields[field] = convert(values[key])
    return fields


def sides(values: Mapping[str, Any], height: str, width: str, convert: Callable[[Any], Any] = as_is) -> dict[str, Any]:
    """Height and width that are given under these keys; {} where one is missing."""
    if not {height, width} <= values.keys():
        return {}
    return {"height": convert(values[height]), "width": convert(values[width])}


def find(table: Mapping[Key, Value], fits: Callable[[Key], object]) -> Value | None:
    """The value of the first key that fits; None where none does."""
    for key, value in table.items():
        if fits(key):
            return value
    return None


def some(**fields: Any) -> dict[str, Any]:
    """Those fields that hold something: labels, a task that is known, sizes that are not 0."""
    return {field: value for field, value in fields.items() if value}
