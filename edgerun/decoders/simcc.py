"""SimCC: the pose of the one person (hand, face) that the picture shows: RTMPose, DWPose.

simcc_x [1, K, r · W], simcc_y [1, K, r · H]: for each keypoint a row of scores over r bins per pixel of the input.
x = argmax / r; a keypoint's score is the lesser of its two maxima. The answer is one row with the box of all that was
shown, whose score is the mean of its keypoints'.
Source: Li et al., SimCC, arXiv 2107.03332; Jiang et al., RTMPose, arXiv 2303.07399, and its code (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure

__all__ = ["DECODERS"]

SPLITS = (2, 3, 4)
"""Bins per pixel; RTMPose has 2."""
LABELS = {17: "person", 26: "person", 133: "person", 21: "hand", 106: "face"}

CONVENTIONS: dict[str, Any] = {
    "task": "pose", "resize": "letterbox", "fill": 0, "color": "rgb", "scale": 1.0, "mean": (123.675, 116.28, 103.53),
    "std": (58.395, 57.12, 57.375), "keypoint_dims": 3, "box_units": "pixels",
}  # fmt: skip
BASIS = dict.fromkeys(CONVENTIONS, "convention: RTMPose is trained and run so")


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    by_role = {frame.card.outputs[name]: np.nan_to_num(array[0], posinf=0, neginf=0) for name, array in outputs.items()}
    across, down = by_role["x"], by_role["y"]
    ratios = across.shape[1] / frame.width, down.shape[1] / frame.height
    places = np.stack((across.argmax(axis=1) / ratios[0], down.argmax(axis=1) / ratios[1]), axis=1)
    scores = np.clip(np.minimum(across.max(axis=1), down.max(axis=1)), 0, 1)
    keypoints = np.concatenate((places, scores[:, None]), axis=1).astype(np.float32)[None]
    score = np.array([scores.mean()], np.float32)
    box = np.array([[0, 0, frame.width, frame.height]], np.float32)
    found = Candidates(box, score, np.zeros(1, np.int32), keypoints)
    return found.take(score >= frame.conf)


def _bound(evidence: Evidence, split: int) -> Mapping[str, str]:
    """Name -> "x" or "y"; by length, where the input is no square, else by the last letter of the names."""
    card = evidence.card
    given = {name: role for name, role in card.outputs.items() if role in ("x", "y")}
    if len(given) == 2:
        return given
    lengths = {spec.name: spec.shape[2] for spec in evidence.outputs}
    if card.width != card.height:
        return {name: "x" if length == split * card.width else "y" for name, length in lengths.items()}
    return {name: name[-1].lower() for name in lengths}


def _matches(evidence: Evidence) -> Match:
    card, shapes = evidence.card, [spec.shape for spec in evidence.outputs]
    if len(shapes) != 2 or any(len(shape) != 3 or shape[0] != 1 for shape in shapes) or shapes[0][1] != shapes[1][1]:
        return Match(Sure.NO, "it needs two outputs [1, K, r · W] and [1, K, r · H]")
    lengths = sorted(shape[2] or 0 for shape in shapes)
    split = next((r for r in SPLITS if lengths == sorted((r * card.width, r * card.height))), 0)
    if not split or not shapes[0][1]:
        return Match(Sure.NO, f"{lengths[0]} and {lengths[1]} are not bins of {card.width} x {card.height} pixels")
    bound = _bound(evidence, split)
    if sorted(bound.values()) != ["x", "y"]:
        first, second = (spec.name for spec in evidence.outputs)
        return Match(Sure.NO, f'which output is x cannot be told; say outputs={{"{first}": "x", "{second}": "y"}}')
    count = shapes[0][1] or 0
    fields = {**CONVENTIONS, "keypoints": count, "outputs": bound}
    basis = {**BASIS, "keypoints": "inferred: the outputs", "outputs": "inferred: the lengths or names of the outputs"}
    if count in LABELS:
        fields["labels"], basis["labels"] = (LABELS[count],), f"convention: {count} keypoints"
    sure = Sure.CERTAIN if all(name.lower().startswith("simcc") for name in bound) else Sure.LIKELY
    return Match(sure, f"{count} keypoints, {split} bins per pixel", fields, basis)


DECODERS = (Decoder("simcc", _matches, _decode, suppress=False),)
