"""Resizing images: the last two axes, mostly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from edgerun_coreml.mil.kinds import FLOAT32
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Sampling:
    """ONNX Resize's way from output to input coordinates; ``inset``: corners half an output pixel inside."""

    transformation: str
    inset: bool = False


_SAMPLINGS: Final = {
    "STRICT_ALIGN_CORNERS": Sampling("align_corners"),
    "ALIGN_CORNERS": Sampling("align_corners"),
    "DEFAULT": Sampling("asymmetric"),
    "UNALIGN_CORNERS": Sampling("half_pixel"),
    "OFFSET_CORNERS": Sampling("tf_crop_and_resize", inset=True),
}


def _sampling(op: Operation) -> Sampling:
    mode = op.text("sampling_mode", "DEFAULT")
    if mode not in _SAMPLINGS:
        raise Refusal(f"the sampling mode {mode!r}")
    return _SAMPLINGS[mode]


def _resize(op: Operation, sizes: Sequence[int], mode: str, sampling: Sampling, nearest: str = "floor") -> Value:
    """Resize the last two axes to ``sizes``.

    Where the whole shape is known, scales or sizes are given for all axes: that form takes ONNX Runtime's
    fast path.
    """
    x, dims, rank = op.floats(op.value()), op.operand().dims, op.rank()
    attributes: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": sampling.transformation}
    if mode == "nearest":
        attributes["nearest_mode"] = nearest
    if dims is None or sampling.inset:
        corners = [0.5 / size for size in sizes] + [1 - 0.5 / size for size in sizes]
        region = op.graph.constant(np.array(corners), FLOAT32) if sampling.inset else None
        axes = [rank - 2, rank - 1]
        return op.emit("Resize", [x, region, None, op.graph.int64(sizes)], axes=axes, **attributes)
    factors = [size / dim for size, dim in zip(sizes, dims[-2:], strict=True)]
    if sampling.transformation == "asymmetric" and all(factor == int(factor) for factor in factors):
        scales = op.graph.constant(np.array([1.0] * (rank - 2) + factors), FLOAT32)
        return op.emit("Resize", [x, None, scales], **attributes)
    return op.emit("Resize", [x, None, None, op.graph.int64(dims[:-2], sizes)], **attributes)


def _upsample(op: Operation, mode: str, sampling: Sampling) -> Value:
    scales = [op.number("scale_factor_height", 1.0), op.number("scale_factor_width", 1.0)]
    shape = op.operand().shape or ()
    sizes = []
    for scale, size, declared in zip(scales, shape[-2:], (op.shape or (None, None))[-2:], strict=True):
        if isinstance(size, int):
            sizes.append(declared if isinstance(declared, int) else math.floor(np.float32(scale) * size))
    if len(sizes) == 2:
        return _resize(op, sizes, mode, sampling)
    factors = op.graph.constant(np.array(scales), FLOAT32)
    present = op.emit("Slice", [op.emit("Shape", [op.value()]), op.graph.int64(-2), op.graph.int64(2**31 - 1)])
    target = op.graph.cast(op.emit("Floor", [op.emit("Mul", [op.floats(present), factors])]), np.int64)
    return _resize_computed(op, target, mode, sampling, "floor")


def _resize_computed(op: Operation, sizes: Value, mode: str, sampling: Sampling, nearest: str) -> Value:
    """Resize the last two axes to sizes int64 [2] that are known only when the model runs."""
    rank = op.rank()
    return op.emit(
        "Resize",
        [op.floats(op.value()), None, None, sizes],
        mode=mode,
        coordinate_transformation_mode=sampling.transformation,
        axes=[rank - 2, rank - 1],
        nearest_mode=nearest if mode == "nearest" else None,
    )


@operation("upsample_nearest_neighbor")
def upsample_nearest_neighbor(op: Operation) -> Value:
    return _upsample(op, "nearest", Sampling("asymmetric"))


@operation("upsample_bilinear")
def upsample_bilinear(op: Operation) -> Value:
    """``half_pixel_centers`` came with iOS 16 and is otherwise the opposite of ``align_corners``."""
    aligned = op.flag("align_corners", True)
    half_pixel = op.flag("half_pixel_centers", not aligned)
    transformation = "align_corners" if aligned else "half_pixel" if half_pixel else "asymmetric"
    return _upsample(op, "linear", Sampling(transformation))


def _target(op: Operation) -> list[int]:
    return [op.integer("target_size_height", 1), op.integer("target_size_width", 1)]


@operation("resize_bilinear")
def resize_bilinear(op: Operation) -> Value:
    return _resize(op, _target(op), "linear", _sampling(op))


@operation("resize_nearest_neighbor")
def resize_nearest_neighbor(op: Operation) -> Value:
    return _resize(op, _target(op), "nearest", Sampling("asymmetric"))


@operation("resize", since=17)
def resize(op: Operation) -> Value:
    """To ``shape``'s last sizes, 0 keeping the input's. Nearest rounds half down, unlike the older
    operations.
    """
    count = op.integer("resized_dims")
    if count not in (1, 2):
        raise Refusal(f"resizing {count} axes; 1 and 2 are supported")
    mode = "linear" if op.text("interpolation_mode", "LINEAR") == "LINEAR" else "nearest"
    sampling = _sampling(op)
    if sampling.inset and count == 1:
        raise Refusal("OFFSET_CORNERS along one axis")  # along the other it would not leave things as they are
    kept = [0] * (2 - count)
    if op.is_constant("shape"):
        present = (op.operand().shape or ())[-2:]
        sizes = [size or keep for size, keep in zip(kept + op.integers("shape")[-count:], present, strict=True)]
        known = [size for size in sizes if isinstance(size, int)]
        if len(known) == 2:
            return _resize(op, known, mode, sampling, "round_prefer_floor")
    if sampling.inset:
        raise Refusal("OFFSET_CORNERS with a computed size")
    end = op.graph.int64(2**31 - 1)
    wanted = op.emit("Slice", [op.int64("shape"), op.graph.int64(-count), end])
    if kept:
        wanted = op.emit("Concat", [op.graph.int64(kept), wanted], axis=0)
    present_now = op.emit("Slice", [op.emit("Shape", [op.value()]), op.graph.int64(-2), end])
    target = op.emit("Where", [op.emit("Equal", [wanted, op.graph.int64(0)]), present_now, wanted])
    return _resize_computed(op, target, mode, sampling, "round_prefer_floor")
