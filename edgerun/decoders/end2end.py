"""End-to-end heads, which need no suppression: finished rows.

[1, N, 6]: x1 y1 x2 y2 score class (YOLOv10, YOLO26, and exports with suppression inside).
[N, 7]: number in the batch, x1 y1 x2 y2, class, score (YOLOv7's end-to-end export).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.decoders import cell_bests
from edgerun.errors import DecoderUnknown
from edgerun.heads import finished_rows, grids, value_checks

__all__ = ["DECODERS"]


ROWS = "rows"
"""The role of finished rows that come with other outputs."""


def _decode_six(outputs: Arrays, frame: Frame) -> Candidates:
    named = [name for name, role in frame.card.outputs.items() if role == ROWS]
    rows = finished_rows.filled(outputs[named[0] if named else next(iter(outputs))][0])
    finished_rows.demand(rows[:, :4], rows[:, 4], rows[:, 5], frame.card)
    rows = rows[rows[:, 4] >= frame.conf]
    return Candidates(rows[:, :4].astype(np.float32), rows[:, 4].copy(), rows[:, 5].astype(np.int32))


def _decode_seven(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    rows = finished_rows.filled(output.reshape(-1, 7))
    if not value_checks.integers(rows[:, 0]) and len(rows):
        raise DecoderUnknown(
            "The first column of the rows is no number in the batch, as end2end-batched reads it.",
            hint="this decoder does not read the model",
        )
    finished_rows.demand(rows[:, 1:5], rows[:, 6], rows[:, 5], frame.card)
    rows = rows[(rows[:, 0] == frame.index) & (rows[:, 6] >= frame.conf)]
    return Candidates(rows[:, 1:5].astype(np.float32), rows[:, 6].copy(), rows[:, 5].astype(np.int32))


def _conventions(boxes: Any, evidence: Evidence) -> tuple[dict[str, Any], dict[str, str]]:
    conventions: dict[str, Any] = {"resize": "letterbox", "color": "rgb", "scale": 1 / 255, "fill": 114}
    basis = dict.fromkeys(conventions, "convention: YOLO's end-to-end exports are trained so")
    conventions["suppressed"], basis["suppressed"] = True, "inferred: an end-to-end head"
    fields, reasons = finished_rows.units(boxes, evidence)
    return conventions | fields, basis | reasons


def _labelled(classes: Any, evidence: Evidence) -> str:
    """Why a probe run's classes are not those of the labels; "" where they may be."""
    count = len(evidence.card.labels)
    if count and len(classes) and classes.max() >= count:
        return f"a probe run gives class {classes.max():.0f} of {count} labels"
    return ""


def _matches_six(evidence: Evidence) -> Match:
    card = evidence.card
    outputs = list(evidence.outputs)
    if len(outputs) > 1 and card.suppressed:  # LibreYOLO's give the raw rows too
        outputs = [spec for spec in outputs if len(spec.shape) == 3 and spec.shape[2] == 6]
    name, shape = (outputs[0].name, outputs[0].shape) if len(outputs) == 1 else ("", ())
    if len(shape) != 3 or shape[2] != 6:
        return Match(Sure.NO, "it needs one output [1, N, 6]")
    if lost := value_checks.coarse(evidence.outputs[0]):
        return Match(Sure.NO, lost)
    if card.task != "detect":
        return Match(Sure.NO, f"it reads detect models, not {card.task}")
    match = _six(finished_rows.filled(evidence.probe("textured")[name][0]), shape[1], evidence)
    beside = {"outputs": {name: ROWS}} if len(evidence.outputs) > 1 else {}
    return replace(match, conventions={**match.conventions, **beside})


def _six(rows: Any, count: int | None, evidence: Evidence) -> Match:
    card = evidence.card
    grid = count is not None and any(grids.ladder_of(count, card.height, card.width, each) for each in (1, 3))
    seen = "rows of x1 y1 x2 y2, score, class"
    if not len(rows):
        sure = Sure.POSSIBLE if grid else Sure.LIKELY
        return Match(sure, f"{seen} by their number alone: a probe run finds nothing", *_conventions(rows, evidence))
    if wrong := finished_rows.misfit(rows[:, :4], rows[:, 4], rows[:, 5]) or _labelled(rows[:, 5], evidence):
        return Match(Sure.NO, wrong)
    if cell_bests.unsuppressed(rows[:, 4], count or 0, card.height, card.width)[0]:
        return Match(Sure.NO, f"{count} rows in no order of score, one for each anchor of a grid, are not finished")
    telling = bool((np.diff(rows[:, 4]) <= 0).all()) and bool(rows[:, 4].any())
    sure = Sure.POSSIBLE if grid else Sure.CERTAIN if telling else Sure.LIKELY
    return Match(sure, seen + ", best first" * telling, *_conventions(rows[:, :4], evidence))


def _matches_seven(evidence: Evidence) -> Match:
    shape = evidence.outputs[0].shape if len(evidence.outputs) == 1 else ()
    if len(shape) != 2 or shape[1] != 7:
        return Match(Sure.NO, "it needs one output [N, 7]")
    if lost := value_checks.coarse(evidence.outputs[0]):
        return Match(Sure.NO, lost)
    rows = finished_rows.filled(evidence.probe("textured")[evidence.outputs[0].name])
    if (evidence.image.shape[0] or 1) > 1 and value_checks.integers(rows[:, 0]):
        rows = rows[rows[:, 0] == 0]  # the first of the pictures that go together
    if not len(rows):
        return Match(Sure.LIKELY, "one output [N, 7], empty on a probe run", *_conventions(rows, evidence))
    wrong = finished_rows.misfit(rows[:, 1:5], rows[:, 6], rows[:, 5]) or _labelled(rows[:, 5], evidence)
    numbers = rows[:, 0]
    if wrong or not value_checks.integers(numbers) or (np.diff(numbers) < 0).any():
        return Match(Sure.NO, wrong or "its first column is no number in the batch")
    if numbers.any() and (evidence.image.shape[0] or 1) == 1:
        return Match(Sure.NO, "the first column of a probe run is not the number of its one picture")
    why = "rows of number in the batch, x1 y1 x2 y2, class, score"
    return Match(Sure.CERTAIN, why, *_conventions(rows[:, 1:5], evidence))


DECODERS = (
    Decoder("end2end", _matches_six, _decode_six, suppress=False),
    Decoder("end2end-batched", _matches_seven, _decode_seven, suppress=False, batched=False),
)
