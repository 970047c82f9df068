"""The installed plugins: found by their entry points, checked, and asked what they bring.

The registry is a value. A plugin that is broken never stops edgerun: its failure is kept, and the doctor shows it.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from itertools import chain
from typing import Any, NamedTuple

import pluggy

from edgerun import hookspecs
from edgerun.contract import Backend, Decoder, Delegate, Dialect
from edgerun.errors import BackendMissing, PluginConflict, PluginError
from edgerun.formats.known import RECOGNISED

__all__ = ["INSTALL", "Failure", "Plugin", "Registry"]

INSTALL = {
    "onnx": 'pip install "edgerun[onnx]"',
    "ort": 'pip install "edgerun[onnx]"',
    "tflite": 'pip install "edgerun[tflite]"',
    "mlpackage": 'pip install "edgerun[coreml]"',
    "mlmodel": 'pip install "edgerun[coreml]"',
    "executorch": 'pip install "edgerun[executorch]"',
    "torchscript": 'pip install "edgerun[torchscript]"',
}
"""What to install for a format that no installed plugin runs."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin that is in use.

    Attributes:
        name: of its entry point.
        distribution, version: what pip calls it; "edgerun" for what is built in.
        hooks: that it implements.
        backends, decoders, dialects: names of what was taken in.
    """

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]
    backends: tuple[str, ...] = ()
    decoders: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A plugin, or a part of one, that is left out.

    Attributes:
        plugin: name of the entry point.
        distribution: what pip calls it.
        message: what went wrong, in one sentence.
        trace: the traceback, for its author.
    """

    plugin: str
    distribution: str
    message: str
    trace: str = ""


class _Origin(NamedTuple):
    """Where an answer comes from: the entry point's name and its distribution."""

    plugin: str
    distribution: str


