"""ONNX Runtime as a backend: .onnx and .ort files.

Facts that shaped it, seen with 1.31: a provider that is unknown or cannot start is dropped with a warning, and the CPU
does the work; even `get_providers()` may list one that runs no node, so coverage comes from the assignment API.
"""

from __future__ import annotations

import importlib.metadata
import re
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgerun import hookimpl
from edgerun.contract import Backend, Coverage, Delegate, Graph, Health, Need, Placed, Session
from edgerun.errors import DelegateUnavailable, ModelError, ModelUnreadable
from edgerun.tensors import Arrays, TensorSpec
from edgerun_onnxruntime import embedding, graph, library, profiles
from edgerun_onnxruntime.providers import PROVIDERS, name_of, offers, told

if TYPE_CHECKING:
    import onnxruntime

FLAVOURS = (
    "onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml", "onnxruntime-qnn",
    "onnxruntime-rocm", "onnxruntime-migraphx", "onnxruntime-training",
)  # fmt: skip
"""Distributions that all own the folder onnxruntime/: two of them overwrite each other, unseen by pip."""

DTYPES = {"float": "float32", "double": "float64"}
"""Where ONNX Runtime's name of an element type is not numpy's."""


OPEN: weakref.WeakSet[OnnxRuntimeSession] = weakref.WeakSet()
"""Sessions that are not closed."""


class OnnxRuntimeSession:
    """One opened model.

    Threads that wait spin by ONNX Runtime's default, which takes the cores from whoever else needs them; so those of a
    session that is opened beside another one sleep, and the option "spinning" says otherwise. Measured on two cores
    that other programs used too, YOLOX-nano and UltraFace with two threads each, sleeping over spinning: one model
    alone 0.15 and 0.63 of the time, both in turns 0.29 and 0.37, both at once 0.32 and 0.31.
    """

    def __init__(self, path: Path, delegate: Delegate, threads: int | None) -> None:
        self._path, self._asked, self._threads = path, delegate, threads
        self.delegate, self.delegate_reason = delegate.name, ""
        self._provider = ""
        self._session: onnxruntime.InferenceSession | None = self._start()
        self.inputs = [_spec(argument) for argument in self._session.get_inputs()]
        self.outputs = [_spec(argument) for argument in self._session.get_outputs()]
        self._names = [spec.name for spec in self.outputs]
        if delegate.name != "cpu":
            assigned = {part.ep_name for part in self._session.get_provider_graph_assignment_info()}
            if assigned and self._provider not in assigned:
                self.delegate = "cpu"
                self.delegate_reason = f"ONNX Runtime lists {self._provider}, which took none of the nodes"
        OPEN.add(self)

    def _start(self, profile: Path | None = None) -> onnxruntime.InferenceSession:
        """ONNX Runtime's own session; the provider that was asked for is in its list, or it raises."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors alone: models with initialisers as inputs print hundreds of warnings
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        if self._threads is not None:
            options.intra_op_num_threads = self._threads
        spinning = self._asked.options.get("spinning") or ("off" if OPEN - {self} else "on")
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spinning == "on" else "0")
        if profile is not None:
            options.enable_profiling, options.profile_file_prefix = True, str(profile / "profile")
        with self._path.open("rb") as file:
            if file.read(8)[4:] == b"ORTM":  # decided by the bytes; the suffix may lie
                options.add_session_config_entry("session.load_model_format", "ORT")
        asked = self._asked
        alone = asked.strict and asked.name != "cpu"
        if alone:
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        providers: list[Any] | None = None
        if "library" in asked.options and asked.name not in PROVIDERS:
            found = self._devices()
            self._provider = found[0].ep_name
            known = ("library", "device", "registration")
            options.add_provider_for_devices(
                found, {name: value for name, value in asked.options.items() if name not in known}
            )
        else:
            self._provider = name_of(asked)
            providers = [(self._provider, told(asked, self._threads))]
            if asked.name != "cpu" and not alone:
                providers.append(PROVIDERS["cpu"])
        # enable_fallback=0: ONNX Runtime would retry on the CPU in silence
        session = onnxruntime.InferenceSession(str(self._path), options, providers=providers, enable_fallback=0)
        in_force = session.get_providers()
        if self._provider not in in_force:
            words = ", ".join(f"{name}={value}" for name, value in asked.options.items() if name != "cache")
            raise DelegateUnavailable(
                f"ONNX Runtime dropped {self._provider}, which could not start{' with ' if words else ''}{words}, "
                f"and would run on {in_force[0]}.",
                hint='read on stderr what it says of it, or pass delegate="cpu"',
            )
        return session

    def _devices(self) -> Sequence[Any]:
        """Those of the library that the option "library" names, all of the first one's execution provider."""
        try:
            found = library.devices(self._asked.options)
        except ValueError as cause:
            raise DelegateUnavailable(
                f"Delegate {self._asked.name} cannot be loaded from {self._asked.options['library']}: {cause}.",
                hint='pass delegate="cpu"',
            ) from cause
        return [device for device in found if device.ep_name == found[0].ep_name][:1]

    @property
    def _opened(self) -> onnxruntime.InferenceSession:
        if self._session is None:
            raise RuntimeError("the session is closed")
        return self._session

    @cached_property
    def metadata(self) -> Mapping[str, str | bytes]:
        """The file's own key-value pairs; {} where they are not valid UTF-8."""
        try:
            return dict(self._opened.get_modelmeta().custom_metadata_map)
        except UnicodeDecodeError:
            return {}

    def run(self, feeds: Arrays) -> Arrays:
        """Compute."""
        return dict(zip(self._names, self._opened.run(self._names, feeds), strict=True))

    def coverage(self) -> Coverage:
        """Nodes by execution provider, as ONNX Runtime assigned them; of .ort files it does not tell."""
        assigned = self._opened.get_provider_graph_assignment_info()
        if not assigned:
            return Coverage("none", "ONNX Runtime does not tell which node of an .ort file runs where")
        placed = [
            Placed(node.op_type, self._delegate(part.ep_name), _name(node))
            for part in assigned
            for node in part.get_nodes()
        ]
        if any(entry.delegate != self.delegate for entry in placed):
            shapes = self._shapes()
            placed = [replace(entry, shape=shapes.get(entry.name)) for entry in placed]
        return Coverage("assigned", "ONNX Runtime's assignment", tuple(placed))

    def _delegate(self, provider: str) -> str:
        """The delegate of an execution provider."""
        names = {provider: name for name, provider in PROVIDERS.items()} | {self._provider: self._asked.name}
        return names.get(provider, provider)

    def _shapes(self) -> dict[str, tuple[int | None, ...]]:
        """Node -> the shape of its first output, of those that the file tells."""
        try:
            read = graph.read(self._path)
        except ModelUnreadable:  # ONNX Runtime reads more than we do
            return {}
        first = {node.name: node.outputs[0] for node in read.nodes if node.name and node.outputs}
        return {name: read.values[value].shape for name, value in first.items() if value in read.values}

    def profile(self, feeds: Arrays, runs: int = 4) -> Coverage:
        """Nodes with the mean of their times over some runs, in a second session that ONNX Runtime profiles."""
        with tempfile.TemporaryDirectory() as folder:
            session = self._start(Path(folder))
            for _ in range(runs):
                session.run(self._names, feeds)
            parts: dict[str, list[list[str]]] = {}
            for part in session.get_provider_graph_assignment_info():
                parts.setdefault(part.ep_name, []).append([node.op_type for node in part.get_nodes()])
            return profiles.read(Path(session.end_profiling()), runs, self._delegate, parts)

    def close(self) -> None:
        """Let go of the model."""
        self._session = None
        OPEN.discard(self)


