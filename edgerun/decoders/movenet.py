"""MoveNet: 17 joints of one person, or of six with their boxes; all in 0..1 of the input, y before x.

"movenet" [1, 1, 17, 3]: y x score. Its row has the box around the joints that score 0.3 and more, which its model card
recommends as threshold, and the mean of all scores.
"movenet-multipose" [1, 6, 56]: 17 times y x score, then y1 x1 y2 x2 score.
Source: https://www.tensorflow.org/hub/tutorials/movenet and the model cards (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgerun.boxes import yxyx_to_xyxy
from edgerun.contract import Arrays, Candidates, Convention, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import input_conventions, value_checks
from edgerun.heads.requirements import require, verdict
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["DECODERS"]

JOINTS = 17
LEAST_SCORE = 0.3

TRAINED = Convention(
    "MoveNet is trained and run so", task="pose", resize="letterbox", fill=0, color="rgb", scale=1.0, box_units="unit",
    keypoints=JOINTS, keypoint_dims=3, labels=("person",),
)  # fmt: skip


def _joints(columns: AnyArray) -> FloatArray:
    """Columns y x score to x y score, float32 [N, 17, 3]."""
    return columns.reshape(len(columns), JOINTS, 3)[:, :, [1, 0, 2]].astype(np.float32)


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    joints = _joints(output.reshape(1, -1))
    good = joints[0, joints[0, :, 2] >= LEAST_SCORE, :2]
    around = good if len(good) else joints[0, :, :2]
    scores = joints[..., 2].mean(axis=1)
    box = np.concatenate((around.min(axis=0), around.max(axis=0)))[None]
    return Candidates(box, scores, np.zeros(1, np.int32), joints).take(scores >= frame.conf)


def _decode_several(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    rows = output[0][output[0][:, -1] >= frame.conf]
    boxes, classes = yxyx_to_xyxy(rows[:, -5:-1]), np.zeros(len(rows), np.int32)
    return Candidates(boxes, rows[:, -1].copy(), classes, _joints(rows[:, : JOINTS * 3]))


@verdict
def _matches(evidence: Evidence) -> Match:
    shapes = [tuple(spec.shape) for spec in evidence.outputs]
    require(shapes == [(1, 1, JOINTS, 3)], f"it needs one output [1, 1, {JOINTS}, 3]")
    in_unit = value_checks.unit(evidence.probe("textured")[evidence.outputs[0].name])
    require(in_unit, "the joints of a probe run are not in 0..1")
    return _verdict(evidence, f"{JOINTS} joints of one person", _decode)


@verdict
def _matches_several(evidence: Evidence) -> Match:
    ends = [(len(spec.shape), *spec.shape[::2]) for spec in evidence.outputs]
    require(ends == [(3, 1, JOINTS * 3 + 5)], f"it needs one output [1, N, {JOINTS * 3 + 5}]")
    rows = evidence.probe("textured")[evidence.outputs[0].name][0]
    near, far, scores = rows[:, -5:-3], rows[:, -3:-1], rows[:, -1]
    boxes = value_checks.unit(rows) and not (far < near).any()
    in_order = boxes and value_checks.shares(scores)
    require(in_order, "the rows of a probe run do not end with y1 x1 y2 x2 score in 0..1")
    return _verdict(evidence, f"{JOINTS} joints, box and score of {len(rows)} persons", _decode_several)


def _verdict(evidence: Evidence, why: str, decode: Callable[[Arrays, Frame], Candidates]) -> Match:
    fed = input_conventions.of_tensorflow(evidence) if evidence.image.dtype == "uint8" else ()
    return Match.bringing(Sure.CERTAIN, why, TRAINED, *fed, decode=decode)


DECODERS = (
    Decoder("movenet", _matches, suppress=False),
    Decoder("movenet-multipose", _matches_several, suppress=False),
)
