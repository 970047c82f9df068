"""One program that ExecuTorch has opened.

Facts that shaped it, seen with 1.5: inputs and outputs have no names; which backend computes is settled at export;
a tensor in another order of dimensions than the program's is accepted and gives wrong numbers; the GIL is held while a
program runs; a damaged file can bring the process down (see `guard`).
"""

from __future__ import annotations

import importlib.metadata
import json
import tempfile
import warnings
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgerun.contract import Coverage, Delegate, Placed
from edgerun.errors import DelegateUnavailable
from edgerun.tensors import Arrays, TensorSpec
from edgerun_executorch import guard, profile, program, trial
from edgerun_executorch.metadata import LARGEST

__all__ = ["BACKENDS", "OPEN", "ExecuTorchSession"]

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

CHANNELS = (1, 3)
"""Sizes of an axis that is taken for the channels of an image, not for its height or width."""


class ExecuTorchSession:
    """One opened program."""

    def __init__(self, path: Path, delegate: Delegate, threads: int | None) -> None:
        methods = program.read(path)
        network = _network(methods, delegate.name)
        version = importlib.metadata.version("executorch")
        runtime = trial.binding()
        self._path, self._network = path, network
        self.delegate = self._in_force(runtime, path)
        self.delegate_reason = "" if self.delegate == delegate.name else _exported_for(self.delegate)
        guard.tried(path, version, [network.name, *(method.name for method in _constant(methods))])
        _share_threads(runtime, threads)
        checks = runtime.Verification.InternalConsistency
        self._program: Any = runtime._load_program(str(path), program_verification=checks)
        self._method: Any = self._program.load_method(network.name)
        OPEN.add(self)
        inputs, outputs = _tensors(network.inputs), _tensors(network.outputs)
        self._orders = [tensor.order for tensor in inputs]
        self.inputs = [TensorSpec(f"input_{i}", _open_sides(tensor), tensor.dtype) for i, tensor in enumerate(inputs)]
        self.outputs = [TensorSpec(f"output_{i}", _open(tensor), tensor.dtype) for i, tensor in enumerate(outputs)]
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
        """Values of the constant methods; what is not a text is given as JSON."""
        found: dict[str, str | bytes] = {}
        for method in _constant(methods):
            values = [_plain(value) for value in self._program.load_method(method.name)(())]
            value = values[0] if len(values) == 1 else values
            found[method.name] = value if isinstance(value, str) else json.dumps(value)
        return found

    def run(self, feeds: Arrays) -> Arrays:
        """Compute."""
        if self._method is None:
            raise RuntimeError("the session is closed")
        results = self._method(self._tensors(feeds))
        names = [spec.name for spec in self.outputs]
        own = results[len(results) - len(names) :]  # behind the inputs that the program has changed
        return {name: np.ascontiguousarray(result.numpy()) for name, result in zip(names, own, strict=True)}

    def _tensors(self, feeds: Arrays) -> list[Any]:
        """The feeds as tensors, in the order of dimensions that the program was exported for."""
        import torch

        tensors, changed = [], self._network.changed
        for place, (spec, order) in enumerate(zip(self.inputs, self._orders, strict=True)):
            feed = feeds[spec.name].transpose(order)
            array = np.array(feed, order="C") if place in changed else np.require(feed, requirements=("C", "W"))
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
            covered = self.coverage()
            return replace(covered, source=f"{covered.source}; this build of executorch takes no profile")
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


def _exported_for(delegate: str) -> str:
    lowered = "exported without a backend" if delegate == "cpu" else f"lowered for {delegate}"
    return f"it was {lowered}, which settles what computes"


def _tensors(values: Sequence[program.Tensor | None]) -> list[program.Tensor]:
    """Those of a network, all of which are tensors; see `_network`."""
    return [tensor for tensor in values if tensor is not None]


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


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
    """The method that takes the image: "forward_<delegate>", else "forward", else the only one with an input."""
    takers = {method.name: method for method in methods if method.inputs}
    network = takers.get(f"forward_{delegate}") or takers.get("forward")
    if network is None and len(takers) == 1:
        (network,) = takers.values()
    if network is None:
        names = ", ".join(method.name for method in methods) or "none"
        raise ValueError(f"it has no method forward and not just one that takes an input; its methods are {names}")
    if None in network.inputs or None in network.outputs:
        raise ValueError(f"its method {network.name} takes or gives something that is not a tensor")
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
    return (tensor.sizes[0], *[size if size in CHANNELS else None for size in tensor.sizes[1:]])


def _largest(network: program.Method) -> dict[str, str | bytes]:
    """The bounds of height and width of the one input that leaves both open."""
    bounds = [tensor.sizes[1:] for tensor in _tensors(network.inputs) if None in _open_sides(tensor)]
    if len(bounds) != 1:
        return {}
    sides = [str(size) for size in bounds[0] if size not in CHANNELS]
    return {LARGEST: " ".join(sides)} if len(sides) == 2 else {}
