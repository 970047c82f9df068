"""Moving blocks of pixels between space, channels and batch."""

from __future__ import annotations

from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value


@operation("depth_to_space")
def depth_to_space(op: Operation) -> Value:
    return op.emit("DepthToSpace", [op.value()], blocksize=op.integer("block_size"), mode="DCR")


@operation("space_to_depth")
def space_to_depth(op: Operation) -> Value:
    return op.emit("SpaceToDepth", [op.value()], blocksize=op.integer("block_size"))


@operation("pixel_shuffle")
def pixel_shuffle(op: Operation) -> Value:
    return op.emit("DepthToSpace", [op.value()], blocksize=op.integer("upscale_factor"), mode="CRD")


def _reordered(op: Operation, x: Value, split: list[int], order: list[int], joined: list[int]) -> Value:
    apart = op.emit("Reshape", [x, op.graph.int64(split)])
    return op.emit("Reshape", [op.emit("Transpose", [apart], perm=order), op.graph.int64(joined)])


@operation("pixel_unshuffle")
def pixel_unshuffle(op: Operation) -> Value:
    """[N, C, H, W] to [N, C f f, H / f, W / f], the inverse of ``pixel_shuffle``."""
    f = op.integer("downscale_factor")
    n, c, h, w = op.dims()
    split, joined = [n, c, h // f, f, w // f, f], [n, c * f * f, h // f, w // f]
    return _reordered(op, op.value(), split, [0, 1, 3, 5, 2, 4], joined)


@operation("space_to_batch")
def space_to_batch(op: Operation) -> Value:
    """Pads height and width, then moves blocks into the batch axis."""
    bh, bw = op.integers("block_shape")
    top, bottom, left, right = op.integers("paddings")
    n, c, h, w = op.dims()
    x = op.emit("Pad", [op.value(), op.graph.int64(0, 0, top, left, 0, 0, bottom, right)])
    rows, columns = (h + top + bottom) // bh, (w + left + right) // bw
    split, joined = [n, c, rows, bh, columns, bw], [n * bh * bw, c, rows, columns]
    return _reordered(op, x, split, [3, 5, 0, 1, 2, 4], joined)


@operation("batch_to_space")
def batch_to_space(op: Operation) -> Value:
    """Moves blocks out of the batch axis, then crops height and width."""
    bh, bw = op.integers("block_shape")
    top, bottom, left, right = op.integers("crops")
    n, c, h, w = op.dims()
    n //= bh * bw
    split, joined = [bh, bw, n, c, h, w], [n, c, h * bh, w * bw]
    whole = _reordered(op, op.value(), split, [2, 3, 4, 0, 5, 1], joined)
    ends = op.graph.int64(h * bh - bottom, w * bw - right)
    return op.emit("Slice", [whole, op.graph.int64(top, left), ends, op.graph.int64(2, 3)])
