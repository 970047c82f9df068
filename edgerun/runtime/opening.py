"""From a path to a session: the format by its bytes, the runtime, the delegate that is in force, what it compiled."""

from __future__ import annotations

import time
import warnings
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgerun import delegates
from edgerun.contract import Backend, Delegate, Session
from edgerun.errors import (
    BackendUnavailable,
    DelegateUnavailable,
    EdgerunError,
    InputError,
    ModelUnreadable,
    translated,
)
from edgerun.formats.identify import Identified, identify
from edgerun.formats.known import mismatch
from edgerun.report import Opening
from edgerun.runtime import cache, installed, tuned_choice
from edgerun.runtime import cpu_cores as threads
from edgerun.runtime.registry import Registry

__all__ = ["Opened", "open_model"]


@dataclass(frozen=True)
class Opened:
    """A model on its runtime, before anybody has settled how it is fed and read.

    Several detectors may be settled over one of these, to compare readings of a model; closing any closes it for all.

    Attributes:
        path: as it was given.
        file: the model itself; of an archive it is unpacked as long as this value lives.
        format: by the file's bytes.
        backend, session: who runs it.
        asked: the delegate that was chosen; its reason says why it is that one.
        threads: for the runtime.
        registry: who is in the house.
        opening: how long it took, and whether the runtime compiled.
        batch: pictures a run that were tuned; None where nobody did.
        removed: cleans up what was unpacked; a second call does nothing.
    """

    path: Path
    file: Path
    format: str
    backend: Backend
    session: Session
    asked: Delegate
    threads: int
    registry: Registry
    opening: Opening
    batch: int | None = None
    removed: Callable[[], None] = lambda: None

    def close(self) -> None:
        """Give everything back; a second call does nothing."""
        self.session.close()
        self.removed()


def open_model(
    model: str | Path,
    *,
    delegate: delegates.Wishes = None,
    strict: bool = False,
    threads: int | None = None,
    backend: str | None = None,
    registry: Registry | None = None,
) -> Opened:
    """Open a model of any format; the arguments are those of `Detector.load`, and so are the errors.

    With `strict` nodes outside the delegate are an error where the runtime tells before it runs.
    """
    if threads is not None and (not isinstance(threads, int) or not 1 <= threads <= 1024):
        raise InputError(f"threads = {threads!r} cannot be.", hint="pass a whole number from 1 to 1024")
    registry = installed.registry() if registry is None else registry
    found = identify(model, registry.backends)
    try:
        warning = mismatch(found.file, found.format)
        if warning:
            warnings.warn(warning, stacklevel=3)
        offered = _offered(registry, found.format, backend)
        if delegate == "auto":
            opened = _tuned(found, registry, offered, strict, threads)
        else:
            first, _ = next(tuned_choice.healthy(offered))
            opened = _opened(found.file, found.format, registry, first, delegate, strict, threads)
    except BaseException:
        found.close()
        raise
    opened = replace(opened, path=found.path, removed=found.close)
    weakref.finalize(opened, found.close)
    return opened


def _offered(registry: Registry, format: str, wish: str | None) -> list[Backend]:
    """Those that run a format, or the one that was named."""
    offered = registry.backends_for(format)
    if wish is None:
        return offered
    named = registry.backend(wish)
    if named not in offered:
        raise BackendUnavailable(
            f"Backend {wish} does not run {format} models.", hint="use " + ", ".join(entry.name for entry in offered)
        )
    return [named]


def _tuned(
    found: Identified, registry: Registry, offered: Sequence[Backend], strict: bool, count: int | None
) -> Opened:
    """What `edgerun tune` found to be the fastest here, else the runtime's order; the reason says which."""
    healthy = list(tuned_choice.healthy(offered))
    offers = {backend.name: registry.offers(backend) for backend, _ in healthy}
    choice, note = tuned_choice.recall(found.path, {backend.name: version for backend, version in healthy}, offers)
    if choice is not None:
        backend = registry.backend(choice.backend)
        try:
            opened = _opened(
                found.file, found.format, registry, backend, choice.delegate, strict, count or choice.threads
            )
            return replace(opened, asked=_noted(opened.asked, note), batch=choice.batch)
        except EdgerunError as cause:
            note = f"{choice.delegate} was tuned and cannot be opened, so the runtime's order: {cause.message}"
            warnings.warn(f"{found.path.name}: {note}", stacklevel=4)
    opened = _opened(found.file, found.format, registry, healthy[0][0], None, strict, count)
    return replace(opened, asked=_noted(opened.asked, note))


def _noted(asked: Delegate, note: str) -> Delegate:
    return replace(asked, reason=f"auto: {note}" + (f"; {asked.reason}" if asked.reason else ""))


def _opened(
    path: Path,
    format: str,
    registry: Registry,
    backend: Backend,
    wish: delegates.Wishes,
    strict: bool,
    threads_wish: int | None,
) -> Opened:
    """The first delegate that is in force once the model is opened; its reason says why earlier ones are not."""
    count = threads.available() if threads_wish is None else threads_wish
    offers = registry.offers(backend)
    tried, refusals = delegates.candidates(wish, offers, backend.name, strict=strict)
    failures: list[DelegateUnavailable] = []
    for asked in tried:
        told, place = _with_cache(path, backend, asked)
        before, started = cache.files(place), time.perf_counter()
        try:
            with translated(
                ModelUnreadable,
                f"{backend.name} cannot open {path}",
                hint="check that the file is whole; export it again",
            ):
                session = backend.open(path, told, count)
            try:
                why = delegates.confirm(wish, asked, session, backend.name)
                if strict:
                    found = delegates.coverage(session, backend.name)
                    if found.evidence != "none":  # where it is, the caller looks again after a run
                        delegates.demand(found, session.delegate, path.name)
            except BaseException:
                session.close()
                raise
            opening = Opening(time.perf_counter() - started, place, bool(cache.files(place) - before))
            reasons = [*refusals, why] if why else refusals
            asked = replace(asked, reason="; ".join(dict.fromkeys(reasons)))
            return Opened(path, path, format, backend, session, asked, count, registry, opening)
        except DelegateUnavailable as cause:
            cache.drop(place)
            failures.append(cause)
            refusals.append(f"{asked.name}: {cause.message.rstrip('.')}")
    if len({failure.message for failure in failures}) == 1 and len(refusals) == len(failures):
        raise failures[0]
    raise delegates.none_left(refusals, offers) from failures[0]


def _with_cache(path: Path, backend: Backend, asked: Delegate) -> tuple[Delegate, str]:
    """The delegate with a folder of ours for what it compiles, where it takes one and nobody named another; its path.

    The folder's name holds all that the compiled model depends on: a runtime may look at less, as TensorRT's cache,
    which does not see that weights have changed.
    """
    if "cache" not in asked.takes or "cache" in asked.options:
        return asked, ""
    if asked.name in delegates.VOCABULARY and delegates.on_processor(asked):
        return asked, ""  # OpenVINO's cache spares nothing there: YOLOv8n opened in 1.7 s without, 2.0 s with it filled
    options = [f"{name}={value}" for name, value in sorted(asked.options.items())]
    key = [cache.digest(path), backend.name, backend.health().version, asked.name, *options, *cache.machine().values()]
    place = cache.compiled(f"{path.stem}-{backend.name}-{asked.name}", "\n".join(key))
    if place is None:
        return asked, ""
    return replace(asked, options={**asked.options, "cache": str(place)}), str(place)
