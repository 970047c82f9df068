"""Arithmetic on small constants at translation time: the operators that shape computations consist of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Attributes = Mapping[str, Any]

LIMIT: Final = 4096
"""Larger constants are left to the graph, where they are stored once."""


def fold(op_type: str, inputs: Sequence[Array | None], attributes: Attributes) -> Array | None:
    """The result of an ONNX operator on constants, or None if it is not folded here."""
    rule = _RULES.get(op_type)
    if rule is None:
        return None
    arrays = [array for array in inputs if array is not None]
    if len(arrays) != len(inputs) or sum(array.size for array in arrays) > LIMIT:
        return None
    result = rule(arrays, attributes)
    return None if result is None or result.size > LIMIT else result


def _arithmetic(function: Callable[[Array, Array], Any]) -> Callable[[list[Array], Attributes], Array]:
    def rule(arrays: list[Array], attributes: Attributes) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(function(arrays[0], arrays[1])).astype(arrays[0].dtype, copy=False)

    return rule


def _divide(arrays: list[Array], attributes: Attributes) -> Array | None:
    left, right = arrays
    if left.dtype.kind == "f":
        with np.errstate(all="ignore"):
            return np.asarray(left / right)
    if not right.all():
        return None
    quotient = np.abs(left) // np.abs(right)  # ONNX rounds towards zero
    return np.asarray(quotient * np.sign(left) * np.sign(right)).astype(left.dtype)


def _concat(arrays: list[Array], attributes: Attributes) -> Array:
    return np.concatenate(arrays, axis=attributes["axis"])


def _gather(arrays: list[Array], attributes: Attributes) -> Array | None:
    data, indices = arrays
    axis = attributes.get("axis") or 0
    if data.ndim == 0 or (indices.size and (indices.max() >= data.shape[axis] or indices.min() < -data.shape[axis])):
        return None
    return np.asarray(np.take(data, indices, axis=axis))


def _unsqueeze(arrays: list[Array], attributes: Attributes) -> Array:
    return np.expand_dims(arrays[0], tuple(arrays[1].tolist()))


def _squeeze(arrays: list[Array], attributes: Attributes) -> Array:
    return np.squeeze(arrays[0], tuple(arrays[1].tolist()) if len(arrays) > 1 else None)


def _slice(arrays: list[Array], attributes: Attributes) -> Array:
    data, starts, ends = arrays[:3]
    axes = arrays[3].tolist() if len(arrays) > 3 else range(starts.size)
    steps = arrays[4].tolist() if len(arrays) > 4 else [1] * starts.size
    index = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps, strict=True):
        lowest = -data.shape[axis] - 1
        index[axis] = slice(max(start, lowest), None if end < lowest + 1 and step < 0 else end, step)
    return data[tuple(index)]


def _identity(arrays: list[Array], attributes: Attributes) -> Array:
    return arrays[0]


_RULES: Final[Mapping[str, Callable[[list[Array], Attributes], Array | None]]] = {
    "Add": _arithmetic(np.add),
    "Sub": _arithmetic(np.subtract),
    "Mul": _arithmetic(np.multiply),
    "Div": _divide,
    "Concat": _concat,
    "Gather": _gather,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Slice": _slice,
    "Identity": _identity,
}