def _name(node: Any) -> str:
    """The name of a node; "" where it is not valid UTF-8, which ONNX Runtime itself does not mind."""
    try:
        return str(node.name)
    except UnicodeDecodeError:
        return ""


def _spec(argument: Any) -> TensorSpec:
    element = argument.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(size if isinstance(size, int) else None for size in argument.shape)
    return TensorSpec(argument.name, shape, DTYPES.get(element, element))


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
        return list(offers())

    def open(self, path: Path, delegate: Delegate, threads: int | None) -> Session:
        """Open a model by its path, so that external weights beside it are found.

        Raises:
            DelegateUnavailable: the provider cannot start, or cannot run this model, which the CPU can.
        """
        try:
            return OnnxRuntimeSession(path, delegate, threads)
        except DelegateUnavailable:
            raise
        except Exception as cause:
            absent = re.search(r'External data path does not exist: "?([^"]+)', str(cause))
            if absent is not None:
                raise ModelUnreadable(
                    f"{path} keeps its weights in {Path(absent.group(1)).name}, which is not beside it.",
                    hint="copy both files into one folder, or export the model again as a single file",
                ) from cause
            if delegate.name != "cpu":
                _blame(path, delegate, threads, cause)
            raise

    def graph(self, path: Path) -> Graph:
        """The operators of an .onnx file; onnxruntime need not be installed."""
        return graph.read(path)

    def needs(self, path: Path) -> Sequence[Need]:
        """The first ONNX Runtime that reads a file and knows its operators; () for .ort files."""
        return graph.needs(path)

    def support_tables(self) -> Sequence[Path]:
        """What documentation says of the delegates' operators."""
        return sorted((Path(__file__).parent / "support").glob("*.toml"))

    def embed(self, path: Path, metadata: Mapping[str, str], target: Path) -> None:
        """Entries of metadata_props in an .onnx file."""
        with path.open("rb") as file:
            if file.read(8)[4:] == b"ORTM":
                raise ModelError(
                    f"{path} is in ONNX Runtime's own format, of which only ONNX Runtime writes the metadata.",
                    hint="keep its card in a sidecar: edgerun inspect MODEL --write-sidecar; or put the card into the "
                    ".onnx file and convert that",
                )
        embedding.embed(path, metadata, target)


def _blame(path: Path, delegate: Delegate, threads: int | None, cause: Exception) -> None:
    """Find out whether the delegate is why a model cannot be opened, and say so; costs further openings.

    Raises:
        DelegateUnavailable: it is.
    """
    if delegate.strict:
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
    try:
        OnnxRuntimeSession(path, Delegate("cpu"), threads).close()
    except Exception:  # the model is to blame, or ONNX Runtime
        return
    raise DelegateUnavailable(
        f"ONNX Runtime cannot run {path.name} on {delegate.name}: {str(cause).strip().splitlines()[0][:300]}",
        hint='pass delegate="cpu"',
    ) from cause


def _with_shapes(session: OnnxRuntimeSession, delegate: Delegate) -> Coverage | None:
    """The coverage of one run on zeros, which knows all shapes; None where that cannot be had."""
    if not all(spec.static for spec in session.inputs):
        return None
    try:
        zeros = {spec.name: np.zeros([size or 0 for size in spec.shape], spec.dtype) for spec in session.inputs}
        seen = session.profile(zeros, runs=1)
    except Exception:  # types that numpy lacks, or a model that fails on zeros: the shapes stay unknown
        return None
    return seen if seen.outside(delegate.name) else None


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@hookimpl
def edgerun_register_backends() -> list[Backend]:
    """ONNX Runtime."""
    return [OnnxRuntimeBackend()]
