"""SCRFD: faces, with or without five landmarks; two anchors per cell at strides 8, 16, 32.

Per stride score [1, N, 1] after the sigmoid, bbox [1, N, 4], kps [1, N, 10]; the first axis may lack.
Side = distance · stride and landmark = offset · stride, from the corner of the cell.
Source: Guo et al., SCRFD, arXiv 2105.04714; github.com/deepinsight/insightface (MIT), `scrfd.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.boxes import distances_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import grids, levels, value_checks

__all__ = ["DECODERS"]

PER_CELL = 2

CONVENTIONS: dict[str, Any] = {
    "resize": "letterbox-topleft", "fill": 0, "color": "rgb", "scale": 1.0, "mean": 127.5, "std": 128.0, "iou": 0.4,
    "labels": ("face",), "keypoint_dims": 2,
}  # fmt: skip
BASIS = dict.fromkeys(CONVENTIONS, "convention: SCRFD is run so by its authors")


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    found: list[Candidates] = []
    for stride, group in levels.bind(levels.arrays(outputs), frame.height, frame.width, PER_CELL).items():
        height, width = -(-frame.height // stride), -(-frame.width // stride)
        by_width = {each.channels: levels.rows(outputs[each.name], height, width, PER_CELL) for each in group}
        scores = by_width[1][:, 0]
        kept = np.flatnonzero(scores >= frame.conf)
        points = grids.centres(frame.height, frame.width, (stride,), 0.0)[kept // PER_CELL]
        boxes = distances_to_xyxy(points, by_width[4][kept] * np.float32(stride))
        keypoints = None
        if 10 in by_width:
            places = by_width[10][kept].reshape(-1, 5, 2) * np.float32(stride) + points[:, None]
            keypoints = np.concatenate((places, np.ones_like(places[..., :1])), axis=2)
        found.append(Candidates(boxes, scores[kept], np.zeros(len(kept), np.int32), keypoints))
    return Candidates.joined(found)


def _matches(evidence: Evidence) -> Match:
    bound = levels.bind(levels.specs(evidence.outputs), evidence.card.height, evidence.card.width, PER_CELL)
    points = levels.of_width(bound, 1, 4, 10)
    if not points and not levels.of_width(bound, 1, 4):
        return Match(Sure.NO, "it needs outputs of 1, 4 and perhaps 10 channels, two anchors per cell of each stride")
    values = evidence.probe("textured")
    if not all(
        value_checks.shares(values[each.name]) for group in bound.values() for each in group if each.channels == 1
    ):
        return Match(Sure.NO, "scores of a probe run leave 0..1")
    conventions, basis = {**CONVENTIONS, "keypoints": 5 if points else 0}, dict(BASIS)
    basis["keypoints"] = f"inferred: there are {'ten' if points else 'no'} channels of landmarks"
    why = f"two scores and boxes{' with five landmarks' * points} per cell of strides {', '.join(map(str, bound))}"
    return Match(Sure.CERTAIN if points else Sure.LIKELY, why, conventions, basis)


DECODERS = (Decoder("scrfd", _matches, _decode),)
