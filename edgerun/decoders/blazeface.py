"""MediaPipe's BlazeFace and its kin for palms and bodies: boxes and keypoints counted from points, not from sizes.

Regressors [1, N, 4 + 2·K]: cx cy w h, then x y of K keypoints, in pixels of the input, from the centre of a cell;
scores [1, N, 1] before the sigmoid. Both may be split into one output per stride.
Source: Bazarevsky et al., BlazeFace, arXiv 1907.05047; MediaPipe's `ssd_anchors_calculator.cc` and
`tensors_to_detections_calculator.cc` (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Convention, Decoder, Evidence, Frame, Inference, Match, Sure
from edgerun.heads import grids, landmarks, scores, value_checks
from edgerun.tensors import AnyArray, FloatArray, TensorSpec

__all__ = ["DECODERS"]

Ladder = tuple[tuple[int, int], ...]
"""Strides, and anchors per cell."""

LADDERS: tuple[Ladder, ...] = (
    ((8, 2), (16, 6)),  # short range, 128; palms, 192
    ((16, 2), (32, 6)),  # back camera, 256
    ((4, 1),),  # full range, 192
    ((8, 2), (16, 2), (32, 6)),  # palms, 256; bodies, 224
)

CONVENTIONS = Convention(
    "MediaPipe feeds and suppresses so",
    resize="letterbox",
    fill=0,
    color="rgb",
    conf=0.5,
    iou=0.3,
    nms="weighted",
    keypoint_dims=2,
)
MINUS_1_TO_1 = Convention("MediaPipe's face and pose detectors take -1..1", scale=1 / 127.5, mean=1.0)
FROM_0_TO_1 = Convention("MediaPipe's palm detector takes 0..1", scale=1 / 255)

BY_KEYPOINTS = {
    6: (MINUS_1_TO_1, Convention("MediaPipe's detector with 6 keypoints", labels=("face",))),
    7: (FROM_0_TO_1, Convention("MediaPipe's detector with 7 keypoints", labels=("palm",))),
    4: (MINUS_1_TO_1, Convention("MediaPipe's detector with 4 keypoints", labels=("person",))),
}


@lru_cache(maxsize=8)
def _points(ladder: Ladder, height: int, width: int) -> FloatArray:
    """The centres that rows count from, [N, 2], model pixels."""
    return np.concatenate([np.repeat(grids.centres(height, width, (stride,)), each, axis=0) for stride, each in ladder])


@dataclass(frozen=True, slots=True)
class Regressors:
    """Reads outputs by their names, the finer grid first.

    Attributes:
        ladder: of the anchors.
        scores, regressors: names of the outputs.
    """

    ladder: Ladder
    scores: tuple[str, ...]
    regressors: tuple[str, ...]

    def logits(self, outputs: Arrays) -> AnyArray:
        """Scores before the sigmoid, [N]."""
        return _joined(outputs, self.scores)[:, 0]

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """Boxes and keypoints of the rows that score at least `frame.conf`."""
        logits = self.logits(outputs)
        kept = np.flatnonzero(logits >= scores.logit(frame.conf))
        points = _points(self.ladder, frame.height, frame.width)[kept]
        rows = _joined(outputs, self.regressors)[kept].astype(np.float32)
        rows[:, :2] += points
        keypoints = landmarks.around(rows[:, 4:], points, np.ones(1, np.float32))
        classes = np.zeros(len(kept), np.int32)
        return Candidates(cxcywh_to_xyxy(rows), scores.sigmoid(logits[kept]), classes, keypoints)


def _joined(outputs: Arrays, names: Sequence[str]) -> AnyArray:
    parts = [outputs[name][0] for name in names]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _rows(spec: TensorSpec) -> int:
    return spec.shape[1] or 0


def _ladder(count: int, height: int, width: int) -> Ladder | None:
    """The ladder whose anchors are so many."""
    for ladder in LADDERS:
        if len(_points(ladder, height, width)) == count:
            return ladder
    return None


def _columns(evidence: Evidence) -> int:
    """Columns of the regressors; 0 where outputs are not scores and regressors of the same rows."""
    if any(len(spec.shape) != 3 for spec in evidence.outputs):
        return 0
    widths = sorted({spec.shape[2] or 0 for spec in evidence.outputs})
    if len(widths) != 2 or widths[0] != 1:
        return 0
    return widths[1] if widths[1] >= 6 and widths[1] % 2 == 0 else 0


def _matches(evidence: Evidence) -> Match:
    card, columns = evidence.card, _columns(evidence)
    if not columns:
        return Match(Sure.NO, "it needs scores [1, N, 1] and regressors [1, N, 4 + 2 · K]")
    ordered = sorted(evidence.outputs, key=_rows, reverse=True)
    narrow = [spec for spec in ordered if spec.shape[2] == 1]
    wide = [spec for spec in ordered if spec.shape[2] == columns]
    count = sum(map(_rows, narrow))
    ladder = _ladder(count, card.height, card.width)
    if ladder is None or list(map(_rows, narrow)) != list(map(_rows, wide)):
        return Match(Sure.NO, f"{count} rows are not the anchors of a {card.width} x {card.height} input")
    reader = Regressors(ladder, tuple(spec.name for spec in narrow), tuple(spec.name for spec in wide))
    if value_checks.shares(reader.logits(evidence.probe("textured"))):
        return Match(Sure.NO, "the scores of a probe run lie in 0..1: they went through a sigmoid already")
    keypoints = (columns - 4) // 2
    counted = Inference(f"{columns} columns are a box and {keypoints} points", keypoints=keypoints)
    further = BY_KEYPOINTS.get(keypoints, (MINUS_1_TO_1,))
    why = f"{count} scores, boxes and {keypoints} keypoints"
    return Match.bringing(Sure.CERTAIN, why, CONVENTIONS, counted, *further, decode=reader)


DECODERS = (Decoder("blazeface", _matches),)
