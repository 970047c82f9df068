"""EfficientDet before its suppression: offsets from anchors of three sizes and three shapes at five strides.

scores [1, N, C], offsets [1, N, 4] of y x h w; N = 9 · the cells of strides 8 … 128.
cy = ay + y · ah, h = ah · exp(h). The smallest anchor is 4 cells wide, 3 in the Lite models. PyTorch's ports have
kept the first anchors of its authors, 1.4 by 0.7, which these have since rounded to √2 by √½.
Source: Tan et al., EfficientDet, arXiv 1911.09070; `anchors.py` and `hparams_config.py` of its code
(github.com/google/automl, Apache-2.0) and `model_config.py` of github.com/rwightman/efficientdet-pytorch (Apache-2.0).
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import boxes_and_scores, image_inputs, prior_boxes
from edgerun.heads import scores as scoring
from edgerun.tensors import FloatArray

__all__ = ["DECODERS", "STRIDES", "anchors"]

STRIDES = (8, 16, 32, 64, 128)
OCTAVES = 3
ROOTS = ((1.0, 1.0), (2**0.5, 0.5**0.5), (0.5**0.5, 2**0.5))
FIRST = ((1.0, 1.0), (1.4, 0.7), (0.7, 1.4))
"""Width and height over the side."""

FAMILIES = {"efficientdet": (4.0, FIRST), "efficientdet-automl": (4.0, ROOTS), "efficientdet-lite": (3.0, ROOTS)}
"""Side of the smallest square in cells, and the shapes."""

LITE_SIZES = (320, 384, 448)
"""Sides of inputs that only Lite models have; 512 and 640 occur in both lines."""

COCO_CLASSES = 90


@lru_cache(maxsize=4)
def anchors(height: int, width: int, family: str) -> FloatArray:
    """Prior boxes cx cy w h in 0..1, float32 [N, 4], not writeable."""
    found = []
    scale, shapes = FAMILIES[family]
    for stride in STRIDES:
        lines, columns = -(-height // stride), -(-width // stride)
        sides = [scale * stride * 2 ** (octave / OCTAVES) for octave in range(OCTAVES)]
        sizes = [(side * wide / width, side * high / height) for side in sides for wide, high in shapes]
        found.append(prior_boxes.laid(lines, columns, np.array(sizes), (stride / height, stride / width)))
    result = np.concatenate(found)
    result.setflags(write=False)
    return result


def _decode(outputs: Arrays, frame: Frame, *, family: str) -> Candidates:
    by_role = {frame.card.outputs[name]: array[0] for name, array in outputs.items()}
    raw = boxes_and_scores.LOGITS in by_role
    kept, scores, classes = scoring.best(
        by_role[boxes_and_scores.LOGITS if raw else boxes_and_scores.SCORES], frame.conf, logits=raw
    )
    offsets = by_role[boxes_and_scores.BOXES][kept][:, [1, 0, 3, 2]]
    boxes = prior_boxes.decode(offsets, anchors(frame.height, frame.width, family)[kept], (1, 1))
    return Candidates(boxes, scores, classes)


def _matches(evidence: Evidence, *, family: str) -> Match:
    card, lite, turned = evidence.card, family.endswith("lite"), image_inputs.channels_last(evidence)
    bound, why_not = boxes_and_scores.bound(evidence, boxes_and_scores.SCORES, boxes_and_scores.LOGITS)
    if not bound:
        return Match(Sure.NO, why_not)
    count, classes = boxes_and_scores.counts(evidence, bound)
    if len(anchors(card.height, card.width, family)) != count:
        return Match(Sure.NO, f"{count} rows are not nine anchors per cell of strides 8 to 128")
    if card.labels and len(card.labels) != classes:
        return Match(Sure.NO, f"{classes} columns of scores are not {len(card.labels)} labels")
    if not lite and turned != family.endswith("automl"):
        return Match(Sure.NO, f"its exports put channels {'first' if turned else 'last'}")
    conventions: dict[str, Any] = {"outputs": bound, "box_units": "unit", "iou": 0.5}
    if lite:
        fields, basis = image_inputs.tensorflow(evidence)
        conventions |= {**fields, "resize": "stretch"}
        speaks = turned and card.height in LITE_SIZES
    else:
        # the border is nought after normalising, so it has the colour of the mean
        conventions |= {**image_inputs.IMAGENET, "resize": "letterbox-topleft", "fill": (124, 116, 104)}
        basis = {}
        speaks = not turned and card.height not in LITE_SIZES and classes == COCO_CLASSES
    basis = dict.fromkeys(conventions, f"convention: EfficientDet{'-Lite' if lite else ''} is trained so") | basis
    basis["outputs"] = "inferred: shapes, and values of a probe run"
    why = (
        f"{classes} classes, {count} rows are nine anchors per cell of strides 8 to 128, {3 if lite else 4} cells wide"
    )
    return Match(Sure.LIKELY if speaks else Sure.POSSIBLE, why, conventions, basis)


DECODERS = tuple(
    Decoder(family, partial(_matches, family=family), partial(_decode, family=family)) for family in FAMILIES
)
