"""Non-maximum suppression as an operation of a program."""

from __future__ import annotations

import numpy as np

from ...graph import Value
from ..kinds import FLOAT32, INT32
from ..operation import Operation
from ..registry import Refusal, operation


@operation("non_maximum_suppression")
def with_threshold(op: Operation) -> list[Value]:
    """Boxes [1, B, 4] centre x, y, width, height; scores [1, B, K]. Fourth comes how many were kept."""
    boxes, scores = op.floats(op.value("boxes")), op.floats(op.value("scores"))
    kept = _suppress(op, boxes, op.emit("Transpose", [scores], perm=[0, 2, 1]), op.number("score_threshold"))
    rows = op.emit("Shape", [kept])
    return [*_padded(op, kept, boxes, scores), rows]


@operation("non_maximum_suppression", since=17)
def without_threshold(op: Operation) -> list[Value]:
    """Boxes [1, 4, B]; scores [1, K, B]: boxes along the last axis, going in and coming out."""
    boxes = op.emit("Transpose", [op.floats(op.value("boxes"))], perm=[0, 2, 1])
    scores = op.floats(op.value("scores"))
    kept = _suppress(op, boxes, scores, -3e38)
    picked = _padded(op, kept, boxes, op.emit("Transpose", [scores], perm=[0, 2, 1]))
    coordinates, confidences = (op.emit("Transpose", [item], perm=[0, 2, 1]) for item in picked[:2])
    return [coordinates, confidences, picked[2]]


def _suppress(op: Operation, boxes: Value, scores: Value, threshold: float) -> Value:
    """Indices of the boxes kept, best first, int64 [M], from boxes [1, B, 4] and scores [1, K, B].

    Each box is ranked by its best class. For suppression within classes only, the boxes of each class are
    moved to a place of their own.
    """
    if op.dims("boxes")[0] != 1:
        raise Refusal("more than one image at a time")
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
            op.graph.constant(np.array([op.number("iou_threshold")]), FLOAT32),
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
