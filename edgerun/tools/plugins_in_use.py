"""What every tool asks first: which plugins are used, which of them run a file, and which options open it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgerun.formats import sniff
from edgerun.runtime import installed
from edgerun.runtime.registry import Registry

__all__ = ["OPENING_OPTIONS", "format_of", "in_use", "taken"]

OPENING_OPTIONS = ("delegate", "strict", "threads", "backend")
"""Options of `Detector.load` that say how a model is opened, not how it is fed and read."""


def in_use(registry: Registry | None) -> Registry:
    """The plugins of a registry; None for all that are installed."""
    return installed.registry() if registry is None else registry


def format_of(path: Path, registry: Registry) -> str:
    """The format of a file, by its bytes, among those that plugins run.

    Raises:
        ModelError: it is not a model, or it is damaged.
    """
    formats: list[str] = []
    for backend in registry.backends:
        formats += backend.formats
    return sniff.sniff(path, formats)


def taken(options: dict[str, Any], *names: str) -> dict[str, Any]:
    """Those options that have these names, taken out of all."""
    return {name: options.pop(name) for name in names if name in options}
