"""From a path to a session: the format by its bytes, the runtime, the delegate that is in force, what it compiled."""

from __future__ import annotations

import time
import warnings
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from edgerun import delegates
from edgerun.contract import Backend, Delegate, SaysInexact, Session
from edgerun.errors import (
    BackendUnavailable,
    DelegateUnavailable,
    EdgerunError,
    InputError,
)
from edgerun.formats.identify import Identified
from edgerun.formats.known import mismatch
from edgerun.runtime import cache, cpu_cores, delegate_choice, in_memory, installed, tuned_choice
from edgerun.runtime.refused_files import refused
from edgerun.runtime.registry import Registry
from edgerun.runtime.trial_cache import TrialCache

__all__ = ["Opened", "Opening", "open_model"]

MAX_THREADS = 1024
"""More is a slip of the keyboard, and some runtimes would start them all."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How the runtime opened a model.

    Attributes:
        seconds: that it took.
        cache: folder of what it compiles for this machine; "" where it keeps nothing there.
        compiled: whether it compiled now, which later loads are spared.
    """

    seconds: float
    cache: str = ""
    compiled: bool = False

    def __str__(self) -> str:
        took = f"{self.seconds:.2f} s"
        if self.compiled:
            return f"{took}, in which the model was compiled; that is kept for later loads in {self.cache}"
        if self.cache:
            return f"{took}, with what was compiled before in {self.cache}"
        return took


@dataclass(frozen=True)
class Opened:
    """A model on its runtime, before it is settled how it is fed and read.

    Several detectors may be made over one of these, to compare hypotheses about a model; closing any closes it for all.

    Attributes:
        path: as it was given.
        file: the model itself; of an archive it is unpacked as long as this value lives.
        format: by the file's bytes.
        backend, session: the runtime, and the model opened on it.
        asked: the delegate that was chosen; its reason says why it is that one.
        threads: for the runtime.
        registry: the plugins in use.
        opening: how long it took, and whether the runtime compiled.
        batch: images a run, as tuned; None where nothing was tuned.
        trials: what it answered to trial runs of earlier loads; None where that is not kept.
        removed: deletes what was unpacked; a second call does nothing.
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
    trials: TrialCache | None = None
    removed: Callable[[], None] = lambda: None

    def close(self) -> None:
        """Give everything back; a second call does nothing."""
        self.session.close()
        self.removed()


class _Request(NamedTuple):
    """What was asked for, with the file of the model and its format."""

    path: Path
    file: Path
    format: str
    registry: Registry
    delegate: delegates.Wishes
    strict: bool
    threads: int | None
    in_memory: bool


def open_model(
    model: str | Path | in_memory.Content,
    *,
    format: str | None = None,
    delegate: delegates.Wishes = None,
    strict: bool = False,
    threads: int | None = None,
    backend: str | None = None,
    registry: Registry | None = None,
) -> Opened:
    """Open a model of any format; the arguments are those of `Detector.load`, and so are the errors.

    With `strict` nodes outside the delegate are an error where the runtime tells before it runs. Of a model in memory
    nothing is kept in edgerun's cache folder.
    """
    if threads is not None and (not isinstance(threads, int) or not 1 <= threads <= MAX_THREADS):
        raise InputError(
            f"threads must be a whole number from 1 to {MAX_THREADS}, not {threads!r}.",
            hint="leave it out for all cores",
        )
    registry = installed.registry() if registry is None else registry
    is_file = isinstance(model, (str, Path))
    found = in_memory.identified(model, format, registry.backends)
    try:
        _warn_of_suffix(found)
        request = _Request(found.path, found.file, found.format, registry, delegate, strict, threads, not is_file)
        offered = _offered(registry, found.format, backend)
        if delegate == "auto":
            opened = _tuned(request, offered)
        else:
            opened = _opened(request, *next(tuned_choice.healthy(offered)))
    except BaseException:
        found.close()
        raise
    opened = replace(opened, path=found.path, removed=found.close)
    weakref.finalize(opened, found.close)
    return opened


def _warn_of_suffix(found: Identified) -> None:
    """A warning where the suffix says another format than the bytes."""
    warning = mismatch(found.file, found.format)
    if warning:
        warnings.warn(warning, stacklevel=4)


def _offered(registry: Registry, format: str, name: str | None) -> list[Backend]:
    """The backends that run a format, or the one that was named."""
    offered = registry.backends_for(format)
    if name is None:
        return offered
    named = registry.backend(name)
    if named not in offered:
        raise BackendUnavailable(
            f"Backend {name} does not run {format} models.", hint="use " + ", ".join(entry.name for entry in offered)
        )
    return [named]


def _tuned(request: _Request, offered: Sequence[Backend]) -> Opened:
    """What `edgerun tune` found to be the fastest here, else the runtime's order; the reason says which."""
    registry = request.registry
    healthy = list(tuned_choice.healthy(offered))
    versions = {backend.name: version for backend, version in healthy}
    offers = {backend.name: registry.offers(backend) for backend, _ in healthy}
    choice, note = tuned_choice.recall(request.path, versions, offers)
    if choice is not None:
        as_tuned = request._replace(delegate=choice.delegate, threads=request.threads or choice.threads)
        try:
            opened = _opened(as_tuned, registry.backend(choice.backend), versions[choice.backend])
            return replace(opened, asked=_noted(opened.asked, note), batch=choice.batch)
        except EdgerunError as cause:
            note = f"{choice.delegate} was tuned and cannot be opened, so the runtime's order: {cause.message}"
            warnings.warn(f"{request.path.name}: {note}", stacklevel=4)
    opened = _opened(request._replace(delegate=None), *healthy[0])
    return replace(opened, asked=_noted(opened.asked, note))


