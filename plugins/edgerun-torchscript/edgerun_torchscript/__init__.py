"""TorchScript as a backend: .torchscript, .ptl, and .pt where it is TorchScript.

Facts that shaped it, seen with torch 2.13: the program keeps no shapes, but a trace keeps its example inputs beside it;
outputs are unknown before a run; a program may read and write files (aten::save, aten::from_file); the number of
threads is one per process.
"""

from __future__ import annotations

import os
import sys
import warnings
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgerun import hookimpl
from edgerun.contract import Backend, Coverage, Delegate, Graph, Health, Placed, Session
from edgerun.errors import BackendUnavailable, DelegateUnavailable, EdgerunError, ModelUnreadable, ModelUnsafe
from edgerun.tensors import AnyArray, Arrays, TensorSpec
from edgerun_torchscript import archive, graph

UNSAFE = frozenset(("aten::save", "aten::from_file", "debugprims::load_tensor"))
"""The operators of torch 2.13 that take the name of a file."""


def _torch() -> Any:
    """The module torch, told before its first import that threads which wait must sleep.

    By default they spin, and on cores that other work needs too a run then takes a hundred times as long: YOLOX-nano
    on two busy cores 25 s against 0.2 s. Where the user's program imports torch first, its own settings count.
    """
    if "torch" not in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # read once, when torch's OpenMP library is loaded
        try:
            import torch
        finally:
            del os.environ["OMP_WAIT_POLICY"]
    import torch

    return torch


OPEN: weakref.WeakSet[TorchScriptSession] = weakref.WeakSet()
"""Sessions that are not closed."""


