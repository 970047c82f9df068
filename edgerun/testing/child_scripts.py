"""What the kit runs in a process of its own: listing a plugin, counting threads, opening damaged files.

Each is filled in by `str.format` with the module that answers the hooks, and the backend's name.
"""

from __future__ import annotations

import subprocess
import sys

__all__ = ["DAMAGE", "HELD", "LISTING", "THREADS", "run"]

LISTING = """
import json, sys
import {module}
from edgerun.runtime.registry import Registry
registry = Registry()
registry.admit("conformance", sys.modules["{module}"])
print(json.dumps([sorted(sys.modules), [failure.message for failure in registry.failures],
                  [backend.name for backend in registry.backends]]))
"""
"""Prints, as JSON: the modules that are loaded, what failed, the names of the backends."""

THREADS = """
import os, sys
import numpy as np
import {module}
from edgerun.runtime.registry import Registry
registry = Registry()
registry.admit("conformance", sys.modules["{module}"])
backend = registry.backend("{name}")
session = backend.open(backend.specimen, next(offer for offer in backend.delegates() if offer.available), {threads})
session.run({{session.inputs[0].name: np.ones((1, 4), np.float32)}})
print(len(os.listdir("/proc/self/task")))
"""
"""Prints how many threads the process has after a run with {threads} of them."""

DAMAGE = """
import pathlib, sys
import {module}
from edgerun.runtime.registry import Registry
registry = Registry()
registry.admit("conformance", sys.modules["{module}"])
backend = registry.backend("{name}")
delegate = next(offer for offer in backend.delegates() if offer.available)
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    try:
        backend.open(path, delegate, 1).close()
        print("opened", path.name, flush=True)
    except Exception as error:
        print("refused", path.name, type(error).__name__, flush=True)
"""
"""Prints "opened NAME" or "refused NAME ERROR" for each file in the folder that it is given."""

HELD = """
import gc, os, pathlib, sys
import {module}
from edgerun.runtime.registry import Registry
registry = Registry()
registry.admit("conformance", sys.modules["{module}"])
backend = registry.backend("{name}")
delegate = next(offer for offer in backend.delegates() if offer.available)

def held(path):
    handles = [os.path.realpath(f"/proc/self/fd/{{handle}}") for handle in os.listdir("/proc/self/fd")]
    return str(path) in handles or str(path) in pathlib.Path("/proc/self/maps").read_text()

for path in sorted(pathlib.Path(sys.argv[1]).resolve().iterdir()):
    try:
        backend.open(path, delegate, 1).close()
        verdict = "closed"
    except Exception:
        verdict = "refused"
    gc.collect()
    print(verdict, path.name, "held" if held(path) else "free", flush=True)
"""
"""Prints "closed NAME held", "refused NAME free" … for each file in the folder that it is given, on Linux."""


def run(code: str, *arguments: str, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    """A script in a process of its own, with what it prints."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)  # noqa: S603
