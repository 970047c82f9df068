"""Who is in the house: plugins are found, guarded at the door, and asked what they bring.

The registry is a value. A guest that is ill never takes the house down: its failure is kept and the doctor shows it.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from typing import Any

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
"""The phone book: what to install for a format that no installed plugin runs."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin that was let in.

    Attributes:
        name: of its entry point.
        distribution, version: what pip calls it; "edgerun" for what is built in.
        hooks: the questions that it answers.
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
    """A plugin, or a part of one, that was not let in.

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


@dataclass
class Registry:
    """All that is on offer.

    Attributes:
        backends, decoders, dialects: in the order of registration, built-in first.
        delegates: backend -> delegates that other plugins add to it.
        plugins: who was let in.
        failures: who was not, and why.
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
        """Ask everybody.

        Args:
            builtin: (name, module or object with hooks) of the house itself.
            entry_points: of the group "edgerun"; None for those that are installed. The environment variable
                EDGERUN_PLUGINS=a,b lets only these in.
        """
        registry = Registry()
        for name, plugin in builtin:
            registry.admit(name, plugin)
        if entry_points is None:
            entry_points = metadata.entry_points(group="edgerun")
        wanted = os.environ.get("EDGERUN_PLUGINS")
        names = None if wanted is None else {entry.strip() for entry in wanted.split(",")}
        for entry_point in sorted(entry_points, key=lambda entry: entry.name):
            if names is not None and entry_point.name not in names:
                continue
            distribution = entry_point.dist.name if entry_point.dist else entry_point.value
            version = entry_point.dist.version if entry_point.dist else ""
            try:
                plugin = entry_point.load()
            except (Exception, SystemExit) as cause:  # a guest may raise anything; the house stays up
                registry._fail(entry_point.name, distribution, f"cannot be imported: {_line(cause)}")
                continue
            registry.admit(entry_point.name, plugin, distribution, version)
        return registry

    def admit(self, name: str, plugin: object, distribution: str = "edgerun", version: str = "") -> None:
        """Check a plugin's hooks and take in what it offers; what is wrong is kept as a failure."""
        manager = pluggy.PluginManager("edgerun")
        manager.add_hookspecs(hookspecs)
        try:
            manager.register(plugin, name)
            manager.check_pending()
        except pluggy.PluginValidationError as cause:
            self._fail(name, distribution, f"does not keep to the hooks: {_line(cause)}")
            return
        hooks = tuple(sorted(caller.name for caller in manager.get_hookcallers(plugin) or ()))
        if not hooks:
            known = ", ".join(hook for hook in dir(hookspecs) if hook.startswith("edgerun_"))
            self._fail(name, distribution, f"answers no hook; the hooks are {known}")
            return
        hook = manager.hook
        taken = []
        for answer, kind, shelf in (
            ("edgerun_register_backends", Backend, self.backends),
            ("edgerun_register_decoders", Decoder, self.decoders),
            ("edgerun_register_dialects", Dialect, self.dialects),
        ):
            before = len(shelf)
            for entry in self._asked(name, distribution, getattr(hook, answer), kind):
                self._shelve(name, distribution, entry, shelf)
            taken.append(tuple(entry.name for entry in shelf[before:]))
        self.plugins.append(Plugin(name, distribution, version, hooks, *taken))
        if "edgerun_register_delegates" in hooks:
            for backend in [entry.name for entry in self.backends]:
                ask = partial(hook.edgerun_register_delegates, backend=backend)
                self.delegates.setdefault(backend, []).extend(self._asked(name, distribution, ask, Delegate))

    def _asked(self, name: str, distribution: str, hook: Callable[[], list[Any]], kind: type) -> list[Any]:
        try:
            entries = [entry for answer in hook() for entry in answer]
        except Exception as cause:  # a guest may raise anything; the house stays up
            self._fail(name, distribution, f"raised when it was asked: {_line(cause)}")
            return []
        good = [entry for entry in entries if isinstance(entry, kind)]
        for entry in entries:
            if not isinstance(entry, kind):
                what = f"offers a {type(entry).__name__}, which is no {kind.__name__}"
                self._fail(name, distribution, f"{what}{_missing(entry, kind)}")
        return good

    def _shelve(self, name: str, distribution: str, entry: Any, shelf: list[Any]) -> None:
        if any(other.name == entry.name for other in shelf):
            kind = type(entry).__name__ if not isinstance(entry, (Decoder, Dialect)) else type(entry).__name__.lower()
            error = PluginConflict(f"brings a second {kind} named {entry.name}; the first one stays")
            self._fail(name, distribution, error.message)
        else:
            shelf.append(entry)

    def _fail(self, plugin: str, distribution: str, message: str) -> None:
        trace = traceback.format_exc()
        trace = "" if trace.startswith("NoneType") else trace
        self.failures.append(Failure(plugin, distribution, f"Plugin {plugin} {message}", trace))

    def backend(self, name: str) -> Backend:
        """The backend of this name.

        Raises:
            PluginError: there is none.
        """
        for entry in self.backends:
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in self.backends) or "none"
        raise PluginError(f"There is no backend {name}.", hint=f"use one of: {known}")

    def backends_for(self, format: str) -> list[Backend]:
        """Those that run a format, in the order of registration.

        Raises:
            BackendMissing: nobody does; the hint names what to install or to do.
        """
        found = [backend for backend in self.backends if format in backend.formats]
        if found:
            return found
        if format in RECOGNISED:
            raise BackendMissing(
                f"This is {RECOGNISED[format].name}; edgerun does not run it.", hint=RECOGNISED[format].hint
            )
        broken = [failure.message for failure in self.failures]
        hint = INSTALL.get(format, "install a plugin for it")
        if broken:
            hint += f"; or mend what is installed ({'; '.join(broken)})"
        raise BackendMissing(f"No installed plugin runs {format} models.", hint=hint)

    def offers(self, backend: Backend) -> list[Delegate]:
        """A backend's own delegates, then those that others add to it."""
        return [*backend.delegates(), *self.delegates.get(backend.name, ())]


def _line(cause: BaseException) -> str:
    text = " ".join(str(cause).split())
    return f"{type(cause).__name__}: {text[:300]}" if text else type(cause).__name__


def _missing(entry: object, kind: type) -> str:
    promised = {*vars(kind), *getattr(kind, "__annotations__", {})}
    wanted = [name for name in promised if not name.startswith("_") and not hasattr(entry, name)]
    return f": it lacks {', '.join(sorted(wanted))}" if wanted else ""
