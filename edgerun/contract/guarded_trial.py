"""A file that native code may die of, tried in a process that may.

What passed is remembered in edgerun's cache by the SHA-256 of the file; hashing costs 7 ms for 4 MB.
"""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerun.contract import cache_folder

__all__ = ["REFUSED", "Ending", "guarded_trial"]

REFUSED = 3
"""Exit status of a process whose runtime refused the file in an orderly way; its reasons stand on stderr."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended that did not pass.

    Attributes:
        code: its exit status; None where it was still busy when the time was up.
        words: what it wrote to stderr.
    """

    code: int | None
    words: str = ""


def guarded_trial(path: Path, kind: str, script: Path, arguments: Sequence[str], seconds: float) -> Ending | None:
    """Run a script on a file in a process of its own, unless it passed before.

    Args:
        path: the file, which may be damaged in any way; the script's first argument.
        kind: folder of the cache, and what else a pass depends on: "executorch/1.5.1".
        script: run by this Python, without its own folder on the path.
        arguments: further ones of the script.
        seconds: after which it is taken for stuck.

    Returns:
        How it ended; None where it passed, or where there is no Python to try it in.
    """
    mark = _mark(path, kind)
    if mark.exists():
        return None
    if not sys.executable or getattr(sys, "frozen", False):
        warnings.warn(f"{path.name} is opened untried: there is no Python to try it in", stacklevel=5)
        return None
    import subprocess  # of no use to those files that passed before

    command = [sys.executable, "-P", str(script), str(path), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return Ending(None)
    if done.returncode:
        return Ending(done.returncode, done.stderr.decode("utf-8", "replace"))
    _remember(mark, path)
    return None


def _mark(path: Path, kind: str) -> Path:
    """The empty file that says that this very content passed."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    place, _, version = kind.partition("/")
    return cache_folder.folder() / place / f"{digest}-{version}"


def _remember(mark: Path, path: Path) -> None:
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError as cause:
        warnings.warn(f"every load will try {path.name} anew: {mark.parent} cannot be written ({cause})", stacklevel=6)
