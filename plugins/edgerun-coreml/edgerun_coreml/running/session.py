"""From a finished graph to an ONNX Runtime session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged, ModelUnsupported
from edgerun_coreml.onnx.graph import Graph
from edgerun_coreml.onnx.onnx_writer import encode

if TYPE_CHECKING:
    import onnxruntime as ort

EXTERNAL_BYTES: Final = 4096
"""Constants from this size on are handed over as arrays rather than inside the model message."""


def open_session(
    graph: Graph,
    *,
    threads: int | None = None,
    providers: Sequence[str | tuple[str, dict[str, Any]]] = ("CPUExecutionProvider",),
    options: ort.SessionOptions | None = None,
) -> ort.InferenceSession:
    """Prune the graph and open it. ``threads``: for one operator, None leaves it to ONNX Runtime.

    Raises :class:`ModelUnsupported` for a graph without a kernel for one of its nodes, and :class:`ModelDamaged` for
    one that ONNX Runtime finds inconsistent: the program's shapes or types contradict each other.
    """
    import onnxruntime

    graph.prune()
    options = options or onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    large = {name: array for name, array in graph.constants.items() if array.nbytes >= EXTERNAL_BYTES}
    if large:
        arrays = [onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(a)) for a in large.values()]
        options.add_external_initializers(list(large), arrays)
    message = encode(graph, external=dict.fromkeys(large, ("weights", 0)))
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    try:
        return onnxruntime.InferenceSession(message, options, providers=list(providers))
    except state.NotImplemented as error:
        raise ModelUnsupported(f"ONNX Runtime has no kernel for it: {_brief(error)}") from error
    except (state.Fail, state.InvalidGraph, state.InvalidArgument, state.RuntimeException) as error:
        raise ModelDamaged(f"ONNX Runtime refuses the translated graph: {_brief(error)}") from error


def _brief(error: Exception) -> str:
    """The message without ONNX Runtime's prefix and stack."""
    return str(error).rpartition(" : ")[2].strip().split("\n")[0][:500]
