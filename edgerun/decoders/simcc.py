"""SimCC: the pose of the one person (hand, face) that the image shows: RTMPose, DWPose.

simcc_x [1, K, r · W], simcc_y [1, K, r · H]: for each keypoint a row of scores over r bins per pixel of the input.
x = argmax / r; a keypoint's score is the lesser of its two maxima. The answer is one row with the box of all that was
shown, whose score is the mean of its keypoints'.
Source: Li et al., SimCC, arXiv 2107.03332; Jiang et al., RTMPose, arXiv 2303.07399, and its code (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgerun.contract import Arrays, Candidates, Convention, Decoder, Evidence, Frame, Inference, Match, Sure
from edgerun.tensors import AnyArray, TensorSpec

__all__ = ["DECODERS"]

SPLITS = (2, 3, 4)
"""Bins per pixel; RTMPose has 2."""

CONVENTIONS = Convention(
    "RTMPose is trained and run so", task="pose", resize="letterbox", fill=0, color="rgb", scale=1.0,
    mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375), keypoint_dims=3, box_units="pixels",
)  # fmt: skip

LABELS = {
    17: Convention("17 keypoints", labels=("person",)),
    21: Convention("21 keypoints", labels=("hand",)),
    26: Convention("26 keypoints", labels=("person",)),
    106: Convention("106 keypoints", labels=("face",)),
    133: Convention("133 keypoints", labels=("person",)),
}


@dataclass(frozen=True, slots=True)
class Pose:
    """Reads the outputs of these names."""

    across: str
    down: str

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """One row, or none where the pose scores less than `frame.conf`."""
        across, down = _finite(outputs[self.across]), _finite(outputs[self.down])
        x = across.argmax(axis=1) * (frame.width / across.shape[1])
        y = down.argmax(axis=1) * (frame.height / down.shape[1])
        scores = np.clip(np.minimum(across.max(axis=1), down.max(axis=1)), 0, 1)
        keypoints = np.stack((x, y, scores), axis=1).astype(np.float32)[None]
        score = np.array([scores.mean()], np.float32)
        box = np.array([[0, 0, frame.width, frame.height]], np.float32)
        return Candidates(box, score, np.zeros(1, np.int32), keypoints).take(score >= frame.conf)


def _finite(array: AnyArray) -> AnyArray:
    return np.asarray(np.nan_to_num(array[0], posinf=0, neginf=0))


def _roles(evidence: Evidence, split: int) -> Mapping[str, str]:
    """Name -> "x" or "y"; by length, where the input is no square, else by the last letter of the names."""
    card = evidence.card
    given = {name: role for name, role in card.outputs.items() if role in ("x", "y")}
    if len(given) == 2:
        return given
    if card.width == card.height:
        return {spec.name: spec.name[-1].lower() for spec in evidence.outputs}
    axes = {split * card.width: "x", split * card.height: "y"}
    return {spec.name: axes[spec.shape[2] or 0] for spec in evidence.outputs}


def _is_pair(outputs: tuple[TensorSpec, ...]) -> bool:
    shapes = [spec.shape for spec in outputs]
    if len(shapes) != 2 or any(len(shape) != 3 for shape in shapes):
        return False
    first, second = shapes
    return first[0] == second[0] == 1 and first[1] == second[1] and bool(first[1])


def _bins_per_pixel(outputs: tuple[TensorSpec, ...], height: int, width: int) -> int:
    """0 where the lengths of the rows are none of an input of so many pixels."""
    lengths = sorted(spec.shape[2] or 0 for spec in outputs)
    for split in SPLITS:
        if lengths == sorted((split * width, split * height)):
            return split
    return 0


def _matches(evidence: Evidence) -> Match:
    card, outputs = evidence.card, tuple(evidence.outputs)
    if not _is_pair(outputs):
        return Match(Sure.NO, "it needs two outputs [1, K, r · W] and [1, K, r · H]")
    split = _bins_per_pixel(outputs, card.height, card.width)
    first, second = outputs
    if not split:
        lengths = f"{first.shape[2]} and {second.shape[2]}"
        return Match(Sure.NO, f"{lengths} are not bins of {card.width} x {card.height} pixels")
    roles = _roles(evidence, split)
    by_role = {role: name for name, role in roles.items()}
    if set(by_role) != {"x", "y"}:
        example = f'outputs={{"{first.name}": "x", "{second.name}": "y"}}'
        return Match(Sure.NO, f"which output is x cannot be told; say {example}")
    count = first.shape[1] or 0
    seen = Inference("the outputs", keypoints=count), Inference("the lengths or names of the outputs", outputs=roles)
    brought = [CONVENTIONS, *seen]
    if count in LABELS:
        brought.append(LABELS[count])
    named = all(name.lower().startswith("simcc") for name in roles)
    reader = Pose(by_role["x"], by_role["y"])
    why = f"{count} keypoints, {split} bins per pixel"
    return Match.bringing(Sure.CERTAIN if named else Sure.LIKELY, why, *brought, decode=reader)


DECODERS = (Decoder("simcc", _matches, suppress=False),)
