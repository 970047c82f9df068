"""The sidecar `<model file>.edgerun.json`: a card beside its model, read by every app that ships the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.card.fields import FIELDS
from edgerun.card.model_card import ModelCard
from edgerun.errors import CardInvalid

__all__ = ["SCHEMA", "VERSION", "as_fields", "path_for", "read", "write"]

VERSION = 1
SCHEMA = Path(__file__).with_name("sidecar.schema.json")
MAX_BYTES = 4_000_000
"""A larger file is not a sidecar."""


def path_for(model: Path) -> Path:
    """Where the sidecar of a model lies."""
    return model.with_name(model.name + ".edgerun.json")


def read(model: Path) -> dict[str, Any]:
    """The card fields in the sidecar of a model; {} where it has none.

    Raises:
        CardInvalid: the sidecar is not JSON, or of another version.
    """
    path = path_for(model)
    if not path.is_file():
        return {}
    if path.stat().st_size > MAX_BYTES:
        raise CardInvalid(f"The sidecar {path} is larger than {MAX_BYTES} bytes.", hint="remove or correct it")
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as cause:
        raise CardInvalid(f"The sidecar {path} cannot be read: {cause}.", hint="correct or remove it") from cause


def parse(text: str) -> dict[str, Any]:
    """The card fields in the text of a sidecar.

    Raises:
        ValueError: not JSON, or not a card of this version.
    """
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    if "edgerun" not in content:
        raise ValueError(f'it does not say "edgerun": {VERSION}, the version of its format')
    version = content.pop("edgerun")
    if version != VERSION:
        raise ValueError(f'it says "edgerun": {json.dumps(version)}, where {VERSION} is expected')
    content.pop("$schema", None)
    content.pop("sources", None)
    return content


def as_fields(card: ModelCard) -> dict[str, Any]:
    """A card as JSON takes it, with the source of each field for the reader."""
    content: dict[str, Any] = {"edgerun": VERSION}
    for name in FIELDS:
        value = getattr(card, name)
        if value is None:
            continue
        if isinstance(value, Mapping):
            value = dict(value)
            if not value:
                continue
        content[name] = value
    content["sources"] = dict(card.sources)
    return content


def write(model: Path, card: ModelCard) -> Path:
    """Write the sidecar of a model; gives its path."""
    path = path_for(model)
    path.write_text(json.dumps(as_fields(card), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
