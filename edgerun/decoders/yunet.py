"""YuNet: faces with five landmarks; four outputs for each of the strides 8, 16, 32.

cls [1, N, 1], obj [1, N, 1], bbox [1, N, 4], kps [1, N, 10]. Score = √(cls · obj), so the two need not be told apart;
cx = (column + x) · stride, w = exp(w) · stride, landmark = (column + x, line + y) · stride.
Source: Wu et al., YuNet, 2023; OpenCV's `face_detect.cpp` (Apache-2.0).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.decoders import grids, levels, ranges, scoring

__all__ = ["DECODERS"]

CONVENTIONS: dict[str, Any] = {
    "resize": "letterbox-topleft", "color": "bgr", "scale": 1.0, "fill": 0, "iou": 0.3, "keypoints": 5,
    "keypoint_dims": 2, "labels": ("face",),
}  # fmt: skip
BASIS = dict.fromkeys(CONVENTIONS, "convention: YuNet is run so in OpenCV")


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
    if not all(ranges.shares(values[level.name]) for group in bound.values() for level in group if level.channels == 1):
        return Match(Sure.NO, "scores of a probe run leave 0..1")
    why = "two scores, a box and five landmarks at strides " + ", ".join(map(str, bound))
    return Match(Sure.CERTAIN, why, CONVENTIONS, BASIS)


DECODERS = (Decoder("yunet", _matches, _decode),)
