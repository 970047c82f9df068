"""The conformance kit for plugins."""

from __future__ import annotations

from edgerun.testing.backend import (
    BackendConformance,
)

__all__ = [
    "BackendConformance",
]
