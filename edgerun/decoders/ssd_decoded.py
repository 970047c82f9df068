"""SSD whose boxes are decoded in the graph but not suppressed: UltraFace, and the small SSDs of the same toolbox.

scores [1, N, 1 + C] after the softmax, background first; boxes [1, N, 4], x1 y1 x2 y2 in 0..1 of the input.
Source: github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB (MIT) and github.com/qfgaohao/pytorch-ssd (MIT).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import boxes_and_scores, prior_boxes, value_checks
from edgerun.heads import scores as scoring

__all__ = ["DECODERS"]

CONVENTIONS: dict[str, Any] = {"resize": "stretch", "color": "rgb", "scale": 1.0, "mean": 127.0, "std": 128.0}
BASIS = dict.fromkeys(CONVENTIONS, "convention: UltraFace and the SSDs of its toolbox are trained so")


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    by_role = {frame.card.outputs[name]: array[0] for name, array in outputs.items()}
    kept, scores, classes = scoring.best(by_role["scores"][:, 1:], frame.conf)
    return Candidates(by_role["boxes"][kept].astype(np.float32), scores, classes)


def _matches(evidence: Evidence) -> Match:
    card = evidence.card
    values = evidence.probe("textured")
    bound, why_not = boxes_and_scores.bound(evidence, boxes_and_scores.SCORES)
    if not bound:
        return Match(Sure.NO, why_not)
    by_role = {role: values[name][0] for name, role in bound.items()}
    boxes, scores = by_role["boxes"], by_role["scores"]
    if scores.shape[1] < 2 or not value_checks.sum_to_one(scores):
        return Match(Sure.NO, "the scores of a probe run do not add up to 1, as after a softmax with a background")
    if card.labels and len(card.labels) != scores.shape[1] - 1:
        return Match(Sure.NO, f"{scores.shape[1]} columns of scores are not a background and {len(card.labels)} labels")
    if not boxes_and_scores.background_first(evidence, bound):
        return Match(Sure.NO, "the first column of scores is not the answer of most rows, as a background is")
    if not np.isfinite(boxes).all() or (boxes[:, 2:] < boxes[:, :2]).mean() > 0.01:
        return Match(Sure.NO, "the boxes of a probe run are not x1 y1 x2 y2")
    conventions = {**CONVENTIONS, "outputs": bound, "box_units": "unit" if value_checks.unit(boxes) else "pixels"}
    basis = {**BASIS, "outputs": "inferred: shapes, and values of a probe run"}
    basis["box_units"] = f"inferred: boxes of a probe run reach {np.abs(boxes).max():.4g}"
    why = f"corners of boxes, and shares of a background and {scores.shape[1] - 1} classes"
    if scores.shape[1] == 2 and len(boxes) == len(prior_boxes.squares(card.height, card.width, prior_boxes.ULTRAFACE)):
        conventions |= {"labels": ("face",), "iou": 0.5}
        basis |= dict.fromkeys(("labels", "iou"), f"convention: {len(boxes)} rows are UltraFace's")
        return Match(Sure.CERTAIN, f"{why}; {len(boxes)} rows are UltraFace's", conventions, basis)
    return Match(Sure.LIKELY, why, conventions, basis)


DECODERS = (Decoder("ssd-decoded", _matches, _decode),)
