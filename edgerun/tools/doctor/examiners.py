"""A backend is examined step by step: in this process, or in one of its own, where a crash is a finding too.

Run as a module, this is what the child process does: python -m edgerun.tools.doctor.examiners BACKEND [SKIPPED …]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from edgerun.contract import Backend, Delegate, Health, KnowsMachine, Session
from edgerun.runtime import installed
from edgerun.runtime.isolation import Child, Parent
from edgerun.runtime.registry import Registry
from edgerun.tools.doctor.checkup import DelegateCheck

__all__ = ["in_process", "in_subprocess"]

SPECIMEN_INPUT = np.arange(4, dtype=np.float32)[None]
"""What the specimen doubles: numbers that half floats hold exactly, and of which replay has a recording."""

MODULE = "edgerun.tools.doctor.examiners"
"""This file, as the child process runs it."""

PATIENCE_SECONDS = 120.0
"""After which a runtime that does not answer is taken for stuck."""

MAX_LINE_CHARACTERS = 200
"""Characters of an exception's first line that are told."""


# ------------------------------------------------------------------------------------- in this process


def in_process(backend: Backend, registry: Registry, skip: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Examine a backend in this process, step by step.

    Args:
        backend: to be examined.
        registry: that it belongs to.
        skip: delegates that are not tried.
    """
    health = _health(backend)
    yield {"health": asdict(health)}
    if not health.ok:
        return
    try:
        offers = registry.offers(backend)
    except Exception as cause:  # a plugin may raise anything
        yield _trial(DelegateCheck("?", available=True, ok=False, detail=f"its delegates raise {_line(cause)}"))
        return
    yield {"offers": [offer.name for offer in offers]}
    for offer in offers:
        if offer.name not in skip:
            yield from _delegate_steps(backend, offer)


def _health(backend: Backend) -> Health:
    try:
        health = backend.health()
        if health.ok and isinstance(backend, KnowsMachine):
            return replace(health, warnings=(*health.warnings, *backend.machine_notes()))
        return health
    except Exception as cause:  # a plugin may raise anything, even where it promised not to
        return Health(ok=False, reason=f"its health raises {_line(cause)}", hint="report it to the plugin's author")


def _delegate_steps(backend: Backend, offer: Delegate) -> Iterator[dict[str, Any]]:
    if not offer.available:
        yield _trial(DelegateCheck(offer.name, available=False, ok=False, detail=offer.reason))
        return
    yield {"begun": offer.name}
    yield _trial(_tried(backend, offer))


def _trial(check: DelegateCheck) -> dict[str, Any]:
    return {"trial": asdict(check)}


def _tried(backend: Backend, delegate: Delegate) -> DelegateCheck:
    """Open the specimen, double four numbers, compare."""
    started = time.perf_counter()
    try:
        session = backend.open(backend.specimen, delegate, 1)
        try:
            fault = _fault(session, delegate)
        finally:
            session.close()
    except Exception as cause:  # whatever a runtime raises is the finding
        fault = _line(cause)
    milliseconds = round((time.perf_counter() - started) * 1000, 3)
    return DelegateCheck(
        delegate.name, available=True, ok=not fault, detail=fault or delegate.reason, milliseconds=milliseconds
    )


def _fault(session: Session, delegate: Delegate) -> str:
    """What is wrong with the session's answer; "" where nothing is."""
    if session.delegate != delegate.name:
        return f"it fell back to {session.delegate}"
    (result,) = session.run({session.inputs[0].name: SPECIMEN_INPUT.copy()}).values()
    expected = SPECIMEN_INPUT * 2
    if result.shape == expected.shape and np.allclose(result, expected, rtol=1e-3, atol=0):
        return ""
    return f"it computes {np.asarray(result).ravel()[:4].tolist()} where {expected.ravel().tolist()} is right"


def _line(cause: BaseException) -> str:
    lines = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {lines[0][:MAX_LINE_CHARACTERS]}" if lines else type(cause).__name__


# ------------------------------------------------------------------------------- in a process of its own


@dataclass
class _Progress:
    """How far a child process got.

    Attributes:
        steps: that it reported.
        has_health: whether the backend's health is among them.
        begun: the last delegate that was begun; "" where none was.
        done: delegates with a finding.
        ending: how it ended; "" for well.
    """

    steps: list[dict[str, Any]] = field(default_factory=list)
    has_health: bool = False
    begun: str = ""
    done: list[str] = field(default_factory=list)
    ending: str = ""

    def add(self, step: dict[str, Any]) -> None:
        self.steps.append(step)
        self.has_health |= "health" in step
        self.begun = step.get("begun", self.begun)
        if "trial" in step:
            self.done.append(step["trial"]["delegate"])

    def unfinished(self, skipped: Sequence[str]) -> str:
        """The delegate that was being tried; "" where the child ended between delegates, or at the very end."""
        return "" if self.begun in {*self.done, *skipped} else self.begun


def in_subprocess(backend: Backend, registry: Registry) -> Iterator[dict[str, Any]]:
    """Examine an installed backend in a process of its own; a crash is a finding, and the next delegate follows."""
    skip: list[str] = []
    while True:
        progress = _child([backend.name, *skip])
        yield from progress.steps
        if not progress.ending:
            return
        detail = f"its process {progress.ending}"
        if not progress.has_health:
            yield {"health": asdict(Health(ok=False, reason=detail, hint="reinstall it"))}
            return
        culprit = progress.unfinished(skip)
        yield _trial(DelegateCheck(culprit or "(process)", available=True, ok=False, detail=detail))
        if not culprit:
            return
        skip += [*progress.done, culprit]


def _child(arguments: Sequence[str]) -> _Progress:
    """Run the child process to its end, or until it has taken too long."""
    progress = _Progress()
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Child(MODULE, arguments) as child:
        try:
            while (step := child.receive(deadline - time.monotonic())) is not None:
                progress.add(step)
            progress.ending = child.ending(deadline - time.monotonic())
        except TimeoutError:
            progress.ending = f"gave no answer within {PATIENCE_SECONDS:g} seconds"
    return progress


def main(name: str, *skip: str) -> None:
    """What the child process does: tell each step to its parent."""
    parent = Parent()
    registry = installed.registry()
    for step in in_process(registry.backend(name), registry, skip):
        parent.send(step)


if __name__ == "__main__":
    main(*sys.argv[1:])