@dataclass
class Registry:
    """All that is on offer.

    Attributes:
        backends, decoders, dialects: in the order of registration, built-in first.
        delegates: backend -> delegates that other plugins add to it.
        plugins: those in use.
        failures: those left out, and why.
    """

    backends: list[Backend] = field(default_factory=list)
    decoders: list[Decoder] = field(default_factory=list)
    dialects: list[Dialect] = field(default_factory=list)
    delegates: dict[str, list[Delegate]] = field(default_factory=dict)
    plugins: list[Plugin] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @staticmethod
    def load(
        builtin: Iterable[tuple[str, object]] = (), *, entry_points: Iterable[metadata.EntryPoint] | None = None
    ) -> Registry:
        """Ask every plugin.

        Args:
            builtin: (name, module or object with hooks) of edgerun itself.
            entry_points: of the group "edgerun"; None for those that are installed. The environment variable
                EDGERUN_PLUGINS=a,b lets only these in.
        """
        registry = Registry()
        for name, plugin in builtin:
            registry.admit(name, plugin)
        if entry_points is None:
            entry_points = metadata.entry_points(group="edgerun")
        for entry_point in sorted(_allowed(entry_points), key=lambda entry: entry.name):
            registry._admit_entry_point(entry_point)
        return registry

    def _admit_entry_point(self, entry_point: metadata.EntryPoint) -> None:
        distribution, version = entry_point.value, ""
        if entry_point.dist is not None:
            distribution, version = entry_point.dist.name, entry_point.dist.version
        try:
            plugin = entry_point.load()
        except (Exception, SystemExit) as cause:  # a plugin may raise anything; edgerun goes on
            self._fail(_Origin(entry_point.name, distribution), f"cannot be imported: {_line(cause)}")
            return
        self.admit(entry_point.name, plugin, distribution, version)

    def admit(self, name: str, plugin: object, distribution: str = "edgerun", version: str = "") -> None:
        """Check a plugin's hooks and take in what it offers; what is wrong is kept as a failure."""
        origin = _Origin(name, distribution)
        manager = pluggy.PluginManager("edgerun")
        manager.add_hookspecs(hookspecs)
        try:
            manager.register(plugin, name)
            manager.check_pending()
        except pluggy.PluginValidationError as cause:
            self._fail(origin, f"does not keep to the hooks: {_line(cause)}")
            return
        hooks = tuple(sorted(caller.name for caller in manager.get_hookcallers(plugin) or ()))
        if not hooks:
            self._fail(origin, f"implements no hook; the hooks are {', '.join(hookspecs.HOOKS)}")
            return
        hook = manager.hook
        backends = self._take(origin, hook.edgerun_register_backends, Backend, self.backends)
        decoders = self._take(origin, hook.edgerun_register_decoders, Decoder, self.decoders)
        dialects = self._take(origin, hook.edgerun_register_dialects, Dialect, self.dialects)
        self.plugins.append(Plugin(name, distribution, version, hooks, backends, decoders, dialects))
        if "edgerun_register_delegates" in hooks:
            self._take_delegates(origin, hook.edgerun_register_delegates)

    def _take(self, origin: _Origin, hook: Callable[[], list[Any]], kind: type, shelf: list[Any]) -> tuple[str, ...]:
        """Names of what a hook offers and whose names are free; it is put on the shelf."""
        names = []
        for entry in self._answers(origin, hook, kind):
            if any(other.name == entry.name for other in shelf):
                conflict = PluginConflict(f"brings a second {_kind(entry)} named {entry.name}; the first one stays")
                self._fail(origin, conflict.message)
                continue
            shelf.append(entry)
            names.append(entry.name)
        return tuple(names)

    def _take_delegates(self, origin: _Origin, hook: Callable[..., list[Any]]) -> None:
        for backend in self.backends:
            found = self._answers(origin, partial(hook, backend=backend.name), Delegate)
            self.delegates.setdefault(backend.name, []).extend(found)

    def _answers(self, origin: _Origin, hook: Callable[[], list[Any]], kind: type) -> list[Any]:
        """What a hook gives that is of the right kind; the rest is kept as failures."""
        try:
            entries = list(chain.from_iterable(hook()))
        except Exception as cause:  # a plugin may raise anything; edgerun goes on
            self._fail(origin, f"raised when it was asked: {_line(cause)}")
            return []
        good = []
        for entry in entries:
            if isinstance(entry, kind):
                good.append(entry)
            else:
                what = f"offers a {type(entry).__name__}, which is not a {kind.__name__}"
                self._fail(origin, f"{what}{_missing(entry, kind)}")
        return good

    def _fail(self, origin: _Origin, message: str) -> None:
        trace = traceback.format_exc()
        if trace.startswith("NoneType"):  # what it says where nothing was raised
            trace = ""
        self.failures.append(Failure(origin.plugin, origin.distribution, f"Plugin {origin.plugin} {message}", trace))

    def backend(self, name: str) -> Backend:
        """The backend of this name.

        Raises:
            PluginError: there is none.
        """
        by_name = {entry.name: entry for entry in self.backends}
        if name not in by_name:
            raise PluginError(f"There is no backend {name}.", hint=f"use one of: {', '.join(by_name) or 'none'}")
        return by_name[name]

    def plugin_of(self, backend: Backend) -> str:
        """The distribution that brings a backend, with its version; "" where that is not known."""
        for plugin in self.plugins:
            if backend.name in plugin.backends and plugin.version:
                return f"{plugin.distribution} {plugin.version}"
        return ""

    def backends_for(self, format: str) -> list[Backend]:
        """Those that run a format, in the order of registration.

        Raises:
            BackendMissing: there is none; the hint says what to install or to do.
        """
        found = [backend for backend in self.backends if format in backend.formats]
        if found:
            return found
        if format in RECOGNISED:
            known = RECOGNISED[format]
            raise BackendMissing(f"This is {known.name}; edgerun does not run it.", hint=known.hint)
        hint = INSTALL.get(format, "install a plugin for it")
        if self.failures:
            broken = "; ".join(failure.message for failure in self.failures)
            hint += f"; or mend what is installed ({broken})"
        raise BackendMissing(f"No installed plugin runs {format} models.", hint=hint)

    def offers(self, backend: Backend) -> list[Delegate]:
        """A backend's own delegates, then those that other plugins add to it."""
        return [*backend.delegates(), *self.delegates.get(backend.name, ())]


def _allowed(entry_points: Iterable[metadata.EntryPoint]) -> list[metadata.EntryPoint]:
    """Those that EDGERUN_PLUGINS names, all where it is not set."""
    named = os.environ.get("EDGERUN_PLUGINS")
    if named is None:
        return list(entry_points)
    names = {entry.strip() for entry in named.split(",")}
    return [entry for entry in entry_points if entry.name in names]


def _kind(entry: object) -> str:
    """What an entry is called in a message: a backend by its class, as "OnnxRuntimeBackend"."""
    name = type(entry).__name__
    return name.lower() if isinstance(entry, (Decoder, Dialect)) else name


def _line(cause: BaseException) -> str:
    """An exception in one line of at most 300 letters."""
    kind, text = type(cause).__name__, " ".join(str(cause).split())
    return f"{kind}: {text[:300]}" if text else kind


def _missing(entry: object, kind: type) -> str:
    """Which attributes of a protocol an object lacks."""
    promised = {*vars(kind), *getattr(kind, "__annotations__", {})}
    public = {name for name in promised if not name.startswith("_")}
    lacking = sorted(name for name in public if not hasattr(entry, name))
    return f": it lacks {', '.join(lacking)}" if lacking else ""
