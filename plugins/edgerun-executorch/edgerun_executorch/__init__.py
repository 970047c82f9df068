"""ExecuTorch as a backend: .pte programs.

Facts that shaped it, seen with 1.5: inputs and outputs have no names; which backend computes is settled at export;
a tensor in another order of dimensions than the program's is accepted and gives wrong numbers; the GIL is held while a
program runs; a damaged file can bring the process down (see `guard`).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import tempfile
import warnings
import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgerun import hookimpl
from edgerun.contract import Backend, Coverage, Delegate, Dialect, Graph, Health, Need, Placed, Session
from edgerun.errors import DelegateUnavailable, ModelUnreadable
from edgerun.tensors import Arrays, TensorSpec
from edgerun_executorch import graph, guard, profile, program, trial

BACKENDS = {
    "xnnpack": "XnnpackBackend",
    "cpu": "",
    "coreml": "CoreMLBackend",
    "mps": "MPSBackend",
    "metal": "MetalBackend",
    "mlx": "MLXBackend",
    "vulkan": "VulkanBackend",
    "cuda": "CudaBackend",
    "qnn": "QnnBackend",
    "openvino": "OpenvinoBackend",
    "ethos-u": "EthosUBackend",
}
"""Delegate -> ExecuTorch's backend; "" stands for the portable kernels, which every build has."""

OPEN: weakref.WeakSet[Any] = weakref.WeakSet()
"""Sessions that are not closed."""

LARGEST = "executorch.largest"
"""Metadata key: height and width that an input of open size can take at most."""


class ExecuTorchSession:
    """One opened program."""

    def __init__(self, path: Path, delegate: Delegate, threads: int | None) -> None:
        methods = program.read(path)
        network = _network(methods, delegate.name)
        version = importlib.metadata.version("executorch")
        runtime = trial.binding()
        self._path, self._network = path, network
        self.delegate = self._in_force(runtime, path)
        lowered = (
            "it was exported without a backend" if self.delegate == "cpu" else f"it was lowered for {self.delegate}"
        )
        self.delegate_reason = "" if self.delegate == delegate.name else f"{lowered}, which settles what computes"
        guard.tried(path, version, [network.name, *(method.name for method in _constant(methods))])
        _share_threads(runtime, threads)
        checks = runtime.Verification.InternalConsistency
        self._program: Any = runtime._load_program(str(path), program_verification=checks)
        self._method: Any = self._program.load_method(network.name)
        OPEN.add(self)
        self._orders = [tensor.order for tensor in network.inputs if tensor]
        self.inputs = [
            TensorSpec(f"input_{index}", _open_sides(tensor), tensor.dtype)
            for index, tensor in enumerate(network.inputs)
            if tensor
        ]
        self.outputs = [
            TensorSpec(f"output_{index}", _open(tensor), tensor.dtype)
            for index, tensor in enumerate(network.outputs)
            if tensor
        ]
        self.metadata: Mapping[str, str | bytes] = self._constants(methods) | _largest(network)

    def _in_force(self, runtime: Any, path: Path) -> str:
        """The backend that the program was lowered for; "cpu" where for none."""
        wanted = {call.backend for call in self._network.calls if call.backend}
        missing = sorted(wanted - set(runtime._get_registered_backend_names()))
        missing += sorted(name for name in wanted - set(missing) if not runtime._is_available(name))
        if missing:
            raise DelegateUnavailable(
                f"{path.name} was lowered for {' and '.join(missing)}, which cannot run here.",
                hint="export it for XNNPACK, or run it where that backend is",
            )
        return next((name for name, backend in BACKENDS.items() if backend in wanted), min(wanted, default="cpu"))

    def _constants(self, methods: Sequence[program.Method]) -> dict[str, str | bytes]:
        """Values of the constant methods; what is no text is given as JSON."""
        found: dict[str, str | bytes] = {}
        for method in _constant(methods):
            values = self._program.load_method(method.name)(())
            values = [value.tolist() if hasattr(value, "tolist") else value for value in values]
            value = values[0] if len(values) == 1 else values
            found[method.name] = value if isinstance(value, str) else json.dumps(value)
        return found

    def run(self, feeds: Arrays) -> Arrays:
        """Compute."""
        if self._method is None:
            raise RuntimeError("the session is closed")
        results = self._method(self._tensors(feeds))
        names = [spec.name for spec in self.outputs]
        return {name: np.ascontiguousarray(result.numpy()) for name, result in zip(names, results, strict=True)}

    def _tensors(self, feeds: Arrays) -> list[Any]:
        """The feeds as tensors, in the order of dimensions that the program was exported for."""
        import torch

        tensors = []
        for spec, order in zip(self.inputs, self._orders, strict=True):
            array = np.require(feeds[spec.name].transpose(order), requirements=("C", "W"))
            tensors.append(torch.from_numpy(array).permute([order.index(axis) for axis in range(len(order))]))
        return tensors

    def coverage(self) -> Coverage:
        """Instructions by backend, read off the file; a backend's subgraph counts as one."""
        return Coverage("assigned", "the program's own instructions, settled when it was exported", self._placed({}))

    def profile(self, feeds: Arrays, runs: int = 4) -> Coverage:
        """Instructions with the mean of their times over some runs of the program, loaded once more with an ETDump."""
        runtime = trial.binding()
        checks = runtime.Verification.InternalConsistency
        module = runtime._load_for_executorch(str(self._path), enable_etdump=True, program_verification=checks)
        if not module.has_etdump():
            told = self.coverage()
            return replace(told, source=f"{told.source}; this build of executorch takes no profile")
        for _ in range(runs):
            module.run_method(self._network.name, self._tensors(feeds))
        with tempfile.TemporaryDirectory() as folder:
            dump = Path(folder, "times.etdp")
            module.write_etdump_result_to_file(str(dump), str(Path(folder, "none.bin")))
            spent = profile.read(dump)
        return Coverage("measured", f"ExecuTorch's ETDump of {runs - 1} runs", self._placed(spent))

    def _placed(self, spent: Mapping[tuple[int, int], Sequence[float]]) -> tuple[Placed, ...]:
        """Every instruction that computes, with the mean of its times; the first run settles memory and is left out."""
        names = {backend: name for name, backend in BACKENDS.items()}
        placed = []
        for call in self._network.calls:
            times = spent.get((call.chain, call.number), ())[1:]
            mean = sum(times) / len(times) if times else None
            name, place = names.get(call.backend, call.backend), f"{call.chain}/{call.number}"
            placed.append(Placed(call.operator, name, place, call.shape, milliseconds=mean))
        return tuple(placed)

    def close(self) -> None:
        """Let go of the program."""
        self._method = self._program = None
        OPEN.discard(self)


