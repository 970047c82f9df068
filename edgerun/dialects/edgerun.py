"""edgerun's own dialect: the text of a sidecar under the metadata key "edgerun"."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.card import sidecar
from edgerun.contract import Dialect
from edgerun.dialects.readers.fields import as_text

__all__ = ["DIALECT", "KEY"]

KEY = "edgerun"


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    text = metadata.get(KEY)
    return {} if text is None else sidecar.parse(as_text(text))


DIALECT = Dialect("edgerun", _read, overrules=True)
