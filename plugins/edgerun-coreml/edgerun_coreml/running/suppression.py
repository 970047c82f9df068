"""Core ML's model of non-maximum suppression: of boxes that overlap too much, the best stays.

Every row of ``confidence`` [N, C] has its best class, and that class's score. Rows that score less than the
confidence threshold go; of the rest, best first, each takes away those that share more than the IoU threshold
with it (of its own class only, where ``pickTop.perClass`` says so). Rows that stay keep all C scores.
``coordinates`` [N, 4] are centre x, centre y, width, height; their unit does not matter.

Source: NonMaximumSuppression.proto of coremltools (BSD-3-Clause). What happens to a score or an overlap that
equals its threshold is not written there: here such rows stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.description import class_labels, describe
from edgerun_coreml.file.feature_types import ArrayType, Interface
from edgerun_coreml.file.wire import Message
from edgerun_coreml.onnx.graph import Graph, Value
from edgerun_coreml.running.states import State

Array = npt.NDArray[Any]


def pick_top(confidence: Array, coordinates: Array, *, iou: float, threshold: float, per_class: bool) -> Array:
    """Indices of the rows that stay, best first; equal scores keep their order. int64 [M].

    Args:
        confidence: float32 [N, C].
        coordinates: float32 [N, 4].
        iou: boxes that share more than this are the same thing.
        threshold: rows with a best score below it go.
        per_class: only boxes of the same best class take each other away.
    """
    best: Array = confidence.max(axis=1)
    candidates = np.flatnonzero(best >= threshold)
    candidates = candidates[np.argsort(-best[candidates], kind="stable")]
    classes = confidence[candidates].argmax(axis=1)
    x, y, width, height = coordinates[candidates].T.astype(np.float32)
    left, right, top, bottom = x - width / 2, x + width / 2, y - height / 2, y + height / 2
    area = np.maximum(width, 0) * np.maximum(height, 0)
    waiting = np.arange(candidates.size)
    kept = []
    while waiting.size:
        first, rest = waiting[0], waiting[1:]
        kept.append(first)
        across = np.minimum(right[first], right[rest]) - np.maximum(left[first], left[rest])
        down = np.minimum(bottom[first], bottom[rest]) - np.maximum(top[first], top[rest])
        shared = np.maximum(across, 0) * np.maximum(down, 0)
        # a product instead of a quotient: boxes without an area share nothing
        same = shared > np.float32(iou) * (area[first] + area[rest] - shared)
        if per_class:
            same &= classes[rest] == classes[first]
        waiting = rest[~same]
    return candidates[kept]


@dataclass(frozen=True, slots=True)
class Rules:
    """What an NMS model says: names of its features, its thresholds, its classes.

    ``iou`` and ``threshold`` hold where the inputs named ``iou_input`` and ``threshold_input`` are not given.
    ``least`` and ``most`` rows come out: the result is filled with rows of zeros or cut.
    """

    confidence_input: str
    coordinates_input: str
    iou_input: str
    threshold_input: str
    confidence_output: str
    coordinates_output: str
    iou: float
    threshold: float
    per_class: bool
    labels: tuple[str, ...] | tuple[int, ...]
    least: int = 0
    most: int | None = None


MOST_ROWS: Final = 1_000_000


def read_rules(spec: Message) -> Rules:
    """The rules of a message ``Model`` of the kind nonMaximumSuppression. Raises :class:`ModelDamaged`."""
    model = spec.nonMaximumSuppression
    for threshold in (model.iouThreshold, model.confidenceThreshold):
        if not np.isfinite(threshold):
            raise ModelDamaged(f"the suppression has a threshold of {threshold}")
    description = describe(spec)
    least, most = _row_limits(description.interface, model.confidenceOutputFeatureName or "confidence")
    return Rules(
        confidence_input=model.confidenceInputFeatureName or "confidence",
        coordinates_input=model.coordinatesInputFeatureName or "coordinates",
        iou_input=model.iouThresholdInputFeatureName or "iouThreshold",
        threshold_input=model.confidenceThresholdInputFeatureName or "confidenceThreshold",
        confidence_output=model.confidenceOutputFeatureName or "confidence",
        coordinates_output=model.coordinatesOutputFeatureName or "coordinates",
        iou=float(model.iouThreshold),
        threshold=float(model.confidenceThreshold),
        per_class=bool(model.pickTop.perClass),
        labels=class_labels(spec),
        least=least,
        most=most,
    )


def _row_limits(interface: Interface, name: str) -> tuple[int, int | None]:
    """How many rows the declared shape of the output allows."""
    for feature in interface.outputs:
        kind = feature.type
        if feature.name != name or not isinstance(kind, ArrayType):
            continue
        if kind.ranges:
            least, most = kind.ranges[0].lower, kind.ranges[0].upper
        elif len(kind.shape) == 2:
            least, most = kind.shape[0], kind.shape[0]
        else:
            return 0, None
        if not 0 <= least <= (MOST_ROWS if most is None else min(most, MOST_ROWS)):
            raise ModelDamaged(f"the suppression is to give at least {least} rows")
        return least, most
    return 0, None


class Suppression:
    """An NMS model as a stage of a pipeline, or alone."""

    def __init__(self, spec: Message) -> None:
        self.rules = read_rules(spec)
        self.interface = describe(spec).interface
        self.labels = self.rules.labels

    def buffers(self) -> tuple[dict[str, Array], dict[str, str]]:
        """It has no state."""
        return {}, {}

    def sessions(self) -> list[Any]:
        """It computes in numpy."""
        return []

    def run(self, feeds: Mapping[str, Any], state: State | None) -> dict[str, Any]:
        """Suppress. Raises RuntimeError for arrays that do not go together."""
        rules = self.rules
        confidence = np.asarray(feeds[rules.confidence_input], np.float32)
        coordinates = np.asarray(feeds[rules.coordinates_input], np.float32)
        if confidence.ndim < 2 or coordinates.ndim < 2 or coordinates.shape[-1] != 4:
            raise RuntimeError(f"suppression takes [N, C] and [N, 4], not {confidence.shape} and {coordinates.shape}")
        confidence, coordinates = confidence.reshape(-1, confidence.shape[-1]), coordinates.reshape(-1, 4)
        if len(confidence) != len(coordinates) or not confidence.shape[1]:
            raise RuntimeError(f"{len(coordinates)} boxes for scores of the shape {confidence.shape}")
        rows = pick_top(
            confidence,
            coordinates,
            iou=_number(feeds, rules.iou_input, rules.iou),
            threshold=_number(feeds, rules.threshold_input, rules.threshold),
            per_class=rules.per_class,
        )[: rules.most]
        missing = ((0, max(0, rules.least - rows.size)), (0, 0))
        return {
            rules.confidence_output: np.pad(confidence[rows], missing),
            rules.coordinates_output: np.pad(coordinates[rows], missing),
        }

    def close(self) -> None:
        """Nothing is held."""


def _number(feeds: Mapping[str, Any], name: str, otherwise: float) -> float:
    value = feeds.get(name)
    return otherwise if value is None else float(np.asarray(value).reshape(-1)[0])


def emit(
    graph: Graph, rules: Rules, confidence: Value, coordinates: Value, iou: Value, threshold: Value
) -> tuple[Value, Value]:
    """Add the suppression to a graph; gives what stays of confidence and of coordinates.

    Args:
        confidence: float32 [..., N, C].
        coordinates: float32 [..., N, 4].
        iou, threshold: float32 [1].
    """
    last = graph.emit("Slice", [graph.emit("Shape", [confidence]), graph.int64(-1), graph.int64(2**31 - 1)])
    flat = graph.emit("Concat", [graph.int64(-1), last], axis=0)
    scores = graph.emit("Reshape", [confidence, flat], shape=(None, None))
    boxes = graph.emit("Reshape", [coordinates, graph.int64(-1, 4)], shape=(None, 4))
    best = graph.emit("ReduceMax", [scores, graph.int64(1)], keepdims=0, shape=(None,))
    # the operator leaves scores out that equal its threshold, so that it is applied here
    nothing = graph.scalar(-np.inf, np.float32)
    ranked = graph.emit("Where", [graph.emit("GreaterOrEqual", [best, threshold]), best, nothing], dtype=np.float32)
    if rules.per_class:  # a row stands for its best class alone
        winner = graph.emit("ArgMax", [scores], axis=1, keepdims=1)
        own = graph.emit("Equal", [_numbers(graph, last), winner])  # [N, C]
        ranked = graph.emit("Unsqueeze", [ranked, graph.int64(1)])
        by_class = graph.emit("Where", [own, ranked, nothing], dtype=np.float32)
        table = graph.emit("Transpose", [by_class], perm=[1, 0])
    else:
        table = graph.emit("Unsqueeze", [ranked, graph.int64(0)])
    chosen = graph.emit(
        "NonMaxSuppression",
        [
            graph.emit("Unsqueeze", [boxes, graph.int64(0)]),
            graph.emit("Unsqueeze", [table, graph.int64(0)]),
            graph.int64(2**31 - 1),
            iou,
            graph.constant(np.array([np.finfo(np.float32).min], np.float32)),
        ],
        center_point_box=1,
    )
    rows = graph.emit("Gather", [chosen, graph.scalar(2, np.int64)], axis=1)
    found = graph.emit("Gather", [best, rows], axis=0)
    _, order = graph.emit_many(
        "TopK", [found, graph.emit("Shape", [found])], [np.float32, np.int64], axis=0, largest=1, sorted=1
    )
    rows = graph.emit("Gather", [rows, order], axis=0)
    width = scores.shape[1] if scores.shape is not None else None
    confidence = _limited(graph, graph.emit("Gather", [scores, rows], axis=0, shape=(None, width)), rules)
    return confidence, _limited(graph, graph.emit("Gather", [boxes, rows], axis=0, shape=(None, 4)), rules)


def _numbers(graph: Graph, count: Value) -> Value:
    """0, 1, 2 … as int64 [count]; ``count`` is int64 [1]."""
    limit = graph.emit("Squeeze", [count, graph.int64(0)])
    return graph.emit("Range", [graph.scalar(0, np.int64), limit, graph.scalar(1, np.int64)])


def _limited(graph: Graph, rows: Value, rules: Rules) -> Value:
    """Rows cut to the most and filled with zeros to the least that are declared."""
    shape = rows.shape
    if rules.most is not None:
        rows = graph.emit("Slice", [rows, graph.int64(0), graph.int64(rules.most), graph.int64(0)], shape=shape)
    if rules.least:
        count = graph.emit("Slice", [graph.emit("Shape", [rows]), graph.int64(0), graph.int64(1)])
        missing = graph.emit("Max", [graph.emit("Sub", [graph.int64(rules.least), count]), graph.int64(0)])
        pads = graph.emit("Concat", [graph.int64(0, 0), missing, graph.int64(0)], axis=0)
        rows = graph.emit("Pad", [rows, pads], shape=shape)
    return rows
