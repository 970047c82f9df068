"""ExecuTorch as a backend: .pte programs."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from edgerun import hookimpl
from edgerun.contract import Backend, Delegate, Dialect, Graph, Health, Need, Session
from edgerun.errors import ModelUnreadable
from edgerun_executorch.metadata import LARGEST

__all__ = ["LARGEST", "ExecuTorchBackend", "edgerun_register_backends", "edgerun_register_dialects"]


def __getattr__(name: str) -> Any:
    """Public names of `session` are fetched when they are used, so that other formats are spared its import."""
    if name not in ("BACKENDS", "OPEN", "ExecuTorchSession"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.session"), name)


def _openvino() -> bool:
    """Whether it is worth asking for OpenVINO: ExecuTorch complains on stderr each time that it looks in vain."""
    return "OPENVINO_LIB_PATH" in os.environ or importlib.util.find_spec("openvino") is not None


def _read_largest(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    text = metadata.get(LARGEST)
    if not isinstance(text, str):
        return {}
    height, width = text.split()
    return {"height": int(height), "width": int(width)}


def _absent(name: str, backend: str, runtime: Any) -> str:
    """Why a delegate cannot compute here; "" where it can."""
    if backend not in runtime._get_registered_backend_names():
        return "this build of executorch lacks it"
    if name == "qnn" and platform.machine() not in ("aarch64", "arm64"):
        return "this build only compiles for it"  # and calls it available all the same
    if name == "openvino" and not _openvino():
        return "OpenVINO is not installed"
    return "" if runtime._is_available(backend) else "its library is not installed"


class ExecuTorchBackend:
    """ExecuTorch."""

    name = "executorch"
    formats = ("executorch",)
    specimen = Path(__file__).with_name("double.pte")
    second_specimen = Path(__file__).with_name("second.pte")

    def health(self) -> Health:
        """Whether torch and ExecuTorch's binding to it import; each is named if it is the one that does not."""
        try:
            version = importlib.metadata.version("executorch")
        except importlib.metadata.PackageNotFoundError:
            return Health(ok=False, reason="executorch is not installed", hint='pip install "edgerun[executorch]"')
        from edgerun_executorch import trial

        culprit = "torch, which executorch needs and does not ask for,"
        try:
            import torch

            culprit = f"executorch {version} beside torch {torch.__version__}"
            trial.binding()
        except ImportError as cause:
            lines = str(cause).splitlines() or [type(cause).__name__]
            return Health(
                ok=False,
                version=version,
                reason=f"{culprit} cannot be imported: {lines[0]}",
                hint="pip install --upgrade executorch torch",
            )
        return Health(ok=True, version=version)

    def delegates(self) -> Sequence[Delegate]:
        """What this build can run. Which of them computes is settled by the file; see `Session.delegate`."""
        from edgerun_executorch import trial
        from edgerun_executorch.session import BACKENDS

        runtime = trial.binding()
        offers = []
        for name, backend in BACKENDS.items():
            reason = "" if name == "cpu" else _absent(name, backend, runtime)
            offers.append(Delegate(name, not reason, reason))
        return offers

    def open(self, path: Path, delegate: Delegate, threads: int | None) -> Session:
        """Open a program.

        What computes was settled at export, and the session says what it is; `delegate` chooses only where a file
        holds the network several times, as methods forward_xnnpack, forward_coreml and so on.
        """
        from edgerun_executorch.session import ExecuTorchSession

        return ExecuTorchSession(path, delegate, threads)

    def graph(self, path: Path) -> Graph:
        """The calls of a program; what was lowered for a backend is one call. ExecuTorch need not be installed."""
        from edgerun_executorch import graph

        return graph.read(path)

    def needs(self, path: Path) -> Sequence[Need]:
        """The backends that ExecuTorch must be built with."""
        from edgerun_executorch import program

        try:
            calls = [call.backend for method in program.read(path) for call in method.calls]
        except ValueError as cause:
            raise ModelUnreadable(f"{path} cannot be read: {cause}.", hint="copy or export it again") from cause
        lowered = Counter(filter(None, calls))
        return [
            Need(f"ExecuTorch with {backend}", f"{count} of {len(calls)} calls are lowered for it")
            for backend, count in lowered.items()
        ]


@hookimpl
def edgerun_register_backends() -> list[Backend]:
    """ExecuTorch."""
    return [ExecuTorchBackend()]


@hookimpl
def edgerun_register_dialects() -> list[Dialect]:
    """A program of open size runs at the largest one that it takes, where nothing else says the size."""
    return [Dialect("executorch", _read_largest)]
