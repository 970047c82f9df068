"""Keys that a dialect does not know beside those that it reads: what may change pixels is refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["refuse_unknown", "refuse_unknown_pixels"]

EMPTY: tuple[Any, ...] = (None, False, "", "0", "false", "False", "none", "None", [], {}, ())
"""Values that ask for nothing."""

PIXELS = re.compile(
    r"(?i)resiz|crop|pad|letterbox|mean|std|scale|normal|gamma|colou?r|channel|bgr|rgb|flip|interpol|resampl|fit_|quantiz"
)
"""Words in the names of keys that speak of how an image is fed."""


def refuse_unknown(values: Mapping[str, Any], known: Collection[str], place: str) -> None:
    """Look through a block that holds nothing but preprocessing.

    Args:
        values: the block.
        known: keys that are read, or known to change no pixel.
        place: where it is written, for the error.

    Raises:
        ValueError: a key of another name asks for something.
    """
    for key, value in values.items():
        if key not in known and value not in EMPTY:
            shown = repr(value)[:40]
            raise ValueError(f"{place} says {key} = {shown}, which is not known here")


def refuse_unknown_pixels(values: Mapping[str, Any], known: Collection[str], place: str) -> None:
    """Look through a table that holds preprocessing among much else, by the words in the names of its keys.

    Raises:
        ValueError: as `refuse_unknown`.
    """
    refuse_unknown({key: value for key, value in values.items() if PIXELS.search(str(key))}, known, place)
