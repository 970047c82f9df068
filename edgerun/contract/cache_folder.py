"""Where edgerun and its plugins keep what may be deleted at any time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["folder"]


def folder() -> Path:
    """EDGERUN_CACHE, else the folder "edgerun" in the user's cache folder of this system."""
    chosen = os.environ.get("EDGERUN_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "edgerun"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/edgerun"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgerun"