def _share_threads(runtime: Any, threads: int | None) -> None:
    """ExecuTorch has one pool of threads per process, and programs that are open die with the pool they began with.

    So the first open session settles the count. (Programs that others opened without edgerun cannot be seen here.)
    """
    if threads is None or threads == runtime._threadpool_get_thread_count():
        return
    if OPEN:
        count = runtime._threadpool_get_thread_count()
        warnings.warn(f"executorch stays at {count} threads until its other models are closed", stacklevel=5)
    else:
        runtime._unsafe_reset_threadpool(threads)


def _network(methods: Sequence[program.Method], delegate: str) -> program.Method:
    """The method that takes the picture: "forward_<delegate>", else "forward", else the only one with an input."""
    takers = {method.name: method for method in methods if method.inputs}
    network = takers.get(f"forward_{delegate}") or takers.get("forward")
    if network is None and len(takers) == 1:
        (network,) = takers.values()
    if network is None:
        names = ", ".join(method.name for method in methods) or "none"
        raise ValueError(f"it has no method forward and not just one that takes an input; its methods are {names}")
    if None in network.inputs or None in network.outputs:
        raise ValueError(f"its method {network.name} takes or gives something that is no tensor")
    return network


def _constant(methods: Sequence[program.Method]) -> list[program.Method]:
    """Methods that take nothing and compute nothing: ExecuTorch's way to put metadata into a file."""
    return [method for method in methods if not method.inputs and not method.calls]


def _open(tensor: program.Tensor) -> tuple[int | None, ...]:
    return (None,) * len(tensor.sizes) if tensor.dynamic else tensor.sizes


def _open_sides(tensor: program.Tensor) -> tuple[int | None, ...]:
    """Height and width are left open where the file only bounds them; the batch stays at its bound."""
    if not tensor.dynamic or len(tensor.sizes) != 4:
        return tensor.sizes
    return (tensor.sizes[0], *[size if size in (1, 3) else None for size in tensor.sizes[1:]])


def _openvino() -> bool:
    """Whether it is worth asking for OpenVINO: ExecuTorch complains on stderr each time that it looks in vain."""
    return "OPENVINO_LIB_PATH" in os.environ or importlib.util.find_spec("openvino") is not None


def _largest(network: program.Method) -> dict[str, str | bytes]:
    bounds = [tensor.sizes[1:] for tensor in network.inputs if tensor and None in _open_sides(tensor)]
    sides = [[str(size) for size in bound if size not in (1, 3)] for bound in bounds]
    return {LARGEST: " ".join(sides[0])} if len(sides) == 1 and len(sides[0]) == 2 else {}


def _read_largest(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    text = metadata.get(LARGEST)
    if not isinstance(text, str):
        return {}
    height, width = text.split()
    return {"height": int(height), "width": int(width)}


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
        runtime = trial.binding()
        built_in = runtime._get_registered_backend_names()
        offers = []
        for name, backend in BACKENDS.items():
            reason = "" if name == "cpu" or backend in built_in else "this build of executorch lacks it"
            if not reason and name == "qnn" and platform.machine() not in ("aarch64", "arm64"):
                reason = "this build only compiles for it"  # and calls it available all the same
            if not reason and name == "openvino" and not _openvino():
                reason = "OpenVINO is not installed"
            if not reason and name != "cpu" and not runtime._is_available(backend):
                reason = "its library is not installed"
            offers.append(Delegate(name, not reason, reason))
        return offers

    def open(self, path: Path, delegate: Delegate, threads: int | None) -> Session:
        """Open a program.

        What computes was settled at export, and the session says what it is; `delegate` chooses only where a file
        holds the network several times, as methods forward_xnnpack, forward_coreml and so on.
        """
        return ExecuTorchSession(path, delegate, threads)

    def graph(self, path: Path) -> Graph:
        """The calls of a program; what was lowered for a backend is one call. ExecuTorch need not be installed."""
        return graph.read(path)

    def needs(self, path: Path) -> Sequence[Need]:
        """The backends that ExecuTorch must be built with."""
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
    """Without a word from anybody, a program of open size runs at the largest one that it takes."""
    return [Dialect("executorch", _read_largest)]
