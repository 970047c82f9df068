"""The fastest right way of running a model on this machine: tried, checked, measured, written down."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgerun.errors import InputError
from edgerun.formats.identify import identify
from edgerun.media import sources
from edgerun.runtime import cache, cpu_cores, tuned_choice
from edgerun.runtime.registry import Registry
from edgerun.tools.plugins_in_use import in_use
from edgerun.tools.tune.candidates import candidates
from edgerun.tools.tune.child_process import SubprocessRunner
from edgerun.tools.tune.entrants import Opener
from edgerun.tools.tune.race import silent
from edgerun.tools.tune.result import Tuning
from edgerun.tools.tune.runner import Candidate, Runner
from edgerun.tools.tune.search import BUDGET, Progress, search

__all__ = ["some_images", "tune"]

MAX_BUDGET = 86_400
"""Seconds: a day."""

MIN_PATIENCE = 60.0
"""Seconds after which a process that does not answer is taken for stuck; longer where the budget is."""

MAX_IMAGES = 8
"""Of a folder, that results are compared on."""


def tune(
    model: str | Path,
    *,
    budget: float = BUDGET,
    images: str | Path | None = None,
    write: bool = True,
    progress: Progress = silent,
    registry: Registry | None = None,
    opener: Opener | None = None,
    clock: Callable[[], float] = time.monotonic,
    **options: Any,
) -> Tuning:
    """Find the fastest right way of running a model here, and write it down for `delegate="auto"`.

    Each way runs in a process of its own, so that none can disturb another or bring down this one. Results are compared
    with those of the CPU first; what gives other boxes is out, however fast.

    Args:
        model: as `Detector.load` takes it.
        budget: seconds.
        images: a folder of images, or one; None for synthetic ones.
        write: whether the choice is written into this machine's cache.
        progress: called with what is going on, and how many seconds are spent.
        registry: plugins to use; None for all that are installed.
        opener: how a way is opened; None for a process of its own, which needs the installed registry.
        clock: seconds that only go forward.
        options: of `Detector.load`; with `backend`, `delegate` (a name or several) and `threads` only these are tried.

    Raises:
        EdgerunError: no delegate here runs the model, nothing can be checked, or the cache cannot be written.
    """
    if not 1 <= budget <= MAX_BUDGET:
        raise InputError(f"The budget must be 1 to {MAX_BUDGET} seconds, not {budget:g}.", hint="pass 1 to 86400")
    registry = in_use(registry)
    with identify(model, registry.backends) as identified:
        path, format = identified.path, identified.format
    backend, delegate, threads = (
        options.pop("backend", None),
        options.pop("delegate", None),
        options.pop("threads", None),
    )
    versions = _versions(format, backend, registry)
    offers = {name: registry.offers(registry.backend(name)) for name in versions}
    found = candidates(offers, cpu_cores.available(), delegates=_names(delegate), threads=threads)
    if write:
        _demand_writable_cache()
    load = _load()
    if opener is None:
        opener = _subprocess_opener(path, options, some_images(images), max(MIN_PATIENCE, budget))
    today = datetime.date.today().isoformat()
    result = search(found, opener, budget=budget, clock=clock, progress=progress, today=today)
    result = replace(result, model=str(path), load=load)
    if result.choice is None or result.alone or not write:
        return result
    table = [finding.to_dict() for finding in result.findings]
    return replace(result, written=str(tuned_choice.keep(path, result.choice, versions, offers, table)))


def _subprocess_opener(path: Path, options: Mapping[str, Any], images: Sequence[str], patience: float) -> Opener:
    def opened(candidate: Candidate) -> Runner:
        return SubprocessRunner(path, candidate, options, images, patience)

    return opened


def _versions(format: str, backend: str | None, registry: Registry) -> dict[str, str]:
    """Healthy backend that may run the model -> its version.

    Raises:
        EdgerunError: there is none.
    """
    asked = registry.backends_for(format) if backend is None else [registry.backend(backend)]
    return {healthy.name: version for healthy, version in tuned_choice.healthy(asked)}


def _names(delegate: Any) -> tuple[str, ...]:
    """What the user asks for: names of delegates; () for all."""
    if delegate in (None, "auto"):
        return ()
    return (delegate,) if isinstance(delegate, str) else tuple(map(str, delegate))


def _demand_writable_cache() -> None:
    """Better refused now than after a minute of work."""
    cache.write("tune/begun.json", {}).unlink(missing_ok=True)


def _load() -> float:
    """Programs that want a core, on average over the last minute; 0 where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def some_images(place: str | Path | None) -> list[str]:
    """Paths of some images, spread over a folder; [] for synthetic ones."""
    if place is None:
        return []
    found = [source.name for source in sources.expand([str(place)]) if source.kind == "picture"]
    if not found:
        raise InputError(f"{place} holds no images.", hint="name a folder of images, or one of them")
    return found[:: max(1, len(found) // MAX_IMAGES)][:MAX_IMAGES]
