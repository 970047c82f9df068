"""MediaPipe's landmarks of one body or hand that a square image shows: BlazePose and its hand model.

[1, 195]: 39 landmarks of x y z, visibility, presence, the last two before the sigmoid; 33 are joints, the others frame
the body. [1, 63]: 21 landmarks of x y z; a second [1, 63] is the same in metres. x y are pixels of the input.
A [1, 1] in 0..1 says whether there is a body or hand at all; of a hand's two it is the first in the model's order, the
other says how surely it is the first of two labels, left and right. The row has the box of all that was shown.
Source: MediaPipe's `tensors_to_pose_landmarks_and_segmentation.pbtxt` and `hand_landmark_cpu.pbtxt` (Apache-2.0);
`handedness.txt` beside it in mediapipe 1.2.3 (Left, Right), the score of whose first a binary classification gives;
Bazarevsky et al., BlazePose, arXiv 2006.10204.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgerun.contract import Arrays, Candidates, Convention, Decoder, Evidence, Frame, Inference, Match, Sure
from edgerun.heads import scores, value_checks
from edgerun.heads.requirements import require, verdict
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is shown: its label, how many landmarks of it count, and the values of each."""

    label: str
    landmarks: int
    values: int


KINDS: Mapping[tuple[int | None, ...], Kind] = {(1, 195): Kind("person", 33, 5), (1, 63): Kind("hand", 21, 3)}
"""Shape of the output -> what it is."""

EVEN = 0.5
"""Score of the first of two labels from which it is the likelier."""

FED = Convention(
    "MediaPipe feeds and reads it so", task="pose", resize="letterbox", fill=0, color="rgb", scale=1 / 255,
    box_units="pixels", keypoint_dims=3,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the landmarks in one output, the presence in another, and perhaps which of two hands it is in a third."""

    landmarks: str
    presence: str
    kind: Kind
    handedness: str = ""

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """One row with the box of the whole input, where its presence is enough."""
        rows = outputs[self.landmarks].reshape(-1, self.kind.values)[: self.kind.landmarks]
        rows = np.nan_to_num(rows, posinf=0, neginf=0)
        visible = scores.sigmoid(rows[:, 3:4]) if self.kind.values > 3 else np.ones_like(rows[:, :1])
        keypoints = np.concatenate((rows[:, :2], visible), axis=1).astype(np.float32)[None]
        score = np.clip(outputs[self.presence].reshape(-1), 0, 1).astype(np.float32)
        box = np.array([[0, 0, frame.width, frame.height]], np.float32)
        return Candidates(box, score, self._classes(outputs), keypoints).take(score >= frame.conf)

    def _classes(self, outputs: Arrays) -> AnyArray:
        """The number of the label, int32 [1]."""
        second = self.handedness and float(outputs[self.handedness].reshape(-1)[0]) < EVEN
        return np.array([1 if second else 0], np.int32)


@verdict
def _matches(evidence: Evidence) -> Match:
    shapes = {spec.name: tuple(spec.shape) for spec in evidence.outputs}
    values = evidence.probe("textured")
    wide = [name for name, shape in shapes.items() if shape in KINDS]
    flags = [name for name, shape in shapes.items() if shape == (1, 1)]
    of_one_kind = len({shapes[name] for name in wide}) == 1
    require(flags and of_one_kind, "it needs landmarks [1, 195] or [1, 63] and a presence [1, 1]")
    wide = [name for name in wide if np.abs(values[name]).max() > value_checks.UNIT_LIMIT]  # metres are small
    given = {role: name for name, role in evidence.card.outputs.items()}
    landmarks, presence = given.get("landmarks", (*wide, "")[0]), given.get("presence", flags[0])
    fits = wide == [landmarks] and presence in flags and value_checks.shares(values[presence])
    require(fits, "in a probe run landmarks are not pixels, or the presence leaves 0..1")
    labels, kind = evidence.card.labels, KINDS[shapes[landmarks]]
    others = [name for name in flags if name != presence]
    two_hands = kind.label == "hand" and len(labels) == 2 and len(others) == 1
    require(len(labels) < 2 or two_hands, f"it knows one class, not {len(labels)} labels")
    roles = {landmarks: "landmarks", presence: "presence"}
    brings = (
        FED,
        Inference("the outputs", keypoints=kind.landmarks, outputs=roles),
        Convention("MediaPipe's model with so many landmarks", labels=(kind.label,)),
    )
    why, reader = (
        f"{kind.landmarks} landmarks of a {kind.label}",
        Reader(landmarks, presence, kind, others[0] if two_hands else ""),
    )
    return Match.bringing(Sure.LIKELY, why, *brings, decode=reader)


DECODERS = (Decoder("mediapipe-landmarks", _matches, suppress=False),)
