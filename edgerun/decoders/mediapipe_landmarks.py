"""MediaPipe's landmarks of one body or hand that a square picture shows: BlazePose and its hand model.

[1, 195]: 39 landmarks of x y z, visibility, presence, the last two before the sigmoid; 33 are joints, the others frame
the body. [1, 63]: 21 landmarks of x y z; a second [1, 63] is the same in metres. x y are pixels of the input.
A [1, 1] in 0..1 says whether there is a body or hand at all; of a hand's two it is the first in the model's order, the
other is left or right. The row has the box of all that was shown.
Source: MediaPipe's `tensors_to_pose_landmarks_and_segmentation.pbtxt` and `hand_landmark_cpu.pbtxt` (Apache-2.0);
Bazarevsky et al., BlazePose, arXiv 2006.10204.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import scores, value_checks

__all__ = ["DECODERS"]

KINDS = {195: ("person", 33, 5), 63: ("hand", 21, 3)}
"""Columns -> label, landmarks that are shown, values each."""

FED: dict[str, Any] = {
    "task": "pose", "resize": "letterbox", "fill": 0, "color": "rgb", "scale": 1 / 255, "box_units": "pixels",
    "keypoint_dims": 3,
}  # fmt: skip
BASIS = dict.fromkeys(FED, "convention: MediaPipe feeds and reads it so")


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    by_role = {role: outputs[name].reshape(-1) for name, role in frame.card.outputs.items()}
    _, count, values = KINDS[len(by_role["landmarks"])]
    rows = np.nan_to_num(by_role["landmarks"].reshape(-1, values)[:count], posinf=0, neginf=0)
    seen = scores.sigmoid(rows[:, 3:4]) if values > 3 else np.ones((count, 1), np.float32)
    keypoints = np.concatenate((rows[:, :2], seen), axis=1).astype(np.float32)[None]
    score = np.clip(by_role["presence"], 0, 1).astype(np.float32)
    box = np.array([[0, 0, frame.width, frame.height]], np.float32)
    return Candidates(box, score, np.zeros(1, np.int32), keypoints).take(score >= frame.conf)


def _matches(evidence: Evidence) -> Match:
    card, shapes = evidence.card, {spec.name: tuple(spec.shape) for spec in evidence.outputs}
    values = evidence.probe("textured")
    wide = [name for name, shape in shapes.items() if len(shape) == 2 and shape[0] == 1 and shape[1] in KINDS]
    flags = [name for name, shape in shapes.items() if shape == (1, 1)]
    if not wide or not flags or len({shapes[name] for name in wide}) != 1:
        return Match(Sure.NO, "it needs landmarks [1, 195] or [1, 63] and a presence [1, 1]")
    wide = [name for name in wide if np.abs(values[name]).max() > value_checks.UNIT_LIMIT]  # metres are small
    if len(wide) != 1 or not value_checks.shares(values[flags[0]]):
        return Match(Sure.NO, "in a probe run landmarks are not pixels, or the presence leaves 0..1")
    label, count, _ = KINDS[shapes[wide[0]][1] or 0]
    if card.labels and len(card.labels) != 1:
        return Match(Sure.NO, f"it knows one class, not {len(card.labels)} labels")
    fields = {**FED, "keypoints": count, "labels": (label,), "outputs": {wide[0]: "landmarks", flags[0]: "presence"}}
    basis = BASIS | dict.fromkeys(("keypoints", "outputs"), "inferred: the outputs")
    basis["labels"] = "convention: MediaPipe's model with so many landmarks"
    return Match(Sure.LIKELY, f"{count} landmarks of a {label}", fields, basis)


DECODERS = (Decoder("mediapipe-landmarks", _matches, _decode, suppress=False),)
