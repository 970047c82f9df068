"""Whether this machine can run what is installed: each runtime computes, it does not merely import.

Each backend is examined in a process of its own, because a broken runtime may crash the process or never answer, and
because two runtimes in one process may clash.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

import cv2
import numpy as np

from edgerun import __version__
from edgerun.contract import Backend, Delegate, Health
from edgerun.runtime import cache, cpu_cores, installed
from edgerun.runtime.registry import INSTALL, Failure, Registry

__all__ = ["Check", "Checkup", "Missing", "Trial", "apart", "examine", "here"]

ASKED = np.arange(4, dtype=np.float32)[None]
"""What the specimen doubles: numbers that half floats hold exactly, and of which replay has a recording."""

PATIENCE = 120.0
"""Seconds after which a runtime that does not answer is taken for stuck."""

OPENCVS = (
    "opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless",
)  # fmt: skip
"""Distributions that all own the folder cv2/: two of them overwrite each other, unseen by pip."""

Examiner = Callable[[Backend, Registry], Iterable[Mapping[str, Any]]]
"""Gives what is found of a backend, step by step: {"health": …}, {"offers": […]}, {"begun": name}, {"trial": …}."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A delegate of a backend, tried.

    Attributes:
        delegate: its name.
        available: whether it can be asked for on this machine.
        ok: whether it computed y = x + x; False for those that are not available.
        detail: why not, or what else there is to know.
        milliseconds: of opening the specimen and running it once.
    """

    delegate: str
    available: bool
    ok: bool
    detail: str = ""
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """A backend, examined.

    Attributes:
        backend: its name.
        formats: that it runs.
        health: its own word.
        trials: one per delegate, best first.
    """

    backend: str
    formats: tuple[str, ...]
    health: Health
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """Formats that nothing installed runs.

    Attributes:
        formats: their names.
        install: what to do about it.
    """

    formats: tuple[str, ...]
    install: str


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found on this machine.

    Attributes:
        machine: name -> version or description: edgerun, python, platform, cores, numpy, opencv, the
            cache's folder.
        checks: of each backend.
        failures: plugins that were not let in.
        missing: formats that nothing installed runs.
        warnings: what works but may surprise.
    """

    machine: Mapping[str, str]
    checks: tuple[Check, ...]
    failures: tuple[Failure, ...]
    missing: tuple[Missing, ...]
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "errors", tuple(self._errors()))

    def _errors(self) -> Iterator[str]:
        yield from (f"{failure.message} ({failure.distribution})" for failure in self.failures)
        for check in self.checks:
            if not check.health.ok:
                yield f"{check.backend} cannot run here: {check.health.reason}"
            for trial in check.trials:
                if trial.available and not trial.ok:
                    yield f"{check.backend} on {trial.delegate}: {trial.detail}"
        if not any(check.backend != "replay" for check in self.checks) and not self.failures:
            yield f"no runtime is installed: {INSTALL['onnx']}, say"

    @property
    def ok(self) -> bool:
        """True where no error was found."""
        return not self.errors

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "ok": self.ok,
            "machine": dict(self.machine),
            "backends": [asdict(check) for check in self.checks],
            "failures": [asdict(failure) for failure in self.failures],
            "missing": [asdict(entry) for entry in self.missing],
            "warnings": list(self.warnings),
            "errors": list(self.errors),
        }


def examine(registry: Registry | None = None, examiner: Examiner | None = None) -> Checkup:
    """Look at everything.

    Args:
        registry: who is in the house; None for everybody who is installed.
        examiner: how a backend is examined; None for a process of its own, which needs the installed registry.
    """
    registry = installed.registry() if registry is None else registry
    examiner = apart if examiner is None else examiner
    with ThreadPoolExecutor(max(1, min(4, cpu_cores.available()))) as pool:
        checks = tuple(pool.map(lambda backend: _check(backend, examiner(backend, registry)), registry.backends))
    warnings = [f"{check.backend}: {warning}" for check in checks for warning in check.health.warnings]
    clash = [name for name in OPENCVS if _installed(name)]
    if len(clash) > 1:
        warnings.append(f"{' and '.join(clash)} are both installed and overwrite each other; keep one")
    return Checkup(_machine(), checks, tuple(registry.failures), tuple(_missing(registry)), tuple(warnings))


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


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _missing(registry: Registry) -> Iterator[Missing]:
    run = {format for backend in registry.backends for format in backend.formats}
    by_install: dict[str, list[str]] = {}
    for format, install in INSTALL.items():
        if format not in run:
            by_install.setdefault(install, []).append(format)
    for install, formats in by_install.items():
        yield Missing(tuple(formats), install)


