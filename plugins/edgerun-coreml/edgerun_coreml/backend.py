"""Core ML as a backend of edgerun: the real one on a Mac, the translation to ONNX everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata as distributions
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from edgerun.contract import Coverage, Delegate, Graph, Health, Need, Placed, Session
from edgerun.errors import ModelUnreadable
from edgerun.tensors import Arrays, TensorSpec
from edgerun_coreml.errors import CoreMLError, ModelDamaged, ModelUnsupported

if TYPE_CHECKING:
    from edgerun_coreml.file.package import ModelFile
    from edgerun_coreml.running.predict import CoreMLModel

TRANSLATED: Final = "the same program, computed by ONNX Runtime, not by Core ML"
ROUNDED: Final = f"{TRANSLATED}; what it calls fp16 is rounded after every operation, as devices store it"

ELSEWHERE: Final = "run it on a Mac, or export it to ONNX from where it was trained"
"""The hint where a model asks for what is not translated."""

PRECISIONS: Final[Mapping[str, str]] = MappingProxyType({"onnxruntime": "fp32", "onnxruntime-fp16": "fp16"})
"""Delegates of the translation."""


class TranslatedSession:
    """A model that ONNX Runtime computes."""

    def __init__(self, path: Path, delegate: str, threads: int | None) -> None:
        from edgerun_coreml.facts import Facts
        from edgerun_coreml.file.package import open_model
        from edgerun_coreml.running.predict import CoreMLModel

        file = open_model(path)
        self._parsed: ModelFile | None = file  # until its graph is asked for
        fp16 = PRECISIONS[delegate] == "fp16"
        self._model: CoreMLModel | None = CoreMLModel(file, precision="fp16" if fp16 else "fp32", threads=threads)
        facts = Facts.of(file, self._model.labels)
        self.delegate = delegate
        self.inputs: Sequence[TensorSpec] = facts.inputs()
        self.outputs: Sequence[TensorSpec] = facts.outputs() or _inferred(self._model)
        self.metadata: Mapping[str, str | bytes] = facts.metadata()

    @property
    def model(self) -> CoreMLModel:
        """The model with the contract of ``MLModel.predict``."""
        if self._model is None:
            raise RuntimeError("the session is closed")
        return self._model

    def run(self, feeds: Arrays) -> Arrays:
        """Compute. Images are float32 [1, C, H, W] in the declared order of channels, 0..255."""
        from edgerun_coreml.facts import as_array, carried

        results = self.model.compute(feeds)
        outputs = self.model.interface.outputs
        return {feature.name: as_array(results[feature.name], feature) for feature in outputs if carried(feature)}

    def hand_over_graph(self) -> Graph | None:
        """Operations or layers, as of the backend; None where they have been handed over."""
        from edgerun_coreml.listing import list_operators

        file, self._parsed = self._parsed, None
        if file is None:
            return None
        with _named_file(file.path):
            return list_operators(file)

    def coverage(self) -> Coverage:
        """Nodes of the translation as ONNX Runtime assigned them."""
        placed = [
            Placed(node.op_type, self.delegate, node.name)
            for session in self.model.stage.sessions()
            for part in _assigned(session)
            for node in part.get_nodes()
        ]
        if not placed:
            return Coverage("none", "this version of ONNX Runtime does not tell which node runs where")
        return Coverage("assigned", "ONNX Runtime's assignment of the translation", tuple(placed))

    def close(self) -> None:
        """Let go of the model."""
        if self._model is not None:
            self._model.close()
        self._model = self._parsed = None


def _inferred(model: CoreMLModel) -> list[TensorSpec]:
    """The shapes that ONNX Runtime infers where the file leaves them out; [] where it cannot tell all."""
    sessions = model.stage.sessions()
    if len(sessions) != 1:
        return []
    inferred = {argument.name: argument.shape for argument in sessions[0].get_outputs()}
    names = [feature.name for feature in model.interface.outputs]
    if not all(name in inferred and all(isinstance(size, int) for size in inferred[name]) for name in names):
        return []
    return [TensorSpec(name, tuple(inferred[name])) for name in names]


def _assigned(session: Any) -> Sequence[Any]:
    ask = getattr(session, "get_provider_graph_assignment_info", None)  # since ONNX Runtime 1.24
    return ask() if ask is not None else ()


class CoreMLBackend:
    """Core ML."""

    name = "coreml"
    formats = ("mlpackage", "mlmodel")
    specimen = Path(__file__).with_name("double.mlpackage")
    conversion_delegate = "onnxruntime"
    second_specimen = Path(__file__).with_name("second.mlpackage")

    def health(self) -> Health:
        """Whether ONNX Runtime is there, or Core ML itself."""
        from edgerun_coreml import native

        native_reason = native.missing()
        if find_spec("onnxruntime") is None and native_reason:
            return Health(
                ok=False,
                reason="onnxruntime, which computes the models, is not installed",
                hint="pip install onnxruntime",
            )
        try:
            runtime = f"onnxruntime {distributions.version('onnxruntime')}"
        except distributions.PackageNotFoundError:  # one of its other flavours, or none
            runtime = "onnxruntime"
        version = f"{distributions.version('edgerun-coreml')} with {runtime}"
        if not native_reason:
            version += f" and coremltools {distributions.version('coremltools')}"
        return Health(ok=True, version=version)

    def delegates(self) -> Sequence[Delegate]:
        """Core ML's compute units on a Mac, then the translation; elsewhere the translation first."""
        from edgerun_coreml import native

        there = find_spec("onnxruntime") is not None
        why = "" if there else "onnxruntime is not installed"
        translated = [
            Delegate("onnxruntime", there, why or TRANSLATED),
            Delegate("onnxruntime-fp16", there, why or ROUNDED),
        ]
        core_ml = native.delegates()
        return [*translated, *core_ml] if native.missing() else [*core_ml, *translated]

    def open(self, path: Path, delegate: Delegate, threads: int | None) -> Session:
        """Open a model.

        Raises:
            ModelUnreadable: the file is damaged, or asks for what is not supported; all of it is named.
        """
        from edgerun_coreml import native

        with _named_file(path):
            if delegate.name in PRECISIONS:
                return TranslatedSession(path, delegate.name, threads)
            return native.NativeSession(path, delegate)

    def graph(self, path: Path) -> Graph:
        """Operations or layers as the file has them, preprocessing and the members of a pipeline included.

        A node is named "member/operation" in a pipeline, "operation" elsewhere. ``opset`` is "iOS17" for ML Programs
        and "specification 4" for all else; several, where members differ, have a comma between them.

        Raises:
            ModelUnreadable: the file is damaged, or compiled.
        """
        from edgerun_coreml.file.package import open_model
        from edgerun_coreml.listing import list_operators

        with _named_file(path):
            return list_operators(open_model(path))

    def needs(self, path: Path) -> Sequence[Need]:
        """The systems that run a file and what in it asks for them; what keeps it off the Neural Engine.

        Raises:
            ModelUnreadable: the file is damaged, or compiled.
        """
        from edgerun_coreml.file.package import open_model
        from edgerun_coreml.listing import list_operators
        from edgerun_coreml.needs import needs

        with _named_file(path):
            file = open_model(path)
            return needs(file, list_operators(file))

    def embed(self, path: Path, metadata: Mapping[str, str], target: Path) -> None:
        """Entries of the user-defined metadata of a package or a model."""
        from edgerun_coreml import embedding

        with _named_file(path):
            embedding.embed(path, metadata, target)

    def convert(
        self, path: Path, target: Path, preprocess: Literal["card", "graph"], card: Mapping[str, Any] | None
    ) -> Path:
        """The translation as an ONNX file; beside it lies ``<name>.data`` where the weights exceed 1 GiB.

        Raises:
            ModelUnreadable: the file is damaged, or asks for what is not supported.
            OSError: the target cannot be written.
        """
        from edgerun_coreml import conversion

        try:
            return conversion.convert(path, target, preprocess, card=card)
        except CoreMLError as cause:
            detail = str(cause).splitlines()[0][:300]
            raise ModelUnreadable(f"{path} cannot be converted: {detail}", hint=ELSEWHERE) from cause


@contextmanager
def _named_file(path: Path) -> Iterator[None]:
    """What is wrong with a file, with its name and the next step. Raises :class:`ModelUnreadable`."""
    try:
        yield
    except ModelUnsupported as cause:
        raise ModelUnreadable(
            f"{path.name} asks for what is not supported: {_listed(cause.problems)}.",
            hint=ELSEWHERE,
        ) from cause
    except ModelDamaged as cause:
        raise ModelUnreadable(
            f"{path.name} is damaged: {cause}.", hint="copy it whole, with all of its folder, or export it again"
        ) from cause


def _listed(problems: Sequence[str], most: int = 8) -> str:
    shown = "; ".join(problems[:most])
    return shown if len(problems) <= most else f"{shown}; and {len(problems) - most} more"
