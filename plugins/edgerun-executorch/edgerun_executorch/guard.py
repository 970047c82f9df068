"""What a .pte file must pass before native code of this process sees it.

ExecuTorch's own check does not catch every damage: of 1200 programs with up to 32 bytes changed at random, 14 brought
the process down and one never came back. Reading the program in Python catches what is cut short or of another
format. The rest only shows in a process that may die: each file that was never seen before is opened and run once
there. What passed is remembered by the SHA-256 of the file and the version of ExecuTorch.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

__all__ = ["cache_folder", "tried"]

TIME_LIMIT = 120.0
"""Seconds for the import of torch, the load and one run on the slowest board; a damaged program may never end."""


def cache_folder() -> Path:
    """EDGERUN_CACHE, else the folder "edgerun" in the user's cache folder of this system."""
    said = os.environ.get("EDGERUN_CACHE")
    if said:
        return Path(said)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "edgerun"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/edgerun"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgerun"


def tried(path: Path, version: str, methods: Sequence[str]) -> None:
    """Make sure that a program runs without bringing its process down.

    Raises:
        ValueError: it does not; the message says how it ended.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    mark = cache_folder() / "executorch" / f"{digest}-{version}"
    if mark.exists():
        return
    if not sys.executable:
        warnings.warn(f"{path.name} is opened untried: there is no Python to try it in", stacklevel=4)
        return
    command = [sys.executable, "-P", str(Path(__file__).with_name("trial.py")), str(path), *methods]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIME_LIMIT, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise ValueError(f"it was still busy after {TIME_LIMIT:.0f} s of a trial in a process of its own") from None
    if done.returncode not in (0, 3):
        raise ValueError(f"it is damaged: it brought down the process that tried it (exit status {done.returncode})")
    if done.returncode == 3:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ValueError("; ".join([lines[-1], *[line for line in lines[-6:-1] if "cpuinfo" not in line]]))
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError as cause:
        warnings.warn(f"every load will try {path.name} anew: {mark.parent} cannot be written ({cause})", stacklevel=4)
