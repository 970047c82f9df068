"""What a session says of a program that the program does not say in words itself."""

from __future__ import annotations

__all__ = ["LARGEST"]

LARGEST = "executorch.largest"
"""Metadata key: height and width that an input of open size can take at most."""
