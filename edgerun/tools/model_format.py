"""The format of a model's file, among those that installed plugins run."""

from __future__ import annotations

from pathlib import Path

from edgerun.formats import sniff
from edgerun.runtime.registry import Registry

__all__ = ["format_of"]


def format_of(path: Path, registry: Registry) -> str:
    """The format of a file, by its bytes.

    Raises:
        ModelError: it is not a model, or it is damaged.
    """
    formats: list[str] = []
    for backend in registry.backends:
        formats += backend.formats
    return sniff.sniff(path, formats)
