"""SSD whose boxes are decoded in the graph but not suppressed: UltraFace, and the small SSDs of the same toolbox.

scores [1, N, 1 + C] after the softmax, background first; boxes [1, N, 4], x1 y1 x2 y2 in 0..1 of the input.
Source: `heads/ultraface.py`, and github.com/qfgaohao/pytorch-ssd (MIT), `vision/ssd/config/mobilenetv1_ssd_config.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from edgerun.contract import Candidates, Convention, Inference
from edgerun.heads import boxes_and_scores, scores, ultraface, value_checks
from edgerun.heads.bound_outputs import Cells, Tables
from edgerun.heads.boxes_and_scores import SCORES, BoxesAndScores
from edgerun.heads.prior_boxes import PriorOffsets
from edgerun.heads.readings import Observed, Reading, certain, decoder

__all__ = ["DECODERS"]

CONVENTIONS = (
    Convention(
        "UltraFace and the SSDs of its toolbox are trained so", resize="stretch", color="rgb", scale=1.0, mean=127.0,
        std=128.0,
    ),
    Convention("the SSDs of UltraFace's toolbox are tested so", iou=0.45),
)  # fmt: skip


def _finished_boxes(tables: Tables, _: Cells, conf: float) -> Candidates:
    rows, best, classes = scores.best_behind_background(tables, conf)
    return Candidates(tables["boxes"][rows].astype(np.float32), best, classes)


def _units(observed: Observed) -> Iterable[Convention]:
    boxes = observed.tables("boxes")[0]
    units = "unit" if value_checks.unit(boxes) else "pixels"
    yield Inference(f"boxes of a probe run reach {np.abs(boxes).max():.4g}", box_units=units)


def _of_ultraface(observed: Observed) -> Iterable[Convention]:
    yield from _units(observed)
    yield Convention(f"{len(observed.tables('boxes')[0])} rows are UltraFace's", **ultraface.FACES)


def _not_boxes(observed: Observed) -> str:
    if not value_checks.sum_to_one(observed.tables("scores")[0]):
        return "the scores of a probe run do not add up to 1, as after a softmax with a background"
    if not boxes_and_scores.background_first(observed.evidence, observed.bound.roles):
        return "the first column of scores is not the answer of most rows, as a background is"
    boxes = observed.tables("boxes")[0]
    if not np.isfinite(boxes).all() or (boxes[:, 2:] < boxes[:, :2]).mean() > 0.01:
        return "the boxes of a probe run are not x1 y1 x2 y2"
    if not boxes.any():
        return "the boxes of a probe run are all 0, which tells neither their order nor their units"
    return ""


def _not_faces(observed: Observed) -> str:
    return _not_boxes(observed) if observed.classes == 1 else "it has more classes than faces"


FACES = BoxesAndScores(PriorOffsets(ultraface.PRIORS).count, background=1, roles=(SCORES,))
ANYTHING = BoxesAndScores(background=1, roles=(SCORES,))

DECODERS = (
    decoder(
        "ssd-decoded",
        Reading(FACES, _finished_boxes, CONVENTIONS, _of_ultraface, _not_faces, certain),
        Reading(ANYTHING, _finished_boxes, CONVENTIONS, _units, _not_boxes),
    ),
)
