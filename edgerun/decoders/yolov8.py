"""YOLOv8, v9, v11, v12 and their like: one anchor per cell, no objectness, boxes decoded in the graph.

Output [1, 4 + C + K·D, N] or its transpose: cx cy w h, a score per class after the sigmoid, then keypoints.
Source: the layout is documented by its exporter; the anchor counts follow from the strides.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import box_formats, grids, value_checks, yolo_columns
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]


def _decode_rows(rows: AnyArray, frame: Frame) -> Candidates:
    """Rows [4 + C + K·D, N], channels first: the threshold then runs along memory."""
    extra = frame.card.keypoints * frame.card.keypoint_dims
    scores = rows[4 : len(rows) - extra]
    best = scores.max(axis=0)
    kept = np.flatnonzero(best >= frame.conf)
    classes = scores[:, kept].argmax(axis=0).astype(np.int32)
    keypoints = None
    if extra:
        points = rows[-extra:, kept].T.reshape(len(kept), frame.card.keypoints, frame.card.keypoint_dims)
        keypoints = points if points.shape[2] == 3 else np.concatenate((points, np.ones_like(points[..., :1])), axis=2)
        keypoints = np.ascontiguousarray(keypoints, np.float32)
    return Candidates(cxcywh_to_xyxy(rows[:4, kept].T), best[kept], classes, keypoints)


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    return _decode_rows(output[0], frame)


def _decode_transposed(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    return _decode_rows(output[0].T, frame)


def _matches(evidence: Evidence, *, transposed: bool) -> Match:
    card = evidence.card
    if len(evidence.outputs) != 1 or len(evidence.outputs[0].shape) != 3:
        return Match(Sure.NO, "it needs one output of three axes")
    if lost := value_checks.coarse(evidence.outputs[0]):
        return Match(Sure.NO, lost)
    if card.task not in ("detect", "pose"):
        return Match(Sure.NO, f"it reads detect and pose models, not {card.task}")
    name, (_, channels, anchors) = evidence.outputs[0].name, evidence.outputs[0].shape
    if transposed:
        channels, anchors = anchors, channels
    if channels is None or anchors is None or channels < 5:
        return Match(Sure.NO, f"{channels} channels cannot hold a box and a score")
    strides = grids.ladder_of(anchors, card.height, card.width)
    if strides is None:
        return Match(Sure.NO, f"{anchors} rows are not one anchor per cell of a {card.width} x {card.height} input")
    why = f"{anchors} rows are one anchor per cell at strides {', '.join(map(str, strides))}"
    classes = channels - 4 - card.keypoints * card.keypoint_dims
    labelled = bool(card.labels)
    if labelled and classes != len(card.labels):
        return Match(Sure.NO, f"{channels} channels are not 4 + {len(card.labels)} labels")
    output = evidence.probe("textured")[name][0]
    rows = output.T if transposed else output
    boxes, scores = rows[:4], rows[4 : 4 + classes]
    if not value_checks.shares(scores):
        return Match(Sure.NO, "the class scores of a probe run leave 0..1")
    if (boxes[2:] < -1).any():
        return Match(Sure.NO, "widths and heights of a probe run are negative")
    if value_checks.corners(boxes.T):
        return Match(Sure.NO, "the boxes of a probe run are corners x1 y1 x2 y2, not centres and sizes")
    if value_checks.clipped(boxes[2:]):
        return Match(Sure.NO, "the sizes of a probe run are cut off, as by a quantisation made for scores")
    if wrong := box_formats.misread(boxes.T, "cx cy w h", card.height, card.width, strides):
        return Match(Sure.NO, wrong)
    if not evidence.known("decoder") and yolo_columns.given_an_object(rows[: 4 + classes]):
        return Match(Sure.NO, "the columns behind the box are an objectness and shares given an object")
    if (scores == 1).all(axis=1).any():
        return Match(Sure.NO, "a column of a probe run is 1 throughout, as YOLOv6's objectness and no class is")
    conventions: dict[str, Any] = {"resize": "letterbox", "color": "rgb", "scale": 1 / 255, "fill": 114}
    basis = dict.fromkeys(conventions, "convention: YOLOv8 and its like are trained so")
    in_unit = value_checks.unit(boxes.T)
    conventions["box_units"] = "unit" if in_unit else "pixels"
    basis["box_units"] = f"inferred: boxes of a probe run reach {np.abs(boxes).max():.4g}"
    if labelled:
        return Match(Sure.CERTAIN, f"{why}, and {channels} channels are 4 + {classes} labels", conventions, basis)
    return Match(Sure.LIKELY, f"{why}; {channels} channels are 4 + {classes} classes", conventions, basis)


DECODERS = (
    Decoder("yolov8", lambda evidence: _matches(evidence, transposed=False), _decode),
    Decoder("yolov8-transposed", lambda evidence: _matches(evidence, transposed=True), _decode_transposed),
)
