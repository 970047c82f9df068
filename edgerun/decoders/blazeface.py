"""MediaPipe's BlazeFace and its kin for palms and bodies: boxes and keypoints counted from points, not from sizes.

Regressors [1, N, 4 + 2·K]: cx cy w h, then x y of K keypoints, in pixels of the input, from the centre of a cell;
scores [1, N, 1] before the sigmoid. Both may be split into one output per stride.
Source: Bazarevsky et al., BlazeFace, arXiv 1907.05047; MediaPipe's `ssd_anchors_calculator.cc` and
`tensors_to_detections_calculator.cc` (Apache-2.0).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import grids, value_checks
from edgerun.heads import scores as scoring
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

LADDERS = (
    ((8, 2), (16, 6)),  # short range, 128; palms, 192
    ((16, 2), (32, 6)),  # back camera, 256
    ((4, 1),),  # full range, 192
    ((8, 2), (16, 2), (32, 6)),  # palms, 256; bodies, 224
)
"""(stride, anchors per cell)."""

KEYPOINTS = {6: "face", 7: "palm", 4: "person"}

CONVENTIONS: dict[str, Any] = {"resize": "letterbox", "fill": 0, "color": "rgb", "iou": 0.3, "keypoint_dims": 2}
BASIS = dict.fromkeys(CONVENTIONS, "convention: MediaPipe feeds and suppresses so")


def _points(count: int, height: int, width: int) -> AnyArray | None:
    """The centres that so many rows count from, [N, 2], model pixels."""
    for ladder in LADDERS:
        if sum(grids.cells(height, width, (stride,)) * each for stride, each in ladder) == count:
            return np.concatenate(
                [np.repeat(grids.centres(height, width, (stride,)), each, axis=0) for stride, each in ladder]
            )
    return None


def _joined(outputs: Arrays) -> tuple[AnyArray, AnyArray]:
    """Scores [N] and regressors [N, 4 + 2·K]; of split outputs the finer grid, which has more rows, comes first."""
    parts = sorted((array[0] for array in outputs.values()), key=len, reverse=True)
    scores = np.concatenate([part for part in parts if part.shape[1] == 1])
    return scores[:, 0], np.concatenate([part for part in parts if part.shape[1] != 1])


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    logits, regressors = _joined(outputs)
    points = _points(len(logits), frame.height, frame.width)
    assert points is not None  # `_matches` has counted
    kept = np.flatnonzero(logits >= scoring.logit(frame.conf))
    rows = regressors[kept].astype(np.float32)
    rows[:, :2] += points[kept]
    keypoints = rows[:, 4:].reshape(len(rows), (rows.shape[1] - 4) // 2, 2) + points[kept, None]
    keypoints = np.concatenate((keypoints, np.ones_like(keypoints[..., :1])), axis=2)
    return Candidates(cxcywh_to_xyxy(rows), scoring.sigmoid(logits[kept]), np.zeros(len(kept), np.int32), keypoints)


def _matches(evidence: Evidence) -> Match:
    card, shapes = evidence.card, [spec.shape for spec in evidence.outputs]
    widths = {shape[2] or 0 for shape in shapes if len(shape) == 3}
    if len(widths) != 2 or min(widths) != 1 or max(widths) < 6 or max(widths) % 2 or any(len(s) != 3 for s in shapes):
        return Match(Sure.NO, "it needs scores [1, N, 1] and regressors [1, N, 4 + 2 · K]")
    counts = {width: sorted(shape[1] or 0 for shape in shapes if shape[2] == width) for width in widths}
    wide = max(widths)
    count = sum(counts[1])
    if counts[1] != counts[wide] or _points(count, card.height, card.width) is None:
        return Match(Sure.NO, f"{count} rows are not the anchors of a {card.width} x {card.height} input")
    scores, _ = _joined(evidence.probe("textured"))
    keypoints = (wide - 4) // 2
    if value_checks.shares(scores):
        return Match(Sure.NO, "the scores of a probe run lie in 0..1: they went through a sigmoid already")
    conventions = {**CONVENTIONS, "keypoints": keypoints}
    basis = {**BASIS, "keypoints": f"inferred: {wide} columns are a box and {keypoints} points"}
    if keypoints == 7:
        conventions["scale"], basis["scale"] = 1 / 255, "convention: MediaPipe's palm detector takes 0..1"
    else:
        conventions |= {"scale": 1 / 127.5, "mean": 1.0}
        basis |= dict.fromkeys(("scale", "mean"), "convention: MediaPipe's face and pose detectors take -1..1")
    if keypoints in KEYPOINTS:
        conventions["labels"] = (KEYPOINTS[keypoints],)
        basis["labels"] = f"convention: MediaPipe's detector with {keypoints} keypoints"
    return Match(Sure.CERTAIN, f"{count} scores, boxes and {keypoints} keypoints", conventions, basis)


DECODERS = (Decoder("blazeface", _matches, _decode),)
