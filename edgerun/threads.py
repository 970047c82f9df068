"""How many cores are ours: by affinity and by the container's quota, not by the host's count."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["available"]

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Two numbers, quota and period in microseconds, or "max" for no quota. Source: Linux, cgroup-v2.rst."""


def available(quota_file: Path = CGROUP_QUOTA) -> int:
    """Cores that this process may use, at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text().split()
    except (OSError, ValueError):
        return max(1, cores)
    if quota != "max":
        cores = min(cores, math.ceil(int(quota) / int(period)))
    return max(1, cores)
