"""What every tool asks first: which plugins are used, and which options open a model."""

from __future__ import annotations

from typing import Any

from edgerun.runtime import installed
from edgerun.runtime.registry import Registry

__all__ = ["OPENING_OPTIONS", "in_use", "taken"]

OPENING_OPTIONS = ("delegate", "strict", "threads", "backend")
"""Options of `Detector.load` that say how a model is opened, not how it is fed and read."""


def in_use(registry: Registry | None) -> Registry:
    """The plugins of a registry; None for all that are installed."""
    return installed.registry() if registry is None else registry


def taken(options: dict[str, Any], *names: str) -> dict[str, Any]:
    """Those options that have these names, taken out of all."""
    return {name: options.pop(name) for name in names if name in options}
