"""What a .pte file must pass before native code of this process sees it.

ExecuTorch's own check does not catch every damage: of damaged copies that `program.read` let pass, some brought down
the process (ExecuTorch 1.5.1), and some never ended. That only shows in a process that may die: each file that was
never seen before is opened and run once there, on zeros, which takes 1.1 s on two desktop cores, nearly all of it the
import of torch. What passed is remembered by the SHA-256 of the file and the version of ExecuTorch.

It is not a proof: a program may behave on zeros and not on an image, and a changed weight gives other numbers, unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgerun.contract.guarded_trial import REFUSED, guarded_trial

__all__ = ["tried"]

TRIAL = Path(__file__).with_name("trial.py")

TIME_LIMIT = 120.0
"""Seconds for the import of torch, the load and one run on the slowest board; a damaged program may never end."""


def tried(path: Path, version: str, methods: Sequence[str]) -> None:
    """Make sure that a program runs without bringing its process down.

    Raises:
        ValueError: it does not; the message says how it ended.
    """
    ending = guarded_trial(path, f"executorch/{version}", TRIAL, methods, TIME_LIMIT)
    if ending is None:
        return
    if ending.code is None:
        raise ValueError(f"it was still busy after {TIME_LIMIT:.0f} s of a trial in a process of its own")
    if ending.code != REFUSED:
        raise ValueError(f"it is damaged: it brought down the process that tried it (exit status {ending.code})")
    reasons = [line for line in ending.words.splitlines() if "cpuinfo" not in line]
    raise ValueError("; ".join(["executorch refused it", *reasons[-1:], *reasons[-6:-1]]))
