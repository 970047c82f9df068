"""ONNX Runtime as a backend: .onnx and .ort files.

Facts that shaped it, seen with 1.31: a provider that is unknown or cannot start is dropped with a warning, and the CPU
does the work; even `get_providers()` may list one that runs no node, so coverage comes from the assignment API.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgerun import hookimpl
from edgerun.contract import Backend, Coverage, Delegate, Health, Session
from edgerun.errors import DelegateUnavailable, ModelError, ModelUnreadable
from edgerun.tensors import Arrays, TensorSpec
from edgerun_onnxruntime import embedding

if TYPE_CHECKING:
    import onnxruntime

PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "directml": "DmlExecutionProvider",
    "qnn": "QNNExecutionProvider",
    "webgpu": "WebGpuExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Delegate -> execution provider, best first."""

FLAVOURS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml", "onnxruntime-qnn")
"""Distributions that all own the folder onnxruntime/: two of them overwrite each other, unseen by pip."""

DTYPES = {"float": "float32", "double": "float64"}
"""Where ONNX Runtime's name of an element type is not numpy's."""


class OnnxRuntimeSession:
    """One opened model."""

    def __init__(self, path: Path, delegate: Delegate, threads: int | None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors alone: models with initialisers as inputs print hundreds of warnings
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        if threads is not None:
            options.intra_op_num_threads = threads
        with path.open("rb") as file:
            if file.read(8)[4:] == b"ORTM":  # decided by the bytes; the suffix may lie
                options.add_session_config_entry("session.load_model_format", "ORT")
        provider = PROVIDERS[delegate.name]
        providers: list[Any] = [(provider, dict(delegate.options))]
        if delegate.name != "cpu":
            providers.append(PROVIDERS["cpu"])
        # enable_fallback=0: ONNX Runtime would retry on the CPU in silence
        self._session: onnxruntime.InferenceSession | None = onnxruntime.InferenceSession(
            str(path), options, providers=providers, enable_fallback=0
        )
        in_force = self._session.get_providers()
        if provider not in in_force:
            raise DelegateUnavailable(
                f"ONNX Runtime dropped {provider} and would run on {', '.join(in_force)}.", hint='pass delegate="cpu"'
            )
        self.delegate = delegate.name
        self.inputs = [_spec(argument) for argument in self._session.get_inputs()]
        self.outputs = [_spec(argument) for argument in self._session.get_outputs()]
        self._names = [spec.name for spec in self.outputs]

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

    def coverage(self) -> Coverage | None:
        """Nodes by execution provider, as ONNX Runtime assigned them; None for .ort files, where it cannot tell."""
        assigned = self._opened.get_provider_graph_assignment_info()
        if not assigned:
            return None
        delegates = {provider: name for name, provider in PROVIDERS.items()}
        nodes: dict[str, int] = {}
        operators: dict[str, set[str]] = {}
        for part in assigned:
            name = delegates.get(part.ep_name, part.ep_name)
            kinds = [node.op_type for node in part.get_nodes()]
            nodes[name] = nodes.get(name, 0) + len(kinds)
            operators.setdefault(name, set()).update(kinds)
        return Coverage("assigned", nodes, {name: tuple(sorted(kinds)) for name, kinds in operators.items()})

    def close(self) -> None:
        """Let go of the model."""
        self._session = None


def _spec(argument: Any) -> TensorSpec:
    element = argument.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(size if isinstance(size, int) else None for size in argument.shape)
    return TensorSpec(argument.name, shape, DTYPES.get(element, element))


class OnnxRuntimeBackend:
    """ONNX Runtime."""

    name = "onnxruntime"
    formats = ("onnx", "ort")
    specimen = Path(__file__).with_name("double.onnx")

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
        """One per execution provider; those that this build lacks too."""
        import onnxruntime

        built_in = onnxruntime.get_available_providers()
        return [
            Delegate(name, provider in built_in, "" if provider in built_in else "this build of onnxruntime lacks it")
            for name, provider in PROVIDERS.items()
        ]

    def open(self, path: Path, delegate: Delegate, threads: int | None) -> Session:
        """Open a model by its path, so that external weights beside it are found."""
        try:
            return OnnxRuntimeSession(path, delegate, threads)
        except Exception as cause:
            absent = re.search(r'External data path does not exist: "?([^"]+)', str(cause))
            if absent is None:
                raise
            raise ModelUnreadable(
                f"{path} keeps its weights in {Path(absent.group(1)).name}, which is not beside it.",
                hint="copy both files into one folder, or export the model again as a single file",
            ) from cause

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
