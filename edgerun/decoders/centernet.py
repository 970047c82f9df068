"""CenterNet: objects as peaks of a heatmap at stride 4; no suppression is needed.

heatmap [1, C, h, w], sizes [1, 2, h, w] in cells, offsets [1, 2, h, w]; a peak is no less than its eight neighbours.
Centre = 4 · (cell + offset). Source: Zhou et al., Objects as Points, arXiv 1904.07850.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import levels, value_checks
from edgerun.heads import scores as scoring
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

STRIDE = 4
BEST = 50
"""Cells of a probe run by which sizes are told from offsets."""

CONVENTIONS: dict[str, Any] = {
    "resize": "letterbox", "fill": 0, "color": "bgr", "scale": 1 / 255, "mean": (0.408, 0.447, 0.47),
    "std": (0.289, 0.274, 0.278),
}  # fmt: skip
BASIS = dict.fromkeys(CONVENTIONS, "convention: CenterNet is trained and tested so")


def _peaks(scores: AnyArray, least: float, lines: int, columns: int) -> tuple[AnyArray, AnyArray]:
    """Cells and classes whose score is at least so much and no less than around it; scores [N, C], row by row."""
    cells, classes = np.nonzero(scores >= least)
    grid = np.pad(scores.reshape(lines, columns, -1), ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    line, column, own = cells // columns, cells % columns, scores[cells, classes]
    good = np.ones(len(cells), bool)
    for down in range(3):
        for right in range(3):
            good &= ~(grid[line + down, column + right, classes] > own)
    return cells[good], classes[good]


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    lines, columns = -(-frame.height // STRIDE), -(-frame.width // STRIDE)
    by_role = {frame.card.outputs[name]: levels.rows(array, lines, columns) for name, array in outputs.items()}
    raw = "logits" in by_role
    heat = by_role["logits" if raw else "scores"]
    cells, classes = _peaks(heat, scoring.logit(frame.conf) if raw else frame.conf, lines, columns)
    places = np.stack((cells % columns, cells // columns), axis=1) + by_role["offsets"][cells]
    boxes = cxcywh_to_xyxy(np.concatenate((places, by_role["sizes"][cells]), axis=1) * np.float32(STRIDE))
    scores = heat[cells, classes]
    return Candidates(boxes, scoring.sigmoid(scores) if raw else scores, classes.astype(np.int32))


def _matches(evidence: Evidence) -> Match:
    card = evidence.card
    lines, columns = -(-card.height // STRIDE), -(-card.width // STRIDE)
    widths = {spec.name: levels.channels(spec.shape, lines, columns) for spec in evidence.outputs}
    pair = [name for name, width in widths.items() if width == 2]
    heat = [name for name, width in widths.items() if width != 2]
    if len(pair) != 2 or len(heat) != 1 or widths[heat[0]] is None:
        return Match(Sure.NO, "it needs outputs of C, 2 and 2 channels at stride 4")
    if card.labels and widths[heat[0]] != len(card.labels):
        return Match(Sure.NO, f"{widths[heat[0]]} channels of the heatmap are not {len(card.labels)} labels")
    values = {name: levels.rows(array, lines, columns) for name, array in evidence.probe("textured").items()}
    best = np.argsort(-values[heat[0]].max(axis=1))[:BEST]
    offsets = [name for name in pair if values[name][best].min() > -0.5 and values[name][best].max() < 1.5]
    if len(offsets) != 1:
        return Match(Sure.NO, "which output holds sizes and which offsets cannot be told")
    roles = dict.fromkeys(pair, "sizes") | {
        offsets[0]: "offsets",
        heat[0]: "scores" if value_checks.shares(values[heat[0]]) else "logits",
    }
    conventions = {**CONVENTIONS, "outputs": roles}
    basis = {**BASIS, "outputs": "inferred: shapes, and values of a probe run"}
    why = f"a heatmap of {widths[heat[0]]} classes, sizes and offsets at stride 4"
    return Match(Sure.CERTAIN, why, conventions, basis)


DECODERS = (Decoder("centernet", _matches, _decode, suppress=False),)
