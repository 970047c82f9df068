"""Non-maximum suppression as a layer: a fixed number of boxes out, padded."""

from __future__ import annotations

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn.families.sorting import whole
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import layer
from edgerun_coreml.onnx.graph import Value

LOWEST = float(np.finfo(np.float32).min)


@layer("NonMaximumSuppression")
def non_maximum_suppression(op: Layer) -> list[Value]:
    """Boxes [B, N, 4] of centre and size, scores [B, N, C]; then thresholds and the number of boxes M, if computed.

    Gives boxes [B, M, 4], scores [B, M, C], indices [B, M] and how many are not padding [B]. A box is ranked by its
    largest score. Where no score reaches the threshold the best box is kept all the same.
    """
    boxes, scores = op.need_inputs(2, 5)[:2]
    if op.rank(0) != 3 or op.rank(1) != 3:
        raise ModelDamaged(f"boxes with {op.rank(0)} axes and scores with {op.rank(1)}, where three are needed")
    iou = op.reshape(op.input(2), [1]) if op.has_input(2) else op.constant([op.params.iouThreshold])
    threshold = op.reshape(op.input(3), [1]) if op.has_input(3) else op.constant([op.params.scoreThreshold])
    limit = op.reshape(op.int64(op.input(4)), [1]) if op.has_input(4) else op.int64s(op.size("maxBoxes"))
    best = op.emit("ReduceMax", [scores, op.int64s(2)], keepdims=0)  # [B, N]
    kept = _survivors(op, boxes, scores, best, iou, threshold, limit)
    none = op.emit("Equal", [op.emit("ReduceMax", [kept, op.int64s(1)], keepdims=1), op.number(0.0)])
    top = op.emit("ArgMax", [best], axis=1, keepdims=1)
    lone = op.emit("Equal", [_places(op, best), op.floats(top)])
    kept = op.emit("Where", [none, op.floats(lone), kept])
    ranked = op.emit("Where", [op.emit("Greater", [kept, op.number(0.0)]), best, op.number(LOWEST)])
    missing = op.emit("Max", [op.emit("Sub", [limit, op.size_of(best, 1)]), op.int64s(0)])
    pads = op.emit("Concat", [op.int64s(0, 0, 0), missing], axis=0)
    ranked = op.emit("Pad", [ranked, pads, op.number(LOWEST)], mode="constant")
    values, indices = op.emit_many("TopK", [ranked, limit], [np.float32, np.int64], axis=1, largest=1)
    real = op.emit("Greater", [values, op.number(LOWEST)])  # [B, M]
    rows = op.unsqueeze(op.emit("Where", [real, indices, op.int64s(0)]), [2])
    shown = op.unsqueeze(op.floats(real), [2])
    chosen = [op.emit("Mul", [op.emit("GatherND", [table, rows], batch_dims=1), shown]) for table in (boxes, scores)]
    numbered = op.emit("Where", [real, indices, op.int64s(-1)])
    total = op.emit("ReduceSum", [op.floats(real), op.int64s(1)], keepdims=0)
    op.scope.context.whole.add(total.name)
    return [*chosen, whole(op, numbered), total]


def _places(op: Layer, best: Value) -> Value:
    """The number of each box, [N]."""
    end = op.reshape(op.floats(op.size_of(best, 1)), [])
    return op.emit("Range", [op.number(0.0), end, op.number(1.0)])


def _survivors(
    op: Layer, boxes: Value, scores: Value, best: Value, iou: Value, threshold: Value, limit: Value
) -> Value:
    """1 for each box that survives, 0 for the others, [B, N].

    ONNX drops what is not above its threshold, Core ML what is below: so the scores are cut here.
    """
    enough = op.emit("GreaterOrEqual", [best, threshold])
    ranked = op.unsqueeze(op.emit("Where", [enough, best, op.number(LOWEST)]), [1])  # [B, 1, N]
    if op.params.perClassSuppression:
        classes = op.unsqueeze(op.emit("ArgMax", [scores], axis=2, keepdims=0), [1])  # [B, 1, N]
        count = op.size_of(scores, 2)
        numbers = op.emit("Range", [op.graph.scalar(0, np.int64), op.reshape(count, []), op.graph.scalar(1, np.int64)])
        mine = op.emit("Equal", [classes, op.unsqueeze(numbers, [1])])  # [B, C, N]
        ranked = op.emit("Where", [mine, ranked, op.number(LOWEST)])
    selected = op.emit(
        "NonMaxSuppression", [boxes, ranked, limit, iou, op.constant([LOWEST])], dtype=np.int64, center_point_box=1
    )
    places = op.emit("Gather", [selected, op.int64s(0, 2)], axis=1)
    count = op.sizes_of(selected, 0, 1)
    ones = op.emit("ConstantOfShape", [count], dtype=np.float32, value=np.ones(1, np.float32))
    zeros = op.emit("Mul", [op.floats(enough), op.number(0.0)])
    return op.emit("ScatterND", [zeros, places, ones])
