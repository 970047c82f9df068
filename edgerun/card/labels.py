"""Names of classes, and how the first of them is called where it stands for no class."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["BACKGROUNDS", "without_background"]

BACKGROUNDS = ("background", "__background__", "_background_", "???", "bg", "none of the above")
"""How the first label is called where it stands for nothing at all."""


def without_background(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels less a background that comes first; () where there is none."""
    has_background = len(labels) > 1 and labels[0].strip().lower() in BACKGROUNDS
    return tuple(labels[1:]) if has_background else ()
