"""CenterNet: objects as peaks of a heatmap at stride 4; no suppression is needed.

heatmap [1, C, h, w], sizes [1, 2, h, w] in cells, offsets [1, 2, h, w]; a peak is no less than its eight neighbours.
Centre = 4 · (cell + offset). Source: Zhou et al., Objects as Points, arXiv 1904.07850.
"""

from __future__ import annotations

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Candidates, Convention
from edgerun.heads import scores
from edgerun.heads.bound_outputs import Cells, Tables
from edgerun.heads.peaks import peaks
from edgerun.heads.readings import Reading, certain, decoder
from edgerun.heads.stride_outputs import Output, StrideOutputs
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

BEST = 50
"""Cells of a trial run by which sizes are told from offsets."""

CONVENTIONS = Convention(
    "CenterNet is trained and tested so", resize="letterbox", fill=0, color="bgr", scale=1 / 255,
    mean=(0.408, 0.447, 0.47), std=(0.289, 0.274, 0.278),
)  # fmt: skip


def _objects(tables: Tables, cells: Cells, conf: float) -> Candidates:
    logits = "logits" in tables
    heat, least = (tables["logits"], scores.least_logit(conf)) if logits else (tables["scores"], conf)
    rows, classes = peaks(heat, least, cells.lines, cells.columns)
    stride = cells.sizes(rows)
    centres = cells.points(rows, 0.0) + tables["offsets"][rows] * stride
    boxes = cxcywh_to_xyxy(np.concatenate((centres, tables["sizes"][rows] * stride), axis=1))
    best = heat[rows, classes]
    found = Candidates(boxes, scores.sigmoid(best) if logits else best, classes.astype(np.int32))
    return found.take(found.scores >= conf)


def _are_fractions(rows: AnyArray) -> bool:
    """Whether numbers are fractions of a cell, or nearly."""
    return bool(rows.min() > -0.5 and rows.max() < 1.5)


def _are_offsets(tables: Tables) -> bool:
    """Whether offsets and not sizes are fractions of a cell, where objects are likeliest."""
    heat = tables["scores"]
    best = np.argsort(-heat.max(axis=1))[:BEST]
    told = _are_fractions(tables["offsets"][best]) and not _are_fractions(tables["sizes"][best])
    return told and heat.shape[1] != 2  # a heatmap of two classes has the shape of the others


OUTPUTS = StrideOutputs((4,), (Output("scores"), Output("sizes", (2,)), Output("offsets", (2,))), fits=_are_offsets)

DECODERS = (decoder("centernet", Reading(OUTPUTS, _objects, (CONVENTIONS,), sure=certain), suppress=False),)
