"""How many cores are ours."""

from __future__ import annotations

import os
import threading

import pytest

from edgerun.runtime.cpu_cores import Load, available


@pytest.fixture
def cores(monkeypatch):
    """A process that may use sixteen cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 16),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, 16),
        ({"sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 2),
        ({"sys/fs/cgroup/cpu.max": "10000 100000\n"}, 1),
        ({"sys/fs/cgroup/cpu.max": "nonsense"}, 16),
        ({"sys/fs/cgroup/cpu.max": "200000 0"}, 16),
        # a service of systemd with CPUQuota=: the quota stands in its own group, not at the root
        ({"proc/self/cgroup": "0::/system.slice/a.service\n",
          "sys/fs/cgroup/system.slice/a.service/cpu.max": "300000 100000\n"}, 3),
        # the group above has the tighter one
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
          "sys/fs/cgroup/a/cpu.max": "200000 100000\n"}, 2),
        # version 1, in a container and on the host
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "250000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 16),
        ({"proc/self/cgroup": "4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n",
          "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "100000\n",
          "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n"}, 1),
        ({"proc/self/cgroup": "garbage\n\n::\n"}, 16),
    ],
)  # fmt: skip
def test_the_quota_of_the_control_group_counts(tmp_path, cores, files, expected):
    write(tmp_path, files)
    assert available(tmp_path) == expected


def test_affinity_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    write(tmp_path, {"sys/fs/cgroup/cpu.max": "800000 100000\n"})
    assert available(tmp_path) == 2


def test_one_detector_alone_is_never_warned_about():
    load = Load()
    with load.running(64):
        pass
    with load.running(64):
        pass
    assert load.warning(2) == ""


def test_detectors_that_ran_at_once_with_more_threads_than_cores_are_told():
    load = Load()
    with load.running(4), load.running(4):
        pass
    warning = load.warning(4)
    assert "2 detectors ran at once" in warning
    assert "8 threads on 4 cores" in warning
    assert "threads=2" in warning
    assert load.warning(8) == ""


def test_it_counts_across_threads():
    load, together = Load(), threading.Barrier(3)

    def work():
        with load.running(2):
            together.wait(timeout=30)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (load.detectors, load.threads) == (3, 6)