def _check(backend: Backend, steps: Iterable[Mapping[str, Any]]) -> Check:
    """What an examiner found, put together."""
    health = Health(ok=False, reason="it said nothing")
    trials: dict[str, Trial] = {}
    for step in steps:
        if "health" in step:
            health = Health(**{**step["health"], "warnings": tuple(step["health"]["warnings"])})
        for name in step.get("offers", ()):
            trials.setdefault(name, Trial(name, available=True, ok=False, detail="not tried"))
        if "trial" in step:
            trial = Trial(**step["trial"])
            trials[trial.delegate] = trial
    return Check(backend.name, tuple(backend.formats), health, tuple(trials.values()))


# ------------------------------------------------------------------------------------- in this process


def here(backend: Backend, registry: Registry, skip: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Examine a backend in this process, step by step.

    Args:
        backend: to be examined.
        registry: that it belongs to.
        skip: delegates that are not tried.
    """
    try:
        health = backend.health()
    except Exception as cause:  # a guest may raise anything, even where it promised not to
        health = Health(ok=False, reason=f"its health raises {_line(cause)}", hint="report it to the plugin's author")
    yield {"health": asdict(health)}
    if not health.ok:
        return
    try:
        offers = registry.offers(backend)
    except Exception as cause:  # a guest may raise anything
        yield {"trial": asdict(Trial("?", available=True, ok=False, detail=f"its delegates raise {_line(cause)}"))}
        return
    yield {"offers": [offer.name for offer in offers]}
    for offer in offers:
        if offer.name in skip:
            continue
        if not offer.available:
            yield {"trial": asdict(Trial(offer.name, available=False, ok=False, detail=offer.reason))}
            continue
        yield {"begun": offer.name}
        yield {"trial": asdict(_tried(backend, offer))}


def _tried(backend: Backend, delegate: Delegate) -> Trial:
    """Open the specimen, double four numbers, compare."""
    started = time.perf_counter()
    try:
        session = backend.open(backend.specimen, delegate, 1)
        try:
            detail = _computed(session, delegate)
        finally:
            session.close()
    except Exception as cause:  # whatever a runtime raises is the finding
        detail = _line(cause)
    took = round((time.perf_counter() - started) * 1000, 3)
    return Trial(delegate.name, available=True, ok=not detail, detail=detail or delegate.reason, milliseconds=took)


def _computed(session: Any, delegate: Delegate) -> str:
    """What is wrong with the session's answer; "" where nothing is."""
    if session.delegate != delegate.name:
        return f"it fell back to {session.delegate}"
    feeds = {session.inputs[0].name: ASKED.copy()}
    (result,) = session.run(feeds).values()
    wanted = ASKED * 2
    if result.shape != wanted.shape or not np.allclose(result, wanted, rtol=1e-3, atol=0):
        return f"it computes {np.asarray(result).ravel()[:4].tolist()} where {wanted.ravel().tolist()} is right"
    return ""


def _line(cause: BaseException) -> str:
    lines = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {lines[0][:200]}" if lines else type(cause).__name__


# ------------------------------------------------------------------------------- in a process of its own


def apart(backend: Backend, registry: Registry) -> Iterator[dict[str, Any]]:
    """Examine an installed backend in a process of its own; a crash is a finding, and the next delegate follows."""
    skip: list[str] = []
    while True:
        seen, ending = _child([backend.name, *skip])
        yield from seen
        if not ending:
            return
        begun = [step["begun"] for step in seen if "begun" in step]
        done = [step["trial"]["delegate"] for step in seen if "trial" in step]
        if not any("health" in step for step in seen):
            hint = "reinstall it"
            yield {"health": asdict(Health(ok=False, reason=f"its process {ending}", hint=hint))}
            return
        if not begun or begun[-1] in (*done, *skip):  # it died between delegates, or at the very end
            yield {"trial": asdict(Trial("(process)", available=True, ok=False, detail=f"its process {ending}"))}
            return
        yield {"trial": asdict(Trial(begun[-1], available=True, ok=False, detail=f"its process {ending}"))}
        skip += [*done, begun[-1]]


def _child(arguments: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    """The steps that a child process told, and how it ended; "" for well."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    command = [sys.executable, "-P", "-m", "edgerun.tools.doctor.examine", *arguments]
    ending = ""
    try:
        # arguments are names of installed plugins' backends and delegates, and no shell is asked
        done = subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603
        told, code = done.stdout, done.returncode
        if code < 0:
            ending = f"was killed by {_signal(-code)}"
        elif code:
            last = done.stderr.decode("utf-8", "replace").strip().splitlines()
            ending = f"ended with code {code}" + (f": {last[-1][:200]}" if last else "")
    except subprocess.TimeoutExpired as late:
        told, ending = late.stdout or b"", f"gave no answer within {PATIENCE:g} seconds"
    return [json.loads(line) for line in told.splitlines() if line.startswith(b"{") and line.endswith(b"}")], ending


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _main(name: str, *skip: str) -> None:
    """What the child process does: tell each step on a line of stdout, at once."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a runtime that prints must not end up between our lines
    registry = installed.registry()
    for step in here(registry.backend(name), registry, skip):
        out.write(json.dumps(step) + "\n")
        out.flush()


if __name__ == "__main__":
    _main(*sys.argv[1:])
