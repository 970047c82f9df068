"""One model that LiteRT has opened.

Facts that shaped it, seen with ai-edge-litert 2.3 and tflite-runtime 2.14: one interpreter serves one thread at a time;
a failed resize loses the delegate; outputs without elements raise; the order of outputs differs between exporters;
tflite-runtime imports beside NumPy 2 and cannot run there, and dies of damaged files.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import mmap
import threading
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from edgerun.contract import Coverage, Delegate, Graph, Placed
from edgerun.errors import DelegateUnavailable, ModelUnreadable
from edgerun.tensors import Arrays, Quantization, TensorSpec
from edgerun.wire import Damaged
from edgerun.wire.flatbuffers import Table
from edgerun_tflite import graph, guard, metadata, trial
from edgerun_tflite.operators import EDGETPU
from edgerun_tflite.schema import verified
from edgerun_tflite.signatures import signature_names

__all__ = ["TfliteSession", "runtime"]

PART = "DELEGATE"
"""The operator that stands for a part of the graph that a delegate has taken."""


@cache
def runtime() -> tuple[Any, str]:
    """The interpreter's module and its version.

    Raises:
        ImportError: there is none that works; the text says why.
    """
    try:
        return importlib.import_module("ai_edge_litert.interpreter"), importlib.metadata.version("ai-edge-litert")
    except ImportError as cause:
        try:
            version = importlib.metadata.version("tflite-runtime")
        except importlib.metadata.PackageNotFoundError:
            raise ImportError(f"ai-edge-litert cannot be imported: {cause}") from cause
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        raise ImportError(f"tflite-runtime {version} works with numpy below 2 only, and numpy {np.__version__} is here")
    return importlib.import_module("tflite_runtime.interpreter"), f"{version} (tflite-runtime)"


class TfliteSession:
    """One opened model."""

    def __init__(self, path: Path, delegate: Delegate, threads: int | None) -> None:
        self._path, self._asked, self._threads = path, delegate, threads
        self._lock = threading.Lock()
        self._is_freed = False
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            model = verified(data)
            self._refuse_what_cannot_run(model)
            self._graph = self._read_and_tried(data, model)
            self._start()
            self.inputs = _specs(self._interpreter.get_input_details(), signature_names(model, 0))
            self.outputs = _specs(self._interpreter.get_output_details(), signature_names(model, 1))
            self._forget_sizes_that_are_not_yet_known()
            self.metadata: Mapping[str, str | bytes] = metadata.read(path, model, self.inputs, self.outputs)
        except (Damaged, IndexError) as cause:
            raise ModelUnreadable(f"{path} is damaged: {cause}.", hint="copy or export it again") from cause
        finally:
            data.close()
        self.delegate, self.delegate_reason = delegate.name, ""  # its word counts until it tells
        self._see_who_computes()

    def _refuse_what_cannot_run(self, model: Table) -> None:
        if model.number(0, "I") != 3 or not model.tables(2):
            raise ModelUnreadable(f"{self._path} is not a TFLite model of version 3.", hint="export it again")
        if self._asked.name != "edgetpu" and EDGETPU in [code.text(1) for code in model.tables(1)]:
            raise DelegateUnavailable(
                f"{self._path} is compiled for the Edge TPU and runs nowhere else.",
                hint='pass delegate="edgetpu" where there is one, or load the file that it was compiled from',
            )

    def _read_and_tried(self, data: mmap.mmap, model: Table) -> Graph | None:
        """The operators, None where they cannot be read; a file that is not seen to be safe has passed a trial then."""
        read: Graph | None = None
        held: Set[str] = frozenset()
        with suppress(ModelUnreadable):  # LiteRT may do better
            read, held = graph.of_verified(self._path, data, model)
        doubted = guard.doubt(read, held, len(model.tables(2)))
        if doubted and "library" not in self._asked.options:  # with a library it has a trial anyway
            module, version = runtime()
            guard.tried(self._path, module.__name__, version, self._asked.name, doubted)
        return read

    def _start(self) -> None:
        """A fresh interpreter, with memory where the sizes of the inputs are known."""
        module, _ = runtime()
        default = self._asked.name == "xnnpack"
        kind = module.OpResolverType
        self._interpreter: Any = module.Interpreter(
            model_path=str(self._path),
            num_threads=self._threads,
            experimental_delegates=_loaded(module, self._asked, self._path),
            experimental_op_resolver_type=kind.AUTO if default else kind.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        details = self._interpreter.get_input_details()
        self._shapes = [tuple(map(int, detail["shape"])) for detail in details]
        self._allocated = not any(-1 in detail["shape_signature"] for detail in details)
        if self._allocated:
            self._interpreter.allocate_tensors()

    def _forget_sizes_that_are_not_yet_known(self) -> None:
        if not self._allocated:
            return
        for place, detail in enumerate(self._interpreter.get_output_details()):
            try:
                self._interpreter.get_tensor(detail["index"])
            except ValueError:  # no memory yet: the operator finds out the size when it runs
                spec = self.outputs[place]
                self.outputs[place] = TensorSpec(spec.name, (None,) * len(spec.shape), spec.dtype, spec.quantization)

    def free_sizes(self, name: str) -> bool:
        """Leave the axes of an input open, but for those of 1 or 3 channels; LiteRT takes another size at any run."""
        self._is_freed = True
        self.inputs = [_freed(spec) if spec.name == name else spec for spec in self.inputs]
        self.outputs = [replace(spec, shape=(None,) * len(spec.shape)) for spec in self.outputs]
        return True

    def run(self, feeds: Arrays) -> Arrays:
        """Compute; results are copies."""
        with self._lock:
            if self._interpreter is None:
                raise RuntimeError("the session is closed")
            arrays = [feeds[spec.name] for spec in self.inputs]
            places = [detail["index"] for detail in self._interpreter.get_input_details()]
            self._fit(places, [array.shape for array in arrays])
            for place, array in zip(places, arrays, strict=True):
                self._interpreter.set_tensor(place, array)
            self._interpreter.invoke()
            details = self._interpreter.get_output_details()
            return {spec.name: self._result(detail) for spec, detail in zip(self.outputs, details, strict=True)}

    def _fit(self, places: Sequence[int], shapes: Sequence[tuple[int, ...]]) -> None:
        """Give the inputs these sizes; once per change."""
        if self._allocated and shapes == self._shapes:
            return
        try:
            for place, shape in zip(places, shapes, strict=True):
                self._interpreter.resize_tensor_input(place, shape, strict=not self._is_freed)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError):
            self._start()  # this one may have lost its delegate
            raise
        first, self._shapes, self._allocated = not self._allocated, list(shapes), True
        if first:
            self._see_who_computes()

    def _see_who_computes(self) -> None:
        if self._asked.name != "cpu" and self._allocated and self._nothing_is_taken():
            self.delegate, self.delegate_reason = "cpu", f"{self._asked.name} took none of the operators"

    def _nothing_is_taken(self) -> bool:
        """Whether the runtime lists no part of a delegate: the names tell in a fiftieth of the time of `coverage`."""
        operators: Any = getattr(self._interpreter, "_interpreter", None)
        if not hasattr(operators, "NodeName"):
            return False  # this version does not tell
        return all(operators.NodeName(place) != PART for place in range(operators.NumNodes()))

    def _result(self, detail: Mapping[str, Any]) -> Any:
        try:
            return self._interpreter.get_tensor(detail["index"])
        except ValueError:
            if 0 not in detail["shape"]:
                raise
            return np.empty(detail["shape"], detail["dtype"])  # without elements there is no memory to copy

    def coverage(self) -> Coverage:
        """Operators by delegate, as the runtime split them, which it does once it knows all sizes."""
        if self._interpreter is None or not hasattr(self._interpreter, "_get_ops_details"):
            return Coverage("none", "this version of the interpreter does not tell which operator runs where")
        if not self._allocated:
            return Coverage(
                "none", "sizes of inputs are open, and LiteRT splits the graph when the first run settles them"
            )
        everything = self._interpreter._get_ops_details()
        operators = [operator for operator in everything if operator["op_name"] != PART]
        taken = _taken(operators, [part for part in everything if part["op_name"] == PART])
        shapes = {int(tensor["index"]): tensor["shape"] for tensor in self._interpreter.get_tensor_details()}
        placed = []
        for operator in operators:
            delegate = self._asked.name if operator["index"] in taken else "cpu"
            shape = _first_shape(operator, shapes)
            placed.append(Placed(operator["op_name"], delegate, str(operator["index"]), shape))
        return Coverage("assigned", "LiteRT's list of operators", tuple(placed))

    def hand_over_graph(self) -> Graph | None:
        """The operators, as of the backend; None where they have been handed over."""
        read, self._graph = self._graph, None
        return read

    def close(self) -> None:
        """Let go of the model."""
        with self._lock:
            self._interpreter = self._graph = None


def _taken(operators: Sequence[Mapping[str, Any]], parts: Sequence[Mapping[str, Any]]) -> set[int]:
    """Indices of the operators that a delegate has taken: those between what a part is given and what it gives."""
    producers = {int(output): operator for operator in operators for output in operator["outputs"]}
    taken: set[int] = set()
    for part in parts:
        reached, border = list(map(int, part["outputs"])), set(map(int, part["inputs"]))
        while reached:
            operator = producers.get(reached.pop())
            if operator is not None and operator["index"] not in taken:
                taken.add(operator["index"])
                reached += [int(place) for place in operator["inputs"] if int(place) not in border]
    return taken


def _first_shape(operator: Mapping[str, Any], shapes: Mapping[int, Sequence[int]]) -> tuple[int, ...] | None:
    """The shape of an operator's first output; None where it has none."""
    if not len(operator["outputs"]):
        return None
    return tuple(map(int, shapes.get(int(operator["outputs"][0]), ())))


