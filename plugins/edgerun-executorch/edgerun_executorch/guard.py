"""What a .pte file must pass before native code of this process sees it.

ExecuTorch's own check does not catch every damage: of damaged copies that `program.read` let pass, some brought down
the process (ExecuTorch 1.5.1), and some never ended. That only shows in a process that may die: each file that was
never seen before is opened and run once there, on zeros, which takes 1.1 s on two desktop cores, nearly all of it the
import of torch. What passed is remembered by the SHA-256 of the file and the version of ExecuTorch; hashing costs 7 ms
for 4 MB at each load.

It is not a proof: a program may behave on zeros and not on an image, and a changed weight gives other numbers, unseen.
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

__all__ = ["cache_folder", "tried"]

TRIAL = Path(__file__).with_name("trial.py")

TIME_LIMIT = 120.0
"""Seconds for the import of torch, the load and one run on the slowest board; a damaged program may never end."""


def cache_folder() -> Path:
    """EDGERUN_CACHE, else the folder "edgerun" in the user's cache folder of this system."""
    chosen = os.environ.get("EDGERUN_CACHE")
    if chosen:
        return Path(chosen)
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
    import subprocess

    command = [sys.executable, "-P", str(TRIAL), str(path), *methods]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIME_LIMIT, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise ValueError(f"it was still busy after {TIME_LIMIT:.0f} s of a trial in a process of its own") from None
    if done.returncode not in (0, 3):
        raise ValueError(f"it is damaged: it brought down the process that tried it (exit status {done.returncode})")
    if done.returncode == 3:
        reasons = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if "cpuinfo" not in line]
        raise ValueError("; ".join(["executorch refused it", *reasons[-1:], *reasons[-6:-1]]))
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError as cause:
        warnings.warn(f"every load will try {path.name} anew: {mark.parent} cannot be written ({cause})", stacklevel=4)
