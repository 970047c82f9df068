"""The kinds of values that fields of a card take: each converts what people write, and describes itself in JSON Schema.

A value that is impossible raises a ValueError (or TypeError, OverflowError) that ends the sentence "… but mean …".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

__all__ = ["Choice", "Flag", "Fraction", "Integer", "Kind", "Labels", "Number", "PerChannel", "Table", "Text"]

MAX_CLASS_NUMBER = 100_000
"""Of a table of labels; beyond it is taken for a mistake or an attack."""


class Kind(Protocol):
    """What a field takes."""

    def convert(self, value: Any) -> Any:
        """The value in the card's own type.

        Raises:
            ValueError, TypeError, OverflowError: it is impossible.
        """

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of what a sidecar may hold."""


class Choice(NamedTuple):
    """One of several words."""

    words: tuple[str, ...]

    def convert(self, value: Any) -> str:
        """The word itself."""
        if value not in self.words:
            raise ValueError("must be one of " + ", ".join(self.words))
        return str(value)

    @property
    def schema(self) -> dict[str, Any]:
        """See `Kind`."""
        return {"enum": list(self.words)}


class Text:
    """A text that is not empty."""

    def convert(self, value: Any) -> str:
        """The text itself."""
        if not isinstance(value, str) or not value:
            raise ValueError("must be a text")
        return value

    @property
    def schema(self) -> dict[str, Any]:
        """See `Kind`."""
        return {"type": "string", "minLength": 1}


class Flag:
    """True or false, and no number for it."""

    def convert(self, value: Any) -> bool:
        """The value itself."""
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return value

    @property
    def schema(self) -> dict[str, Any]:
        """See `Kind`."""
        return {"type": "boolean"}


class Integer(NamedTuple):
    """A whole number within bounds, both included."""

    least: int
    most: int

    def convert(self, value: Any) -> int:
        """An int, also from 640.0."""
        if isinstance(value, bool) or int(value) != value or not self.least <= value <= self.most:
            raise ValueError(f"must be a whole number from {self.least} to {self.most}")
        return int(value)

    @property
    def schema(self) -> dict[str, Any]:
        """See `Kind`."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Number(NamedTuple):
    """A finite number, positive where it must be, and not above a bound where there is one."""

    positive: bool = False
    most: float | None = None

    def convert(self, value: Any) -> float:
        """A float, from numbers alone."""
        number = float(value)
        if isinstance(value, (bool, str)) or not math.isfinite(number):
            raise ValueError("must be a number above 0" if self.positive else "must be a finite number")
        if self.positive and number <= 0:
            raise ValueError("must be a number above 0")
        if self.most is not None and number > self.most:
            raise ValueError(f"must be a number of {self.most:g} at most")
        return number

    @property
    def schema(self) -> dict[str, Any]:
        """See `Kind`."""
        least = {"exclusiveMinimum": 0} if self.positive else {}
        most = {} if self.most is None else {"maximum": self.most}
        return {"type": "number", **least, **most}


class Fraction:
    """A number from 0 to 1; None where it is left to the default."""

    def convert(self, value: Any) -> float | None:
        """A float, from numbers alone."""
        if value is None:
            return None
        number = float(value)
        if isinstance(value, (bool, str)) or not 0 <= number <= 1:
            raise ValueError("must be a number from 0 to 1")
        return number

    @property
    def schema(self) -> dict[str, Any]:
        """See `Kind`."""
        return {"type": "number", "minimum": 0, "maximum": 1}


class PerChannel(NamedTuple):
    """Three values, one per channel; one value stands for three."""

    each: Integer | Number

    def convert(self, value: Any) -> tuple[Any, ...]:
        """A tuple of three."""
        return tuple(self.each.convert(entry) for entry in self._three(value))

    @staticmethod
    def _three(value: Any) -> tuple[Any, ...]:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return (value, value, value)
        entries = tuple(value)
        if len(entries) not in (1, 3) or isinstance(value, str):
            raise ValueError("must be one number or three, one per channel")
        return entries * 3 if len(entries) == 1 else entries

    @property
    def schema(self) -> dict[str, Any]:
        """See `Kind`."""
        several = {"type": "array", "items": self.each.schema, "minItems": 1, "maxItems": 3}
        return {"oneOf": [self.each.schema, several]}


class Labels:
    """Names of classes in order, or a table from class number to name."""

    def convert(self, value: Any) -> tuple[str, ...]:
        """A tuple of texts; a class number that a table leaves out is its own name."""
        if isinstance(value, str):
            raise ValueError("must be a list of names, not one text")
        if not isinstance(value, Mapping):
            return tuple(map(str, value))
        numbers = [int(key) for key in value]
        if any(not 0 <= number <= MAX_CLASS_NUMBER for number in numbers):
            raise ValueError(f"must have class numbers from 0 to {MAX_CLASS_NUMBER}")
        table = dict(zip(numbers, value.values(), strict=True))
        return tuple(str(table.get(number, number)) for number in range(max(numbers, default=-1) + 1))

    @property
    def schema(self) -> dict[str, Any]:
        """See `Kind`."""
        names = {"type": "array", "items": {"type": "string"}}
        return {"oneOf": [names, {"type": "object", "additionalProperties": {"type": "string"}}]}


class Table(NamedTuple):
    """Values by name; texts alone where it is said."""

    of_texts: bool = False

    def convert(self, value: Any) -> Mapping[str, Any]:
        """A read-only mapping."""
        text = Text()
        table = {text.convert(key): entry for key, entry in dict(value).items()}
        if self.of_texts:
            table = {key: text.convert(entry) for key, entry in table.items()}
        return MappingProxyType(table)

    @property
    def schema(self) -> dict[str, Any]:
        """See `Kind`."""
        if self.of_texts:
            return {"type": "object", "additionalProperties": Text().schema}
        return {"type": "object"}
