"""YOLOv8, v9, v11 and their like cut before the decoding, as compilers for accelerators like them.

Per stride distances [1, 64, h, w], 16 bins a side, and scores [1, C, h, w], from the middle of the cell; or both in
one [1, 64 + C, h, w]. Source: the layout is documented by its exporter; Li et al., Generalized Focal Loss.
"""

from __future__ import annotations

import numpy as np

from edgerun.contract import Convention, Sure
from edgerun.heads import dfl
from edgerun.heads.raw_tails import like_classes
from edgerun.heads.readings import Observed, Reading, decoder
from edgerun.heads.side_distances import SideDistances, in_bins
from edgerun.heads.stride_outputs import Output, StrideOutputs

__all__ = ["DECODERS"]

BINS = 16
DISTANCES, SCORES = dfl.output(BINS), Output("scores")

SPLIT = StrideOutputs((8, 16, 32), (DISTANCES, SCORES), fits=dfl.only_scores_in_0_to_1)
JOINED = StrideOutputs((8, 16, 32), (DISTANCES, SCORES), in_one=True)
FORMULA = SideDistances(0.5, in_bins)

CONVENTIONS = (
    Convention("YOLOv8 and its like are trained so", resize="letterbox", fill=114, color="rgb", scale=1 / 255),
)  # fmt: skip


def _not_classes(observed: Observed) -> str:
    """Columns that are high all over are points or an angle, unless somebody names this decoder for them."""
    evidence = observed.evidence
    logits = [] if evidence.known("decoder") else observed.tables("logits")
    if evidence.known("task") and evidence.card.task != "detect":
        return f"it reads detect models, not {evidence.card.task}"
    if logits and not like_classes(np.concatenate(logits)).all():
        return "what should be scores of a probe run is high nearly everywhere: points or an angle may be among them"
    return ""


def _not_distributions(observed: Observed) -> str:
    if reason := _not_classes(observed):
        return reason
    if all(dfl.plausible(np.ascontiguousarray(table)) for table in observed.tables("distances")):
        return ""
    return f"the first {4 * BINS} channels of a probe run are not distributions of four sides"


def _sure(observed: Observed) -> Sure:
    """Three anchors per cell can make the same number of channels."""
    return Sure.POSSIBLE if (4 * BINS + observed.classes) % 3 == 0 else Sure.LIKELY


DECODERS = (
    decoder("yolov8-split", Reading(SPLIT, FORMULA, CONVENTIONS, objection=_not_classes)),
    decoder("yolov8-raw", Reading(JOINED, FORMULA, CONVENTIONS, objection=_not_distributions, sure=_sure)),
)
