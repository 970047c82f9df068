"""Non-maximum suppression as an operation of a program."""

from __future__ import annotations

from typing import Final

import numpy as np

from edgerun_coreml.mil.kinds import FLOAT32, INT32
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal

MAX_IMAGES: Final = 64
"""Pictures in a batch: each has its own part of the graph."""


@operation("non_maximum_suppression")
def with_threshold(op: Operation) -> list[Value]:
    """Boxes [n, B, 4] centre x, y, width, height; scores [n, B, K]. Fourth comes how many were kept, [n]."""
    boxes, scores, iou = op.floats(op.value("boxes")), op.floats(op.value("scores")), op.number("iou_threshold")
    return _each(op, boxes, op.emit("Transpose", [scores], perm=[0, 2, 1]), op.number("score_threshold"), iou)


@operation("non_maximum_suppression", since=17)
def without_threshold(op: Operation) -> list[Value]:
    """Boxes [n, 4, B]; scores [n, K, B]: boxes along the last axis, going in and coming out.

    Overlaps that equal the threshold go, too, other than before: coremltools' test_nms_corner_case_iou_equal_threshold.
    """
    boxes = op.emit("Transpose", [op.floats(op.value("boxes"))], perm=[0, 2, 1])
    iou = float(np.nextafter(np.float32(op.number("iou_threshold")), np.float32(0)))
    coordinates, confidences, indices, _ = _each(op, boxes, op.floats(op.value("scores")), -3e38, iou)
    return [*(op.emit("Transpose", [item], perm=[0, 2, 1]) for item in (coordinates, confidences)), indices]


def _each(op: Operation, boxes: Value, scores: Value, threshold: float, iou: float) -> list[Value]:
    """Image by image: boxes [n, max, 4], scores [n, max, K], indices [n, max] and their number [n] of those kept, from
    boxes [n, B, 4] and scores [n, K, B].
    """
    images = (op.operand("boxes").shape or (None,))[0]
    if not isinstance(images, int):
        raise Refusal("a flexible number of images")
    if not 0 < images <= MAX_IMAGES:
        raise Refusal(f"{images} images at a time")
    parts = []
    for number in range(images):
        place = op.graph.int64(number), op.graph.int64(number + 1), op.graph.int64(0)
        own = [boxes, scores] if images == 1 else [op.emit("Slice", [item, *place]) for item in (boxes, scores)]
        kept = _suppress(op, own[0], own[1], threshold, iou)
        rows = op.emit("Transpose", [own[1]], perm=[0, 2, 1])
        parts.append([*_padded(op, kept, own[0], rows), op.emit("Shape", [kept])])
    if images == 1:
        return parts[0]
    return [op.emit("Concat", list(items), axis=0) for items in zip(*parts, strict=True)]


def _suppress(op: Operation, boxes: Value, scores: Value, threshold: float, iou: float) -> Value:
    """Indices of the boxes kept, best first, int64 [M], from boxes [1, B, 4] and scores [1, K, B].

    Each box is ranked by its best class. For suppression within classes only, the boxes of each class are
    moved to a place of their own.
    """
    best = op.emit("ReduceMax", [scores, op.graph.int64(1)], keepdims=1)
    if op.flag("per_class_suppression", False):
        winner = op.floats(op.emit("ArgMax", [scores], axis=1, keepdims=0))
        largest = op.emit("ReduceMax", [op.emit("Abs", [boxes]), op.graph.int64(0, 1, 2)], keepdims=0)
        apart = op.emit("Add", [op.emit("Mul", [largest, op.scalar(4, largest)]), op.scalar(1, largest)])
        shift = op.emit("Unsqueeze", [op.emit("Mul", [winner, apart]), op.graph.int64(2)])
        corner = op.graph.constant(np.array([[[1, 1, 0, 0]]]), FLOAT32)
        boxes = op.emit("Add", [boxes, op.emit("Mul", [shift, corner])])
    chosen = op.emit(
        "NonMaxSuppression",
        [
            boxes,
            best,
            op.graph.int64(op.integer("max_boxes")),
            op.graph.constant(np.array([iou]), FLOAT32),
            op.graph.constant(np.array([threshold]), FLOAT32),
        ],
        center_point_box=1,
    )
    column = op.emit("Slice", [chosen, op.graph.int64(2), op.graph.int64(3), op.graph.int64(1)])
    return op.emit("Reshape", [column, op.graph.int64(-1)])


def _padded(op: Operation, kept: Value, boxes: Value, scores: Value) -> list[Value]:
    """Boxes [1, max, 4], scores [1, max, K], indices [1, max] of those kept; zeros and -1 fill the rest."""
    missing = op.emit("Sub", [op.graph.int64(op.integer("max_boxes")), op.emit("Shape", [kept])])

    def pad(values: Value, rank: int, filler: float) -> Value:
        ends = [missing] if rank == 1 else [missing, op.graph.int64([0] * (rank - 1))]
        amounts = op.emit("Concat", [op.graph.int64([0] * rank), *ends], axis=0)
        padded = op.emit("Pad", [values, amounts, op.scalar(filler, values)])
        return op.emit("Unsqueeze", [padded, op.graph.int64(0)])

    rows = [
        op.emit("Gather", [op.emit("Squeeze", [item, op.graph.int64(0)]), kept], axis=0) for item in (boxes, scores)
    ]
    return [pad(rows[0], 2, 0), pad(rows[1], 2, 0), pad(op.graph.cast(kept, INT32), 1, -1)]
