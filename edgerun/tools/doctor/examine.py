"""Whether this machine can run what is installed: each runtime computes, it does not merely import."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from edgerun import __version__
from edgerun.contract import Backend, Health
from edgerun.runtime import cache, cpu_cores
from edgerun.runtime.registry import INSTALL, Registry
from edgerun.tools.doctor import examiners
from edgerun.tools.doctor.checkup import BackendCheck, Checkup, DelegateCheck, Missing
from edgerun.tools.plugins_in_use import in_use

__all__ = ["Examiner", "examine"]

MAX_WORKERS = 4
"""Backends that are examined at the same time."""

OPENCVS = (
    "opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless",
)  # fmt: skip
"""Distributions that all own the folder cv2/: two of them overwrite each other, unseen by pip."""

Examiner = Callable[[Backend, Registry], Iterable[Mapping[str, Any]]]
"""Gives what is found of a backend, step by step: {"health": …}, {"offers": […]}, {"begun": name}, {"trial": …}."""


def examine(registry: Registry | None = None, examiner: Examiner | None = None) -> Checkup:
    """Look at everything.

    Args:
        registry: plugins to use; None for all that are installed.
        examiner: how a backend is examined; None for a process of its own, which needs the installed registry.
    """
    known = in_use(registry)
    examined_by = examiners.in_subprocess if examiner is None else examiner

    def checked(backend: Backend) -> BackendCheck:
        return _check(backend, examined_by(backend, known))

    with ThreadPoolExecutor(min(MAX_WORKERS, cpu_cores.available())) as pool:
        checks = tuple(pool.map(checked, known.backends))
    warnings = (*_health_warnings(checks), *_opencv_warnings())
    return Checkup(_machine(), checks, tuple(known.failures), tuple(_missing(known)), warnings)


def _machine() -> dict[str, str]:
    return {
        "edgerun": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": f"{cpu_cores.available()} of {os.cpu_count()}",
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "cache": f"{cache.folder()} ({cache.size() / 1e6:.1f} MB)",
    }


def _health_warnings(checks: Iterable[BackendCheck]) -> Iterator[str]:
    for check in checks:
        for warning in check.health.warnings:
            yield f"{check.backend}: {warning}"


def _opencv_warnings() -> Iterator[str]:
    present = [name for name in OPENCVS if _installed(name)]
    if len(present) > 1:
        yield f"{' and '.join(present)} are both installed and overwrite each other; keep one"


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _missing(registry: Registry) -> Iterator[Missing]:
    """Formats that edgerun knows a runtime for and that none of the installed ones runs, by what installs it."""
    run: set[str] = set().union(*(backend.formats for backend in registry.backends))
    by_command: dict[str, list[str]] = {}
    for format, install in INSTALL.items():
        if format not in run:
            by_command.setdefault(install, []).append(format)
    for install, formats in by_command.items():
        yield Missing(tuple(formats), install)


def _check(backend: Backend, steps: Iterable[Mapping[str, Any]]) -> BackendCheck:
    """What an examiner found, put together."""
    check = BackendCheck(backend.name, tuple(backend.formats), Health(ok=False, reason="it reported nothing"))
    trials: dict[str, DelegateCheck] = {}
    for step in steps:
        if "health" in step:
            check = replace(check, health=_health(step["health"]))
        for name in step.get("offers", ()):
            trials.setdefault(name, DelegateCheck(name, available=True, ok=False, detail="not tried"))
        if "trial" in step:
            trial = DelegateCheck(**step["trial"])
            trials[trial.delegate] = trial
    return replace(check, trials=tuple(trials.values()))


def _health(fields: Mapping[str, Any]) -> Health:
    """A health from JSON, where tuples are lists."""
    return Health(**{**fields, "warnings": tuple(fields["warnings"])})
