"""What a dialect promises: how one exporter describes its models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgerun.contract.convention import Alternatives, as_alternatives

__all__ = ["Dialect", "Unsettled"]


@dataclass(frozen=True)
class Dialect:
    """How one exporter writes down what its model wants.

    Attributes:
        name: shown as the source of a field: "ultralytics metadata".
        read: (metadata of the file, path of the model) -> card fields; {} where nothing is in this dialect.
            A field that is written down ambiguously is `Unsettled`. May look at files beside the model that name it;
            must not trust any of it: what is damaged raises a ValueError or its like, and nothing else.
        overrules: True where no other dialect can contradict it, such as the file's own declaration. Two others that
            contradict one another in how the picture is fed or the outputs are read are refused.
    """

    name: str
    read: Callable[[Mapping[str, str | bytes], Path], Mapping[str, Any]]
    overrules: bool = False


@dataclass(frozen=True, slots=True)
class Unsettled:
    """In a dialect's fields: a value that is written down, but can be read in several ways.

    Attributes:
        why: what is written, in half a sentence.
        readings: its alternatives; the model is refused until somebody says the field. Today's `Alternative`s, or
            {argument: who means it so}.
    """

    why: str
    readings: Any

    @property
    def alternatives(self) -> Alternatives:
        """What it can mean, as values."""
        return as_alternatives(self.readings)
