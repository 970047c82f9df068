"""YuNet: faces with five landmarks; four outputs for each of the strides 8, 16, 32.

cls [1, N, 1], obj [1, N, 1], bbox [1, N, 4], kps [1, N, 10]. Score = √(cls · obj), so the two need not be told apart;
cx = (column + x) · stride, w = exp(w) · stride, landmark = (column + x, line + y) · stride.
Before 2023: loc [1, N, 14] of box and landmarks, conf [1, N, 2], iou [1, N, 1], counted from squares;
score = √(conf · iou).
Source: Wu et al., YuNet, 2023; OpenCV's `face_detect.cpp` (Apache-2.0).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import grids, levels, prior_boxes, value_checks
from edgerun.heads import scores as scoring
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

CONVENTIONS: dict[str, Any] = {
    "resize": "letterbox-topleft", "color": "bgr", "scale": 1.0, "fill": 0, "iou": 0.3, "keypoints": 5,
    "keypoint_dims": 2, "labels": ("face",),
}  # fmt: skip
BASIS = dict.fromkeys(CONVENTIONS, "convention: YuNet is run so in OpenCV")

VARIANCES = (0.1, 0.2)


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    found: list[Candidates] = []
    for stride, group in levels.bind(levels.arrays(outputs), frame.height, frame.width).items():
        height, width = -(-frame.height // stride), -(-frame.width // stride)
        group = tuple(sorted(group, key=lambda level: level.channels))
        first, second, boxes, points = (levels.rows(outputs[level.name], height, width) for level in group)
        scores = np.sqrt(np.clip(first[:, 0], 0, 1) * np.clip(second[:, 0], 0, 1))
        kept = np.flatnonzero(scores >= frame.conf)
        corners = grids.centres(frame.height, frame.width, (stride,), 0.0)[kept]
        centres = boxes[kept, :2] * np.float32(stride) + corners
        sides = scoring.exp(boxes[kept, 2:]) * np.float32(stride)
        landmarks = points[kept].reshape(-1, 5, 2) * np.float32(stride) + corners[:, None]
        keypoints = np.concatenate((landmarks, np.ones_like(landmarks[..., :1])), axis=2)
        corners = cxcywh_to_xyxy(np.concatenate((centres, sides), axis=1))
        found.append(Candidates(corners, scores[kept], np.zeros(len(kept), np.int32), keypoints))
    return Candidates.joined(found)


def _matches(evidence: Evidence) -> Match:
    bound = levels.bind(levels.specs(evidence.outputs), evidence.card.height, evidence.card.width)
    if not levels.of_width(bound, 1, 1, 4, 10):
        return Match(Sure.NO, "it needs outputs of 1, 1, 4 and 10 channels for each stride")
    values = evidence.probe("textured")
    if not all(
        value_checks.shares(values[level.name]) for group in bound.values() for level in group if level.channels == 1
    ):
        return Match(Sure.NO, "scores of a probe run leave 0..1")
    why = "two scores, a box and five landmarks at strides " + ", ".join(map(str, bound))
    return Match(Sure.CERTAIN, why, CONVENTIONS, BASIS)


def _decode_squares(outputs: Arrays, frame: Frame) -> Candidates:
    by_width = {array.shape[-1]: array.reshape(-1, array.shape[-1]) for array in outputs.values()}
    squares = prior_boxes.squares(frame.height, frame.width, prior_boxes.ULTRAFACE)
    scores = np.sqrt(np.clip(by_width[2][:, 1], 0, 1) * np.clip(by_width[1][:, 0], 0, 1))
    kept = np.flatnonzero(scores >= frame.conf)
    offsets = by_width[14][kept]
    boxes = prior_boxes.decode(offsets[:, :4], squares[kept], VARIANCES)
    points = prior_boxes.decode_points(offsets[:, 4:], squares[kept], VARIANCES[0])
    return Candidates(boxes, scores[kept], np.zeros(len(kept), np.int32), points)


def _matches_squares(evidence: Evidence) -> Match:
    card = evidence.card
    shapes = {spec.shape[-1]: spec.shape for spec in evidence.outputs if spec.shape}
    if sorted(width or 0 for width in shapes) != [1, 2, 14] or len(evidence.outputs) != 3:
        return Match(Sure.NO, "it needs outputs of 14, 2 and 1 columns")
    counts = {shape[-2] for shape in shapes.values() if len(shape) > 1}
    if counts != {len(prior_boxes.squares(card.height, card.width, prior_boxes.ULTRAFACE))}:
        return Match(Sure.NO, f"its rows are not the squares of a {card.width} x {card.height} input")
    if not all(value_checks.sum_to_one(array.reshape(-1, 2)) for array in _of_width(evidence, 2)):
        return Match(Sure.NO, "the shares of face and background of a probe run do not add up to 1")
    conventions = {**CONVENTIONS, "box_units": "unit"}
    return Match(
        Sure.CERTAIN, "a box with five landmarks, two shares and an IoU for each square", conventions,
        {**BASIS, "box_units": "convention: squares are shares of the input"},
    )  # fmt: skip


def _of_width(evidence: Evidence, width: int) -> list[AnyArray]:
    return [array for array in evidence.probe("textured").values() if array.shape[-1] == width]


DECODERS = (Decoder("yunet", _matches, _decode), Decoder("yunet-2022", _matches_squares, _decode_squares))
