"""Arrays at the door of a model: which types and shapes are taken, and what stands for an input left out."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgerun_coreml.file.feature_types import ArrayType, Feature
from edgerun_coreml.onnx.graph import Shape

Array = npt.NDArray[Any]

TAKEN: Final = ("int8", "int32", "float32", "float64")
"""Element types that Core ML takes; float16 is widened first, as MLModel does. Source: CoreMLPythonArray.mm."""

MAX_DEFAULT: Final = 1 << 28
"""Elements of an array made up for an input left out; a model that wants more is damaged."""


def to_array(value: object, name: str, kind: ArrayType, *, rank5: bool = False) -> Array:
    """What was given for a multi-array: a numpy array, a list, or a torch tensor.

    Args:
        rank5: the model is a NeuralNetwork of old, which also takes its array with axes of size 1 in front.

    Raises:
        RuntimeError: a type that Core ML does not take, or a shape outside those that are declared.
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    if array.dtype.name not in TAKEN:
        raise RuntimeError(f"input '{name}' is an array of {array.dtype}; Core ML takes {', '.join(TAKEN)} and float16")
    shape = array.shape
    extra = len(shape) - len(kind.shape)
    if rank5 and kind.shape and extra > 0 and not kind.allows(shape):
        if math.prod(shape[:extra]) == 1 and kind.allows(shape[extra:]):
            return array.reshape(shape[extra:])
        if extra == 2 and kind.allows(shape[2:]):
            return array  # sequence and batch in front
    check(shape, name, kind)
    return array


def with_axes(given: tuple[int, ...], wanted: Shape) -> tuple[int, ...] | None:
    """The shape that an array takes to have the wanted rank, by axes of size 1 alone; None where none fits.

    A network of old wants [sequence, batch, channel, height, width], and is given any of [channel],
    [channel, height, width], [sequence, batch, channel] and all five.
    """
    known = [size if isinstance(size, int) else -1 for size in wanted]
    if math.prod(given) == math.prod(known) and -1 not in known:
        return tuple(known)
    missing = len(known) - len(given)
    front = [(1,) * missing + given] if missing > 0 else []
    if len(known) == 5 and len(given) in (1, 3):
        front.append((1,) * (3 - len(given)) + given + (1, 1))
    if missing < 0 and math.prod(given[:-missing]) == 1:
        front.append(given[-missing:])
    for shape in front:
        if all(size in (-1, have) for size, have in zip(known, shape, strict=True)):
            return shape
    return None


def check(shape: tuple[int, ...], name: str, kind: ArrayType) -> None:
    """Raise RuntimeError for a shape that the model does not take, in the words that Core ML has for it."""
    if kind.allows(shape):
        return
    if kind.shapes:
        allowed = ", ".join(map(_shown, kind.shapes))
        reason = f"MultiArray Shape {_shown(shape)} was not in enumerated set of allowed shapes: {allowed}"
    elif kind.ranges and len(kind.ranges) == len(shape):
        axis = next(
            axis for axis, (size, sizes) in enumerate(zip(shape, kind.ranges, strict=True)) if size not in sizes
        )
        limits = kind.ranges[axis]
        upper = "any" if limits.upper is None else limits.upper
        reason = f"Size ({shape[axis]}) of dimension ({axis}) is not in allowed range ({limits.lower}..{upper})"
    elif kind.ranges:
        reason = (
            f"MultiArray shape {_shown(shape)} has {len(shape)} dimensions, the model description {len(kind.ranges)}"
        )
    else:
        declared = _shown(kind.shape)
        reason = (
            f"MultiArray shape {_shown(shape)} does not match the shape {declared} specified in the model description"
        )
    raise RuntimeError(f"input '{name}': {reason}")


def _shown(shape: tuple[int, ...]) -> str:
    return f"({' x '.join(map(str, shape))})"


def dimensions(kind: ArrayType) -> tuple[int | None, ...]:
    """The declared shape, None where a size may vary."""
    if kind.shapes:
        if len({len(shape) for shape in kind.shapes}) > 1:
            return ()
        return tuple(sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*kind.shapes, strict=True))
    if kind.ranges:
        return tuple(r.lower if r.lower == r.upper else None for r in kind.ranges)
    return kind.shape


def declared(array: Array, kind: ArrayType) -> Array:
    """An output in the type that the description gives it, as MLModel hands it out: fp16 is shown as float32."""
    with np.errstate(over="ignore", invalid="ignore"):  # beyond 65504 is infinity in fp16
        if kind.dtype == "float16":
            return array.astype(np.float16).astype(np.float32)
        return array.astype(kind.dtype, copy=False)


def default(feature: Feature, kind: ArrayType) -> Array:
    """The array that stands for an optional input left out: of the default shape, filled with the default value.

    Raises RuntimeError where the declared shape is impossible.
    """
    count = math.prod(kind.shape)
    if any(size < 0 for size in kind.shape) or count > MAX_DEFAULT:
        raise RuntimeError(f"input '{feature.name}' was left out, and its default shape {kind.shape} cannot be made")
    dtype = np.int32 if kind.dtype in ("int8", "int32") else np.float32
    return np.full(kind.shape, kind.default or 0, dtype)
