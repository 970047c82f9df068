"""What the doctor finds on a machine, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from edgerun.contract import Health
from edgerun.runtime.registry import INSTALL, Failure

__all__ = ["BackendCheck", "Checkup", "DelegateCheck", "Missing"]


@dataclass(frozen=True, slots=True)
class DelegateCheck:
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

    @property
    def error(self) -> str:
        """What is wrong; "" where nothing is, as with a delegate that this machine does not have."""
        return self.detail if self.available and not self.ok else ""


@dataclass(frozen=True, slots=True)
class BackendCheck:
    """A backend, examined.

    Attributes:
        backend: its name.
        formats: that it runs.
        health: as it reports it.
        trials: one per delegate, best first.
    """

    backend: str
    formats: tuple[str, ...]
    health: Health
    trials: tuple[DelegateCheck, ...] = ()

    @property
    def errors(self) -> Iterator[str]:
        """What is wrong with it, each in a sentence."""
        if not self.health.ok:
            yield f"{self.backend} cannot run here: {self.health.reason}"
        for trial in self.trials:
            if trial.error:
                yield f"{self.backend} on {trial.delegate}: {trial.error}"


@dataclass(frozen=True, slots=True)
class Missing:
    """Formats that nothing installed runs.

    Attributes:
        formats: their names.
        install: the command that installs a runtime for them.
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
        failures: plugins that were not loaded.
        missing: formats that nothing installed runs.
        warnings: what works but may surprise.
        errors: what does not work, each in a sentence.
    """

    machine: Mapping[str, str]
    checks: tuple[BackendCheck, ...]
    failures: tuple[Failure, ...]
    missing: tuple[Missing, ...]
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "errors", tuple(self._errors()))

    def _errors(self) -> Iterator[str]:
        for failure in self.failures:
            yield f"{failure.message} ({failure.distribution})"
        for check in self.checks:
            yield from check.errors
        runtimes = {check.backend for check in self.checks} - {"replay"}
        if not runtimes and not self.failures:
            yield f"no runtime is installed: {INSTALL['onnx']}, say"

    @property
    def ok(self) -> bool:
        """True where no error was found."""
        return not self.errors

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        plain = asdict(self)
        return {
            "ok": self.ok,
            "machine": dict(plain["machine"]),
            "backends": list(plain["checks"]),
            "failures": list(plain["failures"]),
            "missing": list(plain["missing"]),
            "warnings": list(plain["warnings"]),
            "errors": list(plain["errors"]),
        }