def _freed(spec: TensorSpec) -> TensorSpec:
    """With open axes, but for those of 1 or 3 channels behind the first."""
    return replace(
        spec, shape=tuple(size if place and size in (1, 3) else None for place, size in enumerate(spec.shape))
    )


def _loaded(module: Any, delegate: Delegate, path: Path) -> list[Any] | None:
    """The delegate of a library that the option "library" names; tried in a process of its own before."""
    options = dict(delegate.options)
    library = options.pop("library", "")
    if not library:
        return None
    # the Edge TPU serves one process at a time, and its library is well known
    reason = "" if delegate.name == "edgetpu" else trial.tried(module.__name__, path, library, options)
    try:
        if not reason:
            ctypes.CDLL(library)  # LiteRT's own loader complains on stderr besides
            return [module.load_delegate(library, options)]
    except (OSError, ValueError, AttributeError) as cause:
        reason = str(cause)
    raise DelegateUnavailable(
        f"Delegate {delegate.name} from {library} cannot be used for {path.name}: {reason}.", hint='pass delegate="cpu"'
    )


def _specs(details: Sequence[Mapping[str, Any]], names: Mapping[int, str]) -> list[TensorSpec]:
    specs: list[TensorSpec] = []
    for detail in details:
        name = names.get(detail["index"]) or detail["name"] or "tensor"
        if any(spec.name == name for spec in specs):
            name = f"{name}#{detail['index']}"
        specs.append(TensorSpec(name, _shape(detail), np.dtype(detail["dtype"]).name, _quantization(detail)))
    return specs


def _shape(detail: Mapping[str, Any]) -> tuple[int | None, ...]:
    """Sizes of axes as the file declares them; None where it leaves one open."""
    signature, shape = detail["shape_signature"], detail["shape"]
    sizes = signature if len(signature) == len(shape) else shape
    return tuple(None if size < 0 else int(size) for size in sizes)


def _quantization(detail: Mapping[str, Any]) -> Quantization | None:
    found = detail["quantization_parameters"]
    scales = found["scales"]
    if not len(scales) or not (scales > 0).all() or np.dtype(detail["dtype"]).kind not in "iu":
        return None
    zeros = tuple(map(int, found["zero_points"]))
    return Quantization(tuple(map(float, scales)), zeros, int(found["quantized_dimension"]))
