"""How many cores are ours, and whether detectors that run at the same time ask for more.

By affinity and by the container's quota, not by the host's count.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Load", "available"]


def available(root: Path = Path("/")) -> int:
    """Cores that this process may use, at least 1.

    Args:
        root: of the file system, for tests.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *_quotas(root)]))


def _quotas(root: Path) -> Iterator[int]:
    """Cores by each quota that holds for this process: its control group's own and those of the groups above.

    Sources: Linux, cgroup-v2.rst (cpu.max: quota and period in microseconds, or "max") and sched-bwc.rst
    (cpu.cfs_quota_us, -1 for none).
    """
    groups = _text(root / "proc/self/cgroup").splitlines()
    for line in [*groups, "0::/", "1:cpu:/"]:  # in a container the root of what is mounted is the own group
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounts = [""] if not controllers else [controllers, "cpu"]
        for mount in mounts:
            base = root / "sys/fs/cgroup" / mount
            place = base / path.lstrip("/")
            for level in (place, *place.parents):
                if controllers:
                    numbers = [_text(level / "cpu.cfs_quota_us"), _text(level / "cpu.cfs_period_us")]
                else:
                    numbers = _text(level / "cpu.max").split()
                if len(numbers) == 2 and all(number.strip().isdecimal() for number in numbers) and int(numbers[1]):
                    yield math.ceil(int(numbers[0]) / int(numbers[1]))
                if level == base:
                    break


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


class Load:
    """What the detectors of this process ask for at the same time: measured, as they run.

    Attributes:
        detectors: that ran at once at the busiest moment.
        threads: that these asked for together.
    """

    def __init__(self) -> None:
        self.detectors = self.threads = 0
        self._running, self._asked = 0, 0
        self._lock = threading.Lock()

    @contextmanager
    def running(self, count: int) -> Iterator[None]:
        """A run of a model with so many threads."""
        with self._lock:
            self._running += 1
            self._asked += count
            if self._running > 1 and self._asked > self.threads:
                self.detectors, self.threads = self._running, self._asked
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                self._asked -= count

    def warning(self, cores: int) -> str:
        """What is to be said of it; "" where no more was asked for than there is."""
        if self.threads <= cores:
            return ""
        share = max(1, cores // self.detectors)
        return (
            f"{self.detectors} detectors ran at once in this process with {self.threads} threads on {cores} cores and "
            f"slowed each other down; load them with threads={share}"
        )
