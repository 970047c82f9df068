"""YOLOv8, v9, v11 and their like cut before the decoding, as compilers for accelerators like them.

Per stride distances [1, 64, h, w], 16 bins a side, and scores [1, C, h, w], from the middle of the cell; or both in
one [1, 64 + C, h, w]. Source: the layout is documented by its exporter; Li et al., Generalized Focal Loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import dfl, grids, levels, value_checks
from edgerun.heads import scores as scoring

__all__ = ["DECODERS"]

BINS = 16
SIDES = 4 * BINS
STRIDES = (8, 16, 32)

CONVENTIONS: dict[str, Any] = {"resize": "letterbox", "fill": 114, "color": "rgb", "scale": 1 / 255}
BASIS = dict.fromkeys(CONVENTIONS, "convention: YOLOv8 and its like are trained so")


def _decode_split(outputs: Arrays, frame: Frame) -> Candidates:
    return dfl.decode_levels(outputs, frame, 0.5)


def _matches_split(evidence: Evidence) -> Match:
    roles, strides, seen = dfl.roles(evidence, (BINS,))
    if not roles or strides != STRIDES:
        return Match(Sure.NO, seen if not roles else f"strides {strides} are not 8, 16, 32")
    basis = {**BASIS, "outputs": "inferred: shapes, and values of a probe run"}
    return Match(Sure.LIKELY, seen, {**CONVENTIONS, "outputs": roles}, basis)


def _decode_joined(outputs: Arrays, frame: Frame) -> Candidates:
    found: list[Candidates] = []
    for stride, (level,) in levels.bind(levels.arrays(outputs), frame.height, frame.width).items():
        rows = levels.rows(outputs[level.name], -(-frame.height // stride), -(-frame.width // stride))
        raw = frame.card.outputs[level.name] == "distances, logits"
        kept, scores, classes = scoring.best(rows[:, SIDES:], frame.conf, logits=raw)
        points = grids.centres(frame.height, frame.width, (stride,))[kept]
        sides = np.ascontiguousarray(rows[kept, :SIDES])
        found.append(Candidates(dfl.boxes(sides, points, np.full(len(kept), stride, np.float32)), scores, classes))
    return Candidates.joined(found)


def _matches_joined(evidence: Evidence) -> Match:
    card = evidence.card
    bound = levels.bind(levels.specs(evidence.outputs), card.height, card.width)
    widths = {each.channels for group in bound.values() for each in group}
    if tuple(bound) != STRIDES or any(len(group) != 1 for group in bound.values()) or len(widths) != 1:
        return Match(Sure.NO, "it needs one output for each of the strides 8, 16, 32")
    (channels,) = widths
    classes = channels - SIDES
    if classes < 1 or (card.labels and classes != len(card.labels)):
        return Match(Sure.NO, f"{channels} channels are not 64 + {len(card.labels) or 'some'} labels")
    values = evidence.probe("textured")
    tables = [
        levels.rows(values[group[0].name], -(-card.height // stride), -(-card.width // stride))
        for stride, group in bound.items()
    ]
    done = all(value_checks.shares(table[:, SIDES:]) for table in tables)
    if not all(dfl.plausible(np.ascontiguousarray(table[:, :SIDES])) for table in tables):
        return Match(Sure.NO, f"the first {SIDES} channels of a probe run are no distributions of four sides")
    role = "distances, scores" if done else "distances, logits"
    conventions = {**CONVENTIONS, "outputs": {group[0].name: role for group in bound.values()}}
    basis = {**BASIS, "outputs": "inferred: shapes, and values of a probe run"}
    # three anchors per cell can make the same number of channels
    sure = Sure.POSSIBLE if channels % 3 == 0 else Sure.LIKELY
    return Match(sure, f"{channels} channels are 4 x {BINS} bins and {classes} classes", conventions, basis)


DECODERS = (
    Decoder("yolov8-split", _matches_split, _decode_split),
    Decoder("yolov8-raw", _matches_joined, _decode_joined),
)
