"""How many cores this process has, and whether detectors that run at the same time ask for more.

By affinity and by the container's quota, not by the host's count.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Load", "available"]


def available(root: Path = Path("/")) -> int:
    """Cores that this process may use, at least 1.

    Args:
        root: of the file system, for tests.
    """
    limits = [_cores_of_process(), *_quotas(root)]
    return max(1, min(limits))


def _cores_of_process() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux alone
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[int]:
    """Cores by each quota that holds for this process: its control group's own and those of the groups above.

    Sources: Linux, cgroup-v2.rst (cpu.max: quota and period in microseconds, or "max") and sched-bwc.rst
    (cpu.cfs_quota_us, -1 for none).
    """
    groups = _text(root / "proc/self/cgroup").splitlines()
    for line in [*groups, "0::/", "1:cpu:/"]:  # in a container the root of what is mounted is the process's own group
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            yield from _quotas_upward(root / "sys/fs/cgroup", path, _quota_v2)
        elif "cpu" in controllers.split(","):
            for mount in (controllers, "cpu"):
                yield from _quotas_upward(root / "sys/fs/cgroup" / mount, path, _quota_v1)


def _quotas_upward(mount: Path, path: str, quota: Callable[[Path], list[str]]) -> Iterator[int]:
    """Cores by the quotas of a group and of those above it, up to where the hierarchy is mounted."""
    group = mount / path.lstrip("/")
    for level in (group, *group.parents):
        numbers = quota(level)
        if len(numbers) == 2 and all(map(str.isdecimal, numbers)) and int(numbers[1]):
            yield math.ceil(int(numbers[0]) / int(numbers[1]))
        if level == mount:
            return


def _quota_v1(group: Path) -> list[str]:
    """Quota and period, in microseconds."""
    return [_text(group / "cpu.cfs_quota_us").strip(), _text(group / "cpu.cfs_period_us").strip()]


def _quota_v2(group: Path) -> list[str]:
    """Likewise; the quota may be "max"."""
    return _text(group / "cpu.max").split()


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
        """The warning that is due; "" where no more threads were asked for than there are cores."""
        if self.threads <= cores:
            return ""
        fair = max(1, cores // self.detectors)
        return (
            f"{self.detectors} detectors ran at once in this process with {self.threads} threads on {cores} cores and "
            f"slowed each other down; load them with threads={fair}"
        )
