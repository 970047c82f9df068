"""One model that ONNX Runtime has opened."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgerun.contract import Coverage, Delegate, Placed
from edgerun.errors import DelegateUnavailable, ModelUnreadable
from edgerun.tensors import Arrays, TensorSpec
from edgerun_onnxruntime import graph, library, open_sizes, profiles, saturation
from edgerun_onnxruntime.providers import PROVIDERS, name_of, told

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["OPEN", "OnnxRuntimeSession"]

DTYPES = {"float": "float32", "double": "float64"}
"""Where ONNX Runtime's name of an element type is not numpy's."""
LIBRARY_OPTIONS = ("library", "device", "registration")
"""Options of a delegate that say which library it comes from; all others are the provider's own."""

OPEN: weakref.WeakSet[OnnxRuntimeSession] = weakref.WeakSet()
"""Sessions that are not closed."""


class OnnxRuntimeSession:
    """One opened model.

    Threads that wait spin by ONNX Runtime's default, which takes the cores from whatever else needs them; so those of a
    session that is opened beside another one sleep, and the option "spinning" says otherwise. Measured on two cores
    that other programs used too, YOLOX-nano and UltraFace with two threads each, sleeping over spinning: one model
    alone 0.15 and 0.63 of the time, both in turns 0.29 and 0.37, both at once 0.32 and 0.31.
    """

    def __init__(self, path: Path, delegate: Delegate, threads: int | None) -> None:
        self._path, self._asked, self._threads = path, delegate, threads
        self.delegate, self.delegate_reason = delegate.name, ""
        self._provider = ""
        self._freed = b""
        self._products = saturation.found(path) if saturation.processor_saturates() else saturation.Found()
        self._session: onnxruntime.InferenceSession | None = self._start_exactly() if self._exact else self._start()
        self._read_header(self._session)
        self._names = [spec.name for spec in self.outputs]
        if delegate.name != "cpu":
            self._check_that_the_provider_computes(self._session)
        OPEN.add(self)

    def _read_header(self, session: onnxruntime.InferenceSession) -> None:
        self.inputs = [_spec(argument) for argument in session.get_inputs()]
        self.outputs = [_spec(argument) for argument in session.get_outputs()]

    def free_sizes(self, name: str) -> bool:
        """Leave the axes of an input open, by a copy of the file in memory; not of one with weights in another file."""
        content = self._path.read_bytes()
        if graph.is_ort(content):
            return False
        try:
            self._freed = open_sizes.with_open_sizes(content, name)
            session = self._start()
        except Exception:  # ONNX Runtime raises what it likes; the session that is open serves
            self._freed = b""
            return False
        self._session = session
        self._read_header(session)
        return True

    def _check_that_the_provider_computes(self, session: onnxruntime.InferenceSession) -> None:
        assigned = {part.ep_name for part in session.get_provider_graph_assignment_info()}
        if assigned and self._provider not in assigned:
            self.delegate = "cpu"
            self.delegate_reason = f"ONNX Runtime lists {self._provider}, which took none of the nodes"

    def _start(self, profile: Path | None = None) -> onnxruntime.InferenceSession:
        """ONNX Runtime's own session; the provider that was asked for is in its list, or it raises.

        Args:
            profile: a folder for what ONNX Runtime measures; None for nothing.
        """
        import onnxruntime

        options = self._options()
        if profile is not None:
            options.enable_profiling, options.profile_file_prefix = True, str(profile / "profile")
        asked = self._asked
        alone = asked.strict and asked.name != "cpu"
        if alone:
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        providers: list[Any] | None = None
        if "library" in asked.options and asked.name not in PROVIDERS:
            self._add_devices(options)
        else:
            self._provider = name_of(asked)
            providers = [(self._provider, told(asked, self._threads))]
            if asked.name != "cpu" and not alone:
                providers.append(PROVIDERS["cpu"])
        # enable_fallback=0: ONNX Runtime would retry on the CPU in silence
        session = onnxruntime.InferenceSession(
            self._freed or str(self._path), options, providers=providers, enable_fallback=0
        )
        self._check_that_the_provider_started(session)
        return session

    def _options(self) -> onnxruntime.SessionOptions:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors alone: models with initialisers as inputs print hundreds of warnings
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        if self._threads is not None:
            options.intra_op_num_threads = self._threads
        for entry in self._products.remedies if self._exact else ():
            options.add_session_config_entry(*entry)
        spinning = self._asked.options.get("spinning") or ("off" if OPEN - {self} else "on")
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spinning == "on" else "0")
        with self._path.open("rb") as file:
            if graph.is_ort(file.read(8)):
                options.add_session_config_entry("session.load_model_format", "ORT")
        return options

    @property
    def _exact(self) -> bool:
        """Whether sums of products that this processor would cut off are to be computed whole."""
        return self._products.operators > 0 and self._asked.options.get("quantised") == "exact"

    def _start_exactly(self) -> onnxruntime.InferenceSession:
        """Likewise, with sums of products whole, or the sentence that this cannot be had of this file here."""
        why = "ONNX Runtime does that to .onnx files alone"
        if self._products.readable:
            try:
                return self._start()
            except Exception as cause:  # its switch fails on some graphs, see `saturation`
                why = str(cause).strip().splitlines()[0][:300]
        raise DelegateUnavailable(
            f"{self._path.name} cannot be computed with cpu:quantised=exact on this processor: {why}.",
            hint="quantise it with reduce_range=True, or as QuantizeLinear and DequantizeLinear in an .onnx file",
        )

    @property
    def inexact(self) -> str:
        """That sums of products are cut off on this processor; "" where they are whole."""
        count = self._products.operators
        if not count or self._exact or not self._computes_on_cpu():
            return ""
        operators = (
            f"{count} quantised operator{'s' * (count != 1)}" if self._products.readable else "quantised operators"
        )
        return (
            f"this processor lacks VNNI, and ONNX Runtime cuts off sums in {operators} of {self._path.name}: boxes and "
            'scores differ from other machines; delegate="cpu:quantised=exact" computes them whole, more slowly'
        )

    def _computes_on_cpu(self) -> bool:
        """Whether any node is ONNX Runtime's own to compute."""
        return self.delegate == "cpu" or "cpu" in self.coverage().nodes

    def _add_devices(self, options: onnxruntime.SessionOptions) -> None:
        """Use the first device, with its execution provider, of the library that the option "library" names."""
        try:
            device = library.devices(self._asked.options)[0]
        except ValueError as cause:
            raise DelegateUnavailable(
                f"Delegate {self._asked.name} cannot be loaded from {self._asked.options['library']}: {cause}.",
                hint='pass delegate="cpu"',
            ) from cause
        self._provider = device.ep_name
        own = {name: value for name, value in self._asked.options.items() if name not in LIBRARY_OPTIONS}
        options.add_provider_for_devices([device], own)

    def _check_that_the_provider_started(self, session: onnxruntime.InferenceSession) -> None:
        in_force = session.get_providers()
        if self._provider in in_force:
            return
        options = [f"{name}={value}" for name, value in self._asked.options.items() if name != "cache"]
        with_options = " with " + ", ".join(options) if options else ""
        raise DelegateUnavailable(
            f"ONNX Runtime dropped {self._provider}, which could not start{with_options}, "
            f"and would run on {in_force[0]}.",
            hint='read on stderr what it says of it, or pass delegate="cpu"',
        )

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
        placed: list[Placed] = []
        for part in assigned:
            delegate = self._delegate(part.ep_name)
            placed += [Placed(node.op_type, delegate, _name(node)) for node in part.get_nodes()]
        if any(entry.delegate != self.delegate for entry in placed):
            shapes = self._shapes()
            placed = [replace(entry, shape=shapes.get(entry.name)) for entry in placed]
        return Coverage("assigned", "ONNX Runtime's assignment", tuple(placed))

    def _delegate(self, provider: str) -> str:
        """The delegate of an execution provider."""
        if provider == self._provider:
            return self._asked.name
        names = {provider: name for name, provider in PROVIDERS.items()}
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
    return TensorSpec(argument.name, _shape(argument.shape), DTYPES.get(element, element))


def _shape(sizes: Sequence[Any]) -> tuple[int | None, ...]:
    """Sizes of axes; None where ONNX Runtime gives a name or nothing."""
    return tuple(size if isinstance(size, int) else None for size in sizes)
