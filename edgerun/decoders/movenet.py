"""MoveNet: 17 joints of one person, or of six with their boxes; all in 0..1 of the input, y before x.

"movenet" [1, 1, 17, 3]: y x score. Its row has the box around the joints that score 0.3 and more, which its model card
recommends as threshold, and the mean of all scores.
"movenet-multipose" [1, 6, 56]: 17 times y x score, then y1 x1 y2 x2 score.
Source: https://www.tensorflow.org/hub/tutorials/movenet and the model cards (Apache-2.0).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.boxes import yxyx_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import image_inputs, value_checks
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["DECODERS"]

JOINTS = 17
SEEN = 0.3

CONVENTIONS: dict[str, Any] = {
    "task": "pose", "resize": "letterbox", "fill": 0, "color": "rgb", "scale": 1.0, "box_units": "unit",
    "keypoints": JOINTS, "keypoint_dims": 3, "labels": ("person",),
}  # fmt: skip
BASIS = dict.fromkeys(CONVENTIONS, "convention: MoveNet is trained and run so")


def _joints(columns: AnyArray) -> FloatArray:
    """Columns y x score to x y score, float32 [N, 17, 3]."""
    return columns.reshape(len(columns), JOINTS, 3)[:, :, [1, 0, 2]].astype(np.float32)


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    joints = _joints(output.reshape(1, -1))
    seen = joints[0, joints[0, :, 2] >= SEEN, :2]
    around = seen if len(seen) else joints[0, :, :2]
    scores = joints[..., 2].mean(axis=1)
    box = np.concatenate((around.min(axis=0), around.max(axis=0)))[None]
    return Candidates(box, scores, np.zeros(1, np.int32), joints).take(scores >= frame.conf)


def _decode_several(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    rows = output[0][output[0][:, -1] >= frame.conf]
    boxes, classes = yxyx_to_xyxy(rows[:, -5:-1]), np.zeros(len(rows), np.int32)
    return Candidates(boxes, rows[:, -1].copy(), classes, _joints(rows[:, : JOINTS * 3]))


def _matches(evidence: Evidence) -> Match:
    shape = tuple(evidence.outputs[0].shape) if len(evidence.outputs) == 1 else ()
    if shape != (1, 1, JOINTS, 3):
        return Match(Sure.NO, f"it needs one output [1, 1, {JOINTS}, 3]")
    if not value_checks.unit(evidence.probe("textured")[evidence.outputs[0].name]):
        return Match(Sure.NO, "the joints of a probe run are not in 0..1")
    return _verdict(evidence, f"{JOINTS} joints of one person")


def _matches_several(evidence: Evidence) -> Match:
    shape = tuple(evidence.outputs[0].shape) if len(evidence.outputs) == 1 else ()
    if len(shape) != 3 or shape[::2] != (1, JOINTS * 3 + 5):
        return Match(Sure.NO, f"it needs one output [1, N, {JOINTS * 3 + 5}]")
    rows = evidence.probe("textured")[evidence.outputs[0].name][0]
    if (
        not len(rows)
        or not value_checks.unit(rows)
        or not value_checks.shares(rows[:, -1])
        or (rows[:, -3:-1] < rows[:, -5:-3]).any()
    ):
        return Match(Sure.NO, "the rows of a probe run do not end with y1 x1 y2 x2 score in 0..1")
    return _verdict(evidence, f"{JOINTS} joints, box and score of {len(rows)} persons")


def _verdict(evidence: Evidence, why: str) -> Match:
    fields, basis = image_inputs.tensorflow(evidence) if evidence.image.dtype == "uint8" else ({}, {})
    return Match(Sure.CERTAIN, why, CONVENTIONS | fields, BASIS | basis)


DECODERS = (
    Decoder("movenet", _matches, _decode, suppress=False),
    Decoder("movenet-multipose", _matches_several, _decode_several, suppress=False),
)
