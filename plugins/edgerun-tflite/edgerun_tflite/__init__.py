"""LiteRT as a backend: .tflite files."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from edgerun import hookimpl
from edgerun.contract import ANY, Backend, Delegate, Graph, Health, Need, Session

__all__ = ["TfliteBackend", "edgerun_register_backends"]

LIBRARIES = {
    "edgetpu": ("libedgetpu.so.1", "libedgetpu.1.dylib", "edgetpu.dll"),
    "qnn": ("libQnnTFLiteDelegate.so", "QnnTFLiteDelegate.dll"),
    "armnn": ("libarmnnDelegate.so",),
    "ethos-u": ("libethosu_delegate.so",),
}
"""Delegate -> names of its library on each system, as their makers call them."""
ELSEWHERE = {
    "nnapi": "NNAPI is part of Android alone",
    "gpu": "LiteRT's Python package does not reach its GPU delegate; name the library of one, see external",
    "coreml": "LiteRT reaches Core ML from Swift and Objective-C alone",
}
"""Delegates of LiteRT that its Python package never has, and why."""
HINT = 'pip install "edgerun[tflite]"'


def __getattr__(name: str) -> Any:
    """Public names of `session` are fetched when they are used, so that other formats are spared its import."""
    if name not in ("TfliteSession",):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.session"), name)


class TfliteBackend:
    """LiteRT."""

    name = "tflite"
    formats = ("tflite",)
    specimen = Path(__file__).with_name("double.tflite")
    second_specimen = Path(__file__).with_name("second.tflite")

    def health(self) -> Health:
        """Whether an interpreter imports, and works with the NumPy that is here."""
        from edgerun_tflite.session import runtime

        try:
            module, version = runtime()
        except (ImportError, AttributeError) as cause:
            return Health(ok=False, reason=str(cause), hint=HINT)
        if module.__name__.startswith("tflite_runtime"):
            old = "tflite-runtime is no longer maintained and can die of a damaged model; " + HINT
            return Health(ok=True, version=version, warnings=(old,))
        return Health(ok=True, version=version)

    def delegates(self) -> Sequence[Delegate]:
        """XNNPACK, which LiteRT uses by default; the bare kernels; libraries that are installed, or that are named."""
        return [
            Delegate("xnnpack"),
            Delegate("cpu"),
            *(_installed(name) for name in LIBRARIES),
            *(Delegate(name, False, reason) for name, reason in ELSEWHERE.items()),
            Delegate(
                "external",
                False,
                'it needs the library of a delegate, "external:/path/lib.so"',
                takes={"library": (), ANY: ()},
                needs=("library",),
            ),
        ]

    def open(self, path: Path, delegate: Delegate, threads: int | None) -> Session:
        """Open a model by its path: it is mapped, not read."""
        from edgerun_tflite.session import TfliteSession

        return TfliteSession(path, delegate, threads)

    def graph(self, path: Path) -> Graph:
        """The operators of a file; LiteRT need not be installed."""
        from edgerun_tflite import graph

        return graph.read(path)

    def needs(self, path: Path) -> Sequence[Need]:
        """The first TensorFlow Lite that knows all operators of a file, and those that LiteRT does not bring."""
        from edgerun_tflite import needs

        return needs.needs(path)

    def support_tables(self) -> Sequence[Path]:
        """What documentation says of the delegates' operators."""
        return sorted((Path(__file__).parent / "support").glob("*.toml"))

    def embed(self, path: Path, metadata: Mapping[str, str], target: Path) -> None:
        """The card as model metadata named `edgerun`; class names are part of it."""
        from edgerun_tflite import embedding

        embedding.embed(path, {"edgerun": metadata["edgerun"]} if "edgerun" in metadata else metadata, target)


def _installed(name: str) -> Delegate:
    """A delegate whose library the system finds by its name."""
    for library in LIBRARIES[name]:
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return Delegate(name, options={"library": library}, takes={ANY: ()})
    return Delegate(name, False, f"{LIBRARIES[name][0]} is not installed")


@hookimpl
def edgerun_register_backends() -> list[Backend]:
    """LiteRT."""
    return [TfliteBackend()]
