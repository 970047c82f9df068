"""ONNX Runtime as a backend: .onnx and .ort files.

Facts that shaped it, seen with 1.31: a provider that is unknown or cannot start is dropped with a warning, and the CPU
does the work; even `get_providers()` may list one that runs no node, so coverage comes from the assignment API.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgerun import hookimpl
from edgerun.contract import Backend, Coverage, Delegate, Graph, Health, Need, Session
from edgerun.errors import DelegateUnavailable, ModelError, ModelUnreadable

if TYPE_CHECKING:
    from edgerun_onnxruntime.session import OnnxRuntimeSession

__all__ = ["OnnxRuntimeBackend", "edgerun_register_backends"]

FLAVOURS = (
    "onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml", "onnxruntime-qnn",
    "onnxruntime-rocm", "onnxruntime-migraphx", "onnxruntime-training",
)  # fmt: skip
"""Distributions that all own the folder onnxruntime/: two of them overwrite each other, unseen by pip."""


def __getattr__(name: str) -> Any:
    """Public names of `session` are fetched when they are used, so that other formats are spared its import."""
    if name not in ("OPEN", "OnnxRuntimeSession"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.session"), name)


class OnnxRuntimeBackend:
    """ONNX Runtime."""

    name = "onnxruntime"
    formats = ("onnx", "ort")
    specimen = Path(__file__).with_name("double.onnx")
    second_specimen = Path(__file__).with_name("second.onnx")

    def health(self) -> Health:
        """Whether onnxruntime imports, and whether two flavours of it clash."""
        flavours = [name for name in FLAVOURS if _installed(name)]
        clash = f"{' and '.join(flavours)} are both installed and overwrite each other; keep one"
        warnings = (clash,) if len(flavours) > 1 else ()
        try:
            import onnxruntime

            version = onnxruntime.__version__
        except (ImportError, AttributeError) as cause:
            reason = f"{clash} ({cause})" if warnings else f"onnxruntime cannot be imported: {cause}"
            hint = "pip install --force-reinstall onnxruntime" if flavours else 'pip install "edgerun[onnx]"'
            return Health(ok=False, reason=reason, hint=hint, warnings=warnings)
        return Health(ok=True, version=version, warnings=warnings)

    def delegates(self) -> Sequence[Delegate]:
        """One per execution provider, those that this build lacks too, and any other by its library."""
        from edgerun_onnxruntime.providers import offers

        return list(offers())

    def open(self, path: Path, delegate: Delegate, threads: int | None) -> Session:
        """Open a model by its path, so that external weights beside it are found.

        Raises:
            DelegateUnavailable: the provider cannot start, or cannot run this model, which the CPU can.
        """
        from edgerun_onnxruntime.session import OnnxRuntimeSession

        try:
            return OnnxRuntimeSession(path, delegate, threads)
        except DelegateUnavailable:
            raise
        except Exception as cause:
            _refuse_absent_weights(path, cause)
            if delegate.name != "cpu":
                _blame(path, delegate, threads, cause)
            raise

    def graph(self, path: Path) -> Graph:
        """The operators of an .onnx file; onnxruntime need not be installed."""
        from edgerun_onnxruntime import graph

        return graph.read(path)

    def needs(self, path: Path) -> Sequence[Need]:
        """The first ONNX Runtime that reads a file and knows its operators; () for .ort files."""
        from edgerun_onnxruntime import needs

        return needs.needs(path)

    def machine_notes(self) -> Sequence[str]:
        """That sums of quantised products are cut off on this processor."""
        from edgerun_onnxruntime import saturation

        if not saturation.processor_saturates():
            return ()
        return (
            "this processor lacks VNNI: sums in quantised models whose weights use all eight bits are cut off; "
            'delegate="cpu:quantised=exact" computes them whole, and edgerun inspect MODEL says whether one needs that',
        )

    def support_tables(self) -> Sequence[Path]:
        """What documentation says of the delegates' operators."""
        return sorted((Path(__file__).parent / "support").glob("*.toml"))

    def embed(self, path: Path, metadata: Mapping[str, str], target: Path) -> None:
        """Entries of metadata_props in an .onnx file."""
        from edgerun_onnxruntime import embedding, graph

        with path.open("rb") as file:
            if graph.is_ort(file.read(8)):
                raise ModelError(
                    f"{path} is in ONNX Runtime's own format, of which only ONNX Runtime writes the metadata.",
                    hint="keep its card in a sidecar: edgerun inspect MODEL --write-sidecar; or put the card into the "
                    ".onnx file and convert that",
                )
        embedding.embed(path, metadata, target)


def _refuse_absent_weights(path: Path, cause: Exception) -> None:
    absent = re.search(r'External data path does not exist: "?([^"]+)', str(cause))
    if absent is not None:
        raise ModelUnreadable(
            f"{path} keeps its weights in {Path(absent.group(1)).name}, which is not beside it.",
            hint="copy both files into one folder, or export the model again as a single file",
        ) from cause


def _blame(path: Path, delegate: Delegate, threads: int | None, cause: Exception) -> None:
    """Find out whether the delegate is why a model cannot be opened, and say so; costs further openings.

    Raises:
        DelegateUnavailable: it is.
    """
    from edgerun_onnxruntime.session import OnnxRuntimeSession

    if delegate.strict:
        _blame_nodes_outside(path, delegate, threads, cause)
    try:
        OnnxRuntimeSession(path, Delegate("cpu"), threads).close()
    except Exception:  # the model is to blame, or ONNX Runtime
        return
    raise DelegateUnavailable(
        f"ONNX Runtime cannot run {path.name} on {delegate.name}: {str(cause).strip().splitlines()[0][:300]}",
        hint='pass delegate="cpu"',
    ) from cause


def _blame_nodes_outside(path: Path, delegate: Delegate, threads: int | None, cause: Exception) -> None:
    """Open the model without `strict`, and refuse it for the nodes that the delegate does not take."""
    from edgerun_onnxruntime.session import OnnxRuntimeSession

    try:
        session = OnnxRuntimeSession(path, replace(delegate, strict=False), threads)
    except DelegateUnavailable as real:
        raise real from cause
    covered = session.coverage()
    outside = covered.outside(delegate.name)
    if any(entry.shape is None for entry in outside):
        covered = _with_shapes(session, delegate) or covered
    if outside:
        raise covered.refusal(delegate.name, path.name) from cause


def _with_shapes(session: OnnxRuntimeSession, delegate: Delegate) -> Coverage | None:
    """The coverage of one run on zeros, which knows all shapes; None where that cannot be had."""
    if not all(spec.static for spec in session.inputs):
        return None
    try:
        zeros = {spec.name: np.zeros([size or 0 for size in spec.shape], spec.dtype) for spec in session.inputs}
        measured = session.profile(zeros, runs=1)
    except Exception:  # types that numpy lacks, or a model that fails on zeros: the shapes stay unknown
        return None
    return measured if measured.outside(delegate.name) else None


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@hookimpl
def edgerun_register_backends() -> list[Backend]:
    """ONNX Runtime."""
    return [OnnxRuntimeBackend()]
