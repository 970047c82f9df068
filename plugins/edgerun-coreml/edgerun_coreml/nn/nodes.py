"""Nodes that know their shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy.typing as npt

from edgerun_coreml.nn import shapes
from edgerun_coreml.onnx.graph import Attribute, Graph, Value

MAX_CONSTANT: Final = 1 << 26
"""Elements of a tensor worked out of constants alone, which a small file could make of any size."""


def emit(
    graph: Graph,
    op_type: str,
    inputs: Sequence[Value | None],
    *,
    dtype: npt.DTypeLike | None = None,
    **attributes: Attribute | None,
) -> Value:
    """Add a node with one output, whose shape is worked out."""
    given = {key: item for key, item in attributes.items() if item is not None}
    (shape,) = shapes.infer(op_type, inputs, given)
    if all(value is None or value.array is not None for value in inputs):
        shapes.check_size(shape, MAX_CONSTANT)
    return graph.emit(op_type, inputs, dtype=dtype, shape=shape, domain="", **given)
