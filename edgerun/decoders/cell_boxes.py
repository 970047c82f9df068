"""Corners of boxes and scores of classes, a pair for each cell: YOLO-NAS, DAMO-YOLO, PP-YOLOE, PicoDet, RTMDet.

boxes [1, N, 4], x1 y1 x2 y2 in pixels of the input; scores [1, N, C] after the sigmoid, or [1, C, N].
These families answer alike and are fed differently, so that where nobody says how, the choice is refused.
Source of what each is fed: github.com/Deci-AI/super-gradients (Apache-2.0), `processing.py`; github.com/tinyvision/
DAMO-YOLO (Apache-2.0), `augmentations.py`; github.com/PaddlePaddle/PaddleDetection (Apache-2.0), `configs/ppyoloe`;
github.com/open-mmlab/mmyolo's configs of RTMDet (facts alone).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import box_formats, boxes_and_scores, grids, image_inputs, value_checks
from edgerun.heads import scores as scoring

__all__ = ["DECODERS", "FAMILIES"]

FAMILIES: dict[str, dict[str, Any]] = {
    "yolo-nas": {"resize": "letterbox", "fill": 114, "color": "rgb", "scale": 1 / 255, "iou": 0.7},
    "damo-yolo": {"resize": "stretch", "color": "rgb", "scale": 1.0, "iou": 0.7},
    "ppyoloe": {**image_inputs.IMAGENET, "resize": "stretch", "iou": 0.7},
    "ppyoloe-plus": {"resize": "stretch", "color": "rgb", "scale": 1 / 255, "iou": 0.7},
    "rtmdet": {
        "resize": "letterbox-topleft", "fill": 114, "color": "bgr", "scale": 1.0, "mean": (103.53, 116.28, 123.675),
        "std": (57.375, 57.12, 58.395), "iou": 0.65,
    },
}  # fmt: skip
"""Decoder -> what the family is fed."""

PADDLE = ("ppyoloe", "ppyoloe-plus")
"""Families whose exporter puts classes before cells, and adds an input `scale_factor`."""


USUAL = (8, 16, 32)
"""Strides of all of them; PicoDet, which is fed as PP-YOLOE is, has 64 too."""


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    by_role = {frame.card.outputs[name]: array[0] for name, array in outputs.items()}
    scores = (
        by_role[boxes_and_scores.TURNED].T if boxes_and_scores.TURNED in by_role else by_role[boxes_and_scores.SCORES]
    )
    kept, best, classes = scoring.best(scores, frame.conf)
    return Candidates(by_role[boxes_and_scores.BOXES][kept].astype(np.float32), best, classes)


def _matches(evidence: Evidence, *, family: str) -> Match:
    card = evidence.card
    bound, why_not = boxes_and_scores.bound(evidence, boxes_and_scores.SCORES, boxes_and_scores.TURNED)
    if not bound:
        return Match(Sure.NO, why_not)
    shapes = {bound[spec.name]: spec.shape for spec in evidence.outputs}
    count = shapes[boxes_and_scores.BOXES][1] or 0
    strides = grids.ladder_of(count, card.height, card.width)
    if strides is None:
        return Match(Sure.NO, f"{count} rows are not one per cell of a {card.width} x {card.height} input")
    turned = boxes_and_scores.TURNED in shapes
    classes = (shapes[boxes_and_scores.TURNED][1] if turned else shapes[boxes_and_scores.SCORES][2]) or 0
    if card.labels and len(card.labels) != classes:
        return Match(Sure.NO, f"{classes} classes are not {len(card.labels)} labels")
    values = evidence.probe("textured")
    boxes = next(values[name][0] for name, role in bound.items() if role == boxes_and_scores.BOXES)
    if not value_checks.spans(boxes, card.height, card.width) or (boxes[:, 2:] < boxes[:, :2] - 1).mean() > 0.01:
        return Match(Sure.NO, "the boxes of a probe run are not x1 y1 x2 y2 in pixels, all over the input")
    if wrong := box_formats.misread(boxes, "x1 y1 x2 y2", card.height, card.width, strides):
        return Match(Sure.NO, wrong)
    scores = next(values[name][0] for name, role in bound.items() if role != boxes_and_scores.BOXES)
    if classes > 1 and value_checks.sum_to_one(scores.T if turned else scores):
        return Match(Sure.NO, "the scores of a probe run add up to 1, as after a softmax with a background")
    conventions = {**FAMILIES[family], "outputs": bound}
    basis = dict.fromkeys(conventions, f"convention: {family} is trained and tested so")
    basis["outputs"] = "inferred: shapes, and values of a probe run"
    paddle = turned or any(spec.name == "scale_factor" for spec in evidence.inputs)
    if paddle != (family in PADDLE) and not (family == "ppyoloe" and not paddle):
        return Match(Sure.NO, f"{'Paddle' if paddle else 'no Paddle'} has exported this")
    if strides != USUAL and family != "ppyoloe":
        return Match(Sure.NO, f"it has the strides 8, 16, 32, not {', '.join(map(str, strides))}")
    why = f"{count} boxes in pixels and scores of {classes} classes, one per cell, fed as {family} is"
    return Match(Sure.POSSIBLE, why, conventions, basis)


DECODERS = tuple(Decoder(family, partial(_matches, family=family), _decode) for family in FAMILIES)
