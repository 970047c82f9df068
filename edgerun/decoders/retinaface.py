"""RetinaFace: faces with five landmarks, counted from squares of fixed sizes.

loc [1, N, 4], conf [1, N, 2] (background, face), landms [1, N, 10]; N is the number of squares. Variances 0.1 and 0.2.
Source: Deng et al., RetinaFace, arXiv 1905.00641; github.com/biubug6/Pytorch_Retinaface (MIT), `utils/box_utils.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import prior_boxes, scores, value_checks
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

VARIANCES = (0.1, 0.2)

CONVENTIONS: dict[str, Any] = {
    "resize": "letterbox-topleft", "fill": (104, 117, 123), "color": "bgr", "scale": 1.0, "mean": (104.0, 117.0, 123.0),
    "box_units": "unit", "iou": 0.4, "keypoints": 5, "keypoint_dims": 2, "labels": ("face",),
}  # fmt: skip
BASIS = dict.fromkeys(CONVENTIONS, "convention: RetinaFace is trained and tested so")


def _squares(count: int, height: int, width: int) -> AnyArray | None:
    """The ladder of squares that has this count: RetinaFace's, or that of its slim kin."""
    for ladder in (prior_boxes.RETINAFACE, prior_boxes.ULTRAFACE):
        boxes = prior_boxes.squares(height, width, ladder)
        if len(boxes) == count:
            return boxes
    return None


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    by_role = {frame.card.outputs[name]: array[0] for name, array in outputs.items()}
    boxes = _squares(len(by_role["boxes"]), frame.height, frame.width)
    assert boxes is not None  # `_matches` has counted
    if "logits" in by_role:
        shares = scores.sigmoid(by_role["logits"][:, 1] - by_role["logits"][:, 0])  # a softmax of two
    else:
        shares = by_role["scores"][:, 1].astype(np.float32)
    kept = np.flatnonzero(shares >= frame.conf)
    rows = prior_boxes.decode(by_role["boxes"][kept], boxes[kept], VARIANCES)
    points = prior_boxes.decode_points(by_role["landmarks"][kept], boxes[kept], VARIANCES[0])
    return Candidates(rows, shares[kept], np.zeros(len(kept), np.int32), points)


def _matches(evidence: Evidence) -> Match:
    shapes = {spec.name: spec.shape for spec in evidence.outputs}
    if sorted(shape[-1] or 0 for shape in shapes.values() if len(shape) == 3) != [2, 4, 10] or len(shapes) != 3:
        return Match(Sure.NO, "it needs outputs [1, N, 4], [1, N, 2] and [1, N, 10]")
    counts = {shape[1] for shape in shapes.values()}
    count = counts.pop() or 0
    if counts or _squares(count, evidence.card.height, evidence.card.width) is None:
        return Match(
            Sure.NO, f"{count} rows are not the squares of a {evidence.card.width} x {evidence.card.height} input"
        )
    name = next(name for name, shape in shapes.items() if shape[2] == 2)
    done = value_checks.sum_to_one(evidence.probe("textured")[name][0])
    roles = {2: "scores" if done else "logits", 4: "boxes", 10: "landmarks"}
    conventions = {**CONVENTIONS, "outputs": {name: roles[shape[2] or 0] for name, shape in shapes.items()}}
    basis = {**BASIS, "outputs": "inferred: shapes, and values of a probe run"}
    return Match(Sure.CERTAIN, f"two scores, a box and five landmarks for each of {count} squares", conventions, basis)


DECODERS = (Decoder("retinaface", _matches, _decode),)