def _loaded(path: Path, device: str, libraries: Iterable[str]) -> Any:
    """The program, once the packages whose operators it calls are imported."""
    torch = _torch()
    for library in libraries:
        _bring(library, path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # each load says that TorchScript is deprecated
        return torch.jit.load(str(path), map_location=device).eval()


class TorchScriptSession:
    """One opened program."""

    def __init__(self, path: Path, delegate: Delegate, threads: int | None) -> None:
        known = archive.read(path)
        self.path, self._threads = path, threads
        self._device = self.delegate = _device(delegate.name, known.devices, path)
        self._module: Any = _loaded(path, self._device, known.libraries)
        self._kinds = sorted(_kinds(self._module.inlined_graph))
        unsafe = sorted(UNSAFE.intersection(_all_kinds(self._module)))
        if unsafe:
            raise ModelUnsafe(
                f"{path.name} reads or writes files: it calls {', '.join(unsafe)}.", hint="export it without that"
            )
        stored = _inputs(self._module, known.traced)
        self.inputs = [replace(spec, dtype=FED_AS.get(spec.dtype, spec.dtype)) for spec in stored]
        self._dtypes = [spec.dtype for spec in stored]
        self._changed = _changed_inputs(self._module, self._kinds)
        self.outputs: Sequence[TensorSpec] = ()  # known by a run alone
        self.metadata: Mapping[str, str | bytes] = known.metadata
        OPEN.add(self)

    def graph(self) -> Graph:
        """The operators of the program."""
        return graph.read(self._module)

    def run(self, feeds: Arrays) -> Arrays:
        """Compute. The number of threads is set for the whole process, by each run to its session's own."""
        import torch

        if self._module is None:
            raise RuntimeError("the session is closed")
        if self._threads is not None and torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        tensors = [self._tensor(place, feeds[spec.name]) for place, spec in enumerate(self.inputs)]
        with torch.inference_mode():
            result = self._module(*tensors)
        if not isinstance(result, (tuple, list, dict)):
            result = (result,)
        return dict(_flat(result, ""))

    def _tensor(self, place: int, feed: AnyArray) -> Any:
        """A feed as the program takes it; a copy where the program changes it in place."""
        import torch

        array = np.require(feed, requirements=("C", "W"))
        tensor = torch.from_numpy(array.copy() if place in self._changed else array)
        return tensor.to(self._device, getattr(torch, self._dtypes[place]))

    def coverage(self) -> Coverage:
        """Operators in the program; all of them run on the session's device, by torch's word."""
        operators = [kind for kind in self._kinds if not kind.startswith("prim::")]
        return Coverage("declared", "torch's word", tuple(Placed(kind, self.delegate) for kind in operators))

    def close(self) -> None:
        """Let go of the program."""
        self._module = None
        OPEN.discard(self)


FED_AS = {"bfloat16": "float32"}
"""Types that numpy lacks -> what is fed for them."""


def _changed_inputs(module: Any, kinds: Iterable[str]) -> frozenset[int]:
    """Places of the inputs that a program changes in place, by torch's own analysis of what shares memory.

    It costs 28 ms for 541 operators on two busy cores, and is left out where no operator writes anywhere.
    """
    if not any(kind.endswith("_") for kind in kinds):
        return frozenset()
    program = module.inlined_graph
    shared = program.alias_db()
    given = list(program.inputs())[1:]
    return frozenset(place for place, value in enumerate(given) if shared.has_writers(value))


def _device(request: str, named: frozenset[str], path: Path) -> str:
    """Where to run: a trace that names devices runs there alone."""
    if not named or request in named:
        return request
    if "cpu" in named and len(named) == 1:
        return "cpu"
    raise DelegateUnavailable(
        f"{path.name} was traced for {' and '.join(sorted(named))} and cannot run on {request}.",
        hint=f"trace it on {request}, or run it where {sorted(named)[-1]} is",
    )


def _bring(library: str, path: Path) -> None:
    """Import the package whose operators a program calls."""
    try:
        __import__(library)
    except ImportError as cause:
        raise BackendUnavailable(
            f"{path.name} calls operators of {library}, which cannot be imported: {cause}.",
            hint=f"pip install {library}",
        ) from cause


def _kinds(graph: Any) -> Iterator[str]:
    """Names of the operators in a graph and in the blocks of its nodes."""
    for node in graph.nodes():
        yield node.kind()
        for block in node.blocks():
            yield from _kinds(block)


def _all_kinds(module: Any) -> Iterator[str]:
    """Names of the operators in every method of every module."""
    for part in module.modules():
        for name in part._c._method_names():
            yield from _kinds(part._c._get_method(name).inlined_graph)


def _inputs(module: Any, traced: Sequence[tuple[tuple[int, ...], str]]) -> list[TensorSpec]:
    """Names from the program; shapes and dtypes from the trace.

    Without a trace, a single input is taken for an image with its channels first and open sides, which is what
    torch's own layers take; its dtype is that of the weights.
    """
    arguments = [
        entry for entry in module._c._get_method("forward").schema.arguments[1:] if not entry.has_default_value()
    ]
    foreign = [f"{entry.name}: {entry.type}" for entry in arguments if str(entry.type) != "Tensor"]
    if foreign:
        raise ValueError(f"it takes what is not a tensor: {', '.join(foreign)}")
    if len(traced) == len(arguments):
        pairs = zip(arguments, traced, strict=True)
        return [TensorSpec(entry.name, shape, dtype) for entry, (shape, dtype) in pairs]
    if len(arguments) != 1:
        names = ", ".join(entry.name for entry in arguments) or "none"
        raise ValueError(f"it does not keep the shapes of its inputs ({names}); export it with torch.jit.trace")
    return [TensorSpec(arguments[0].name, (1, 3, None, None), _type_of_weights(module))]


WEIGHTS = ("float16", "float64", "bfloat16")
"""Types of weights other than float32 that an image may be fed in."""


def _type_of_weights(module: Any) -> str:
    """The type of a program's weights: of its parameters, or of the constants that they are in a frozen one."""
    weights = [*module.parameters(), *_constant_tensors(module.inlined_graph)]
    kinds = [str(weight.dtype).removeprefix("torch.") for weight in weights]
    return next((kind for kind in kinds if kind in ("float32", *WEIGHTS)), "float32")


def _constant_tensors(program: Any) -> Iterator[Any]:
    """The weights in a graph: constants with two axes at least."""
    import torch

    for node in program.findAllNodes("prim::Constant"):
        value = node.output().toIValue()
        if isinstance(value, torch.Tensor) and value.dim() > 1:
            yield value


def _flat(value: Any, name: str) -> Iterator[tuple[str, AnyArray]]:
    """Tensors of a nested result by name: "output_0", or a dictionary's own key, joined by underscores."""
    import torch

    if isinstance(value, torch.Tensor):
        value = value.float() if value.dtype == torch.bfloat16 else value
        yield name, value.clone(memory_format=torch.contiguous_format).cpu().numpy()
    elif isinstance(value, (int, float)):
        yield name, np.asarray(value)
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _flat(entry, f"{name}_{key}" if name else str(key))
    elif isinstance(value, (tuple, list)):
        for index, entry in enumerate(value):
            yield from _flat(entry, f"{name or 'output'}_{index}")
    elif value is not None:
        raise TypeError(f"output {name} is a {type(value).__name__}, which is not a tensor")


class TorchScriptBackend:
    """torch, for TorchScript alone."""

    name = "torchscript"
    formats = ("torchscript",)
    specimen = Path(__file__).with_name("double.torchscript")

    def health(self) -> Health:
        """Whether torch imports."""
        try:
            torch = _torch()
        except (ImportError, OSError) as cause:  # OSError: a library that torch loads by hand
            lines = str(cause).splitlines() or [type(cause).__name__]
            reason = f"torch cannot be imported: {lines[0]}"
            return Health(ok=False, reason=reason, hint='pip install "edgerun[torchscript]"')
        return Health(ok=True, version=torch.__version__)

    def delegates(self) -> Sequence[Delegate]:
        """The devices of this build of torch."""
        torch = _torch()
        cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
        return [
            Delegate("cuda", cuda, "" if cuda else "torch sees no CUDA device"),
            Delegate("mps", mps, "" if mps else "torch sees no Apple GPU"),
            Delegate("cpu"),
        ]

    def open(self, path: Path, delegate: Delegate, threads: int | None) -> Session:
        """Open a program on a device."""
        return TorchScriptSession(path, delegate, threads)

    def graph(self, path: Path) -> Graph:
        """The operators of a program; torch reads them, from a session that is open where there is one.

        Raises:
            ModelUnreadable: torch cannot load it, or it holds too many operators.
        """
        for session in OPEN:
            if session.path == path:
                return session.graph()
        try:
            return graph.read(_loaded(path, "cpu", archive.read(path).libraries))
        except EdgerunError:
            raise
        except Exception as cause:  # torch and the reader of the archive raise whatever they raise at damage
            reason = (str(cause).splitlines() or [type(cause).__name__])[0]
            raise ModelUnreadable(f"The graph of {path} cannot be read: {reason}.", hint="export it again") from cause


@hookimpl
def edgerun_register_backends() -> list[Backend]:
    """TorchScript."""
    return [TorchScriptBackend()]