def _noted(asked: Delegate, note: str) -> Delegate:
    reasons = [f"auto: {note}", asked.reason] if asked.reason else [f"auto: {note}"]
    return replace(asked, reason="; ".join(reasons))


def _opened(request: _Request, backend: Backend, version: str) -> Opened:
    """The first delegate that is in force once the model is opened; its reason says why earlier ones are not."""
    offers = request.registry.offers(backend)
    tried, refusals = delegate_choice.candidates(request.delegate, offers, backend.name, strict=request.strict)
    failures: list[DelegateUnavailable] = []
    for asked in tried:
        try:
            opened = _on_delegate(request, backend, version, asked)
        except DelegateUnavailable as cause:
            failures.append(cause)
            refusals.append(f"{asked.name}: {cause.message.rstrip('.')}")
            continue
        why = opened.asked.reason
        reasons = [*refusals, why] if why else refusals
        return replace(opened, asked=replace(asked, reason="; ".join(dict.fromkeys(reasons))))
    nothing_else_was_refused = len(refusals) == len(failures)
    if nothing_else_was_refused and len({failure.message for failure in failures}) == 1:
        raise failures[0]
    raise delegate_choice.none_left(refusals, offers) from failures[0]


def _on_delegate(request: _Request, backend: Backend, version: str, asked: Delegate) -> Opened:
    """The model opened on one delegate, whose reason says why it is in force.

    Raises:
        DelegateUnavailable: another one is in force than the one that the user named, or it does not start.
        DelegateIncomplete: not all nodes run on it, and `strict` asks for that.
        ModelUnreadable: the runtime does not open the file.
    """
    threads = cpu_cores.available() if request.threads is None else request.threads
    given, folder = (asked, "") if request.in_memory else _with_cache(request.file, backend, version, asked)
    before, began, started = cache.files(folder), time.time(), time.perf_counter()
    try:
        session = _session(backend, request.file, given, threads)
        why = _why_in_force(request, backend, asked, session)
        _warn_where_inexact(session)
    except DelegateUnavailable:
        cache.drop(folder)
        raise
    opening = Opening(time.perf_counter() - started, folder, bool(cache.files(folder) - before))
    asked = replace(asked, reason=why)
    versions = (request.registry.plugin_of(backend), version)
    trials = TrialCache.of(request.file, request.format, backend.name, versions, given, session.delegate, began)
    return Opened(
        path=request.file,
        file=request.file,
        format=request.format,
        backend=backend,
        session=session,
        asked=asked,
        threads=threads,
        registry=request.registry,
        opening=opening,
        trials=None if request.in_memory else trials,
    )


def _session(backend: Backend, file: Path, delegate: Delegate, threads: int) -> Session:
    """A file opened by its runtime, or one sentence of why it was not."""
    try:
        return backend.open(file, delegate, threads)
    except EdgerunError:
        raise
    except Exception as cause:  # a runtime may raise anything
        raise refused(backend, file, cause) from cause


def _why_in_force(request: _Request, backend: Backend, asked: Delegate, session: Session) -> str:
    """Why the session's delegate is that one; the session is closed where that is refused."""
    try:
        why = delegate_choice.confirm(request.delegate, asked, session, backend.name)
        if request.strict:
            found = delegate_choice.coverage(session, backend.name)
            if found.evidence != "none":  # else the caller looks again after a run
                delegate_choice.demand(found, session.delegate, request.file.name)
    except BaseException:
        session.close()
        raise
    return why


def _warn_where_inexact(session: Session) -> None:
    """A warning where the runtime knowingly computes something else than the file says."""
    inexact = session.inexact if isinstance(session, SaysInexact) else ""
    if inexact:
        warnings.warn(inexact, stacklevel=6)


def _with_cache(path: Path, backend: Backend, version: str, asked: Delegate) -> tuple[Delegate, str]:
    """The delegate with a folder of edgerun's cache for what it compiles, and the folder's path.

    As it is, and "", where it takes no such folder or the user named one. The folder's name holds all that the compiled
    model depends on: a runtime may look at less, as TensorRT's cache, which does not see that weights have changed.
    """
    if "cache" not in asked.takes or "cache" in asked.options:
        return asked, ""
    if asked.name in delegates.VOCABULARY and delegates.on_processor(asked):
        return asked, ""  # OpenVINO's cache spares nothing there: YOLOv8n opened in 1.7 s without, 2.0 s with it filled
    options = [f"{name}={value}" for name, value in sorted(asked.options.items())]
    key = [cache.digest(path), backend.name, version, asked.name, *options, *cache.machine().values()]
    folder = cache.compiled(f"{path.stem}-{backend.name}-{asked.name}", "\n".join(key))
    if folder is None:
        return asked, ""
    return replace(asked, options={**asked.options, "cache": str(folder)}), str(folder)
