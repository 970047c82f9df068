"""End-to-end heads, which need no suppression: finished rows.

[1, N, 6]: x1 y1 x2 y2 score class (YOLOv10, YOLO26, and exports with suppression inside).
[N, 7]: number in the batch, x1 y1 x2 y2, class, score (YOLOv7's end-to-end export).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.decoders import grids, ranges

__all__ = ["DECODERS"]


def _decode_six(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    rows = output[0]
    rows = rows[rows[:, 4] >= frame.conf]
    return Candidates(rows[:, :4].astype(np.float32), rows[:, 4].copy(), rows[:, 5].astype(np.int32))


def _decode_seven(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    rows = output.reshape(-1, 7)
    rows = rows[(rows[:, 0] == frame.index) & (rows[:, 6] >= frame.conf)]
    return Candidates(rows[:, 1:5].astype(np.float32), rows[:, 6].copy(), rows[:, 5].astype(np.int32))


def _conventions(boxes: Any) -> tuple[dict[str, Any], dict[str, str]]:
    conventions: dict[str, Any] = {"resize": "letterbox", "color": "rgb", "scale": 1 / 255, "fill": 114}
    basis = dict.fromkeys(conventions, "convention: YOLO's end-to-end exports are trained so")
    conventions["suppressed"], basis["suppressed"] = True, "inferred: an end-to-end head"
    if len(boxes):
        conventions["box_units"] = "unit" if ranges.unit(boxes) else "pixels"
        basis["box_units"] = f"inferred: boxes of a probe run reach {np.abs(boxes).max():.4g}"
    return conventions, basis


def _matches_six(evidence: Evidence) -> Match:
    card = evidence.card
    shape = evidence.outputs[0].shape if len(evidence.outputs) == 1 else ()
    if len(shape) != 3 or shape[2] != 6:
        return Match(Sure.NO, "it needs one output [1, N, 6]")
    if card.task != "detect":
        return Match(Sure.NO, f"it reads detect models, not {card.task}")
    rows = evidence.probe("textured")[evidence.outputs[0].name][0]
    if not len(rows):
        return Match(Sure.LIKELY, "one output [1, N, 6], empty on a probe run", *_conventions(rows))
    if not ranges.shares(rows[:, 4]):
        return Match(Sure.NO, "the fifth column of a probe run leaves 0..1, so it is no score")
    if not ranges.integers(rows[:, 5]):
        return Match(Sure.NO, "the sixth column of a probe run holds fractions, so it is no class")
    if card.labels and rows[:, 5].max() >= len(card.labels):
        return Match(Sure.NO, f"a probe run gives class {rows[:, 5].max():.0f} of {len(card.labels)} labels")
    if (rows[:, 2] < rows[:, 0] - 1).any() or (rows[:, 3] < rows[:, 1] - 1).any():
        return Match(Sure.NO, "columns 3 and 4 of a probe run are not the far corner of a box")
    conventions, basis = _conventions(rows[:, :4])
    count = shape[1]
    grid = count is not None and any(grids.ladder_of(count, card.height, card.width, each) for each in (1, 3))
    telling = bool((np.diff(rows[:, 4]) <= 0).all()) and bool(rows[:, 4].any())
    sure = Sure.POSSIBLE if grid else Sure.CERTAIN if telling else Sure.LIKELY
    return Match(sure, "rows of x1 y1 x2 y2, score, class" + (", best first" if telling else ""), conventions, basis)


def _matches_seven(evidence: Evidence) -> Match:
    shape = evidence.outputs[0].shape if len(evidence.outputs) == 1 else ()
    if len(shape) != 2 or shape[1] != 7:
        return Match(Sure.NO, "it needs one output [N, 7]")
    rows = evidence.probe("textured")[evidence.outputs[0].name]
    if not len(rows):
        return Match(Sure.LIKELY, "one output [N, 7], empty on a probe run", *_conventions(rows))
    if not ranges.integers(rows[:, :6:5]) or not ranges.shares(rows[:, 6]) or (np.diff(rows[:, 0]) < 0).any():
        return Match(Sure.NO, "its columns are not number in the batch, box, class, score")
    if rows[:, 0].any() and (evidence.image.shape[0] or 1) == 1:
        return Match(Sure.NO, "the first column of a probe run is not the number of its one picture")
    return Match(Sure.CERTAIN, "rows of number in the batch, x1 y1 x2 y2, class, score", *_conventions(rows[:, 1:5]))


DECODERS = (
    Decoder("end2end", _matches_six, _decode_six, suppress=False),
    Decoder("end2end-batched", _matches_seven, _decode_seven, suppress=False, batched=False),
)
