"""NanoDet: class scores and, for each side of the box, a distribution over its distance in cells.

Per stride cls [1, N, C] and dis [1, N, 4 · bins] (the first NanoDet), or all strides in one [1, N, C + 4 · bins].
Side = stride · Σ i · softmax(dis)_i, from the centre of the cell; NanoDet-Plus, known by its stride 64, counts from the
cell's corner. Source: github.com/RangiLyu/nanodet (Apache-2.0), `gfl_head.py` and `nanodet_plus_head.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.graphs import output_kinds
from edgerun.heads import dfl, grids, value_checks
from edgerun.heads import scores as scoring
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

BINS = (8, 11)
"""`reg_max` 7 or 10, and the 0."""

LADDERS = {(8, 16, 32): 0.5, (8, 16, 32, 64): 0.0}
"""Strides -> where in its cell the point lies: the first NanoDet, NanoDet-Plus."""

CONVENTIONS: dict[str, Any] = {
    "resize": "stretch",
    "color": "bgr",
    "scale": 1.0,
    "mean": (103.53, 116.28, 123.675),
    "std": (57.375, 57.12, 58.395),
    "iou": 0.6,
}
BASIS = dict.fromkeys(CONVENTIONS, "convention: NanoDet is trained so") | {"iou": "convention: NanoDet is tested so"}


def _fed(evidence: Evidence) -> tuple[dict[str, Any], dict[str, str]]:
    """(fields, basis): the backbone tells, where the graph can be read."""
    if not output_kinds.has(evidence.graph(), "clip", "relu6"):
        return CONVENTIONS, BASIS
    seen = "inferred: activations cut at 6, as in EfficientNet-Lite, with which NanoDet takes (p - 127) / 128"
    return {**CONVENTIONS, "mean": 127.0, "std": 128.0}, BASIS | dict.fromkeys(("mean", "std"), seen)


def _decode_split(outputs: Arrays, frame: Frame) -> Candidates:
    return dfl.decode_levels(outputs, frame, 0.5)


def _matches_split(evidence: Evidence) -> Match:
    roles, strides, seen = dfl.roles(evidence, BINS)
    if not roles or strides != (8, 16, 32):
        return Match(Sure.NO, seen if not roles else f"strides {strides} are not 8, 16, 32")
    named = all("stride" in name for name in roles) and any(name.startswith("dis_pred") for name in roles)
    fields, reasons = _fed(evidence)
    conventions = {**fields, "outputs": roles}
    basis = {**reasons, "outputs": "inferred: shapes, and values of a probe run"}
    return Match(Sure.CERTAIN if named else Sure.LIKELY, seen, conventions, basis)


def _classes(rows: AnyArray) -> int:
    """How many columns from the first are scores: those in 0..1; the logits behind them fall below."""
    inside: AnyArray = np.all((rows >= -value_checks.TOLERANCE) & (rows <= 1 + value_checks.TOLERANCE), axis=0)
    return len(inside) if inside.all() else int(inside.argmin())


def _decode_joined(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    rows = output[0]
    strides = grids.ladder_of(len(rows), frame.height, frame.width)
    assert strides is not None  # `_matches_joined` has counted
    classes = int(frame.card.outputs[next(iter(outputs))].removesuffix(" scores, distances"))
    kept, scores, numbers = scoring.best(rows[:, :classes], frame.conf)
    points = grids.centres(frame.height, frame.width, strides, LADDERS[strides])[kept]
    found = dfl.boxes(rows[kept, classes:], points, grids.strides_of(frame.height, frame.width, strides)[kept])
    return Candidates(found, scores, numbers)


def _matches_joined(evidence: Evidence) -> Match:
    card = evidence.card
    if len(evidence.outputs) != 1 or len(evidence.outputs[0].shape) != 3:
        return Match(Sure.NO, "it needs one output [1, N, C + 4 · bins]")
    name, (_, count, channels) = evidence.outputs[0].name, evidence.outputs[0].shape
    strides = None if count is None else grids.ladder_of(count, card.height, card.width)
    if strides not in LADDERS or channels is None:
        return Match(Sure.NO, f"{count} rows are not one per cell of strides 8, 16, 32 and perhaps 64")
    readings = [bins for bins in BINS if channels - 4 * bins > 0]
    if card.labels:
        readings = [bins for bins in readings if channels - 4 * bins == len(card.labels)]
    seen = _classes(evidence.probe("textured")[name][0])
    readings = [bins for bins in readings if channels - 4 * bins == seen]
    if not readings:
        return Match(Sure.NO, f"of {channels} columns the first {seen} are scores, and no four distributions follow")
    why = f"{seen} scores and 4 x {readings[0]} bins at strides {', '.join(map(str, strides))}"
    fields, reasons = _fed(evidence)
    conventions = {**fields, "outputs": {name: f"{seen} scores, distances"}}
    return Match(Sure.CERTAIN, why, conventions, {**reasons, "outputs": "inferred: values of a probe run"})


DECODERS = (
    Decoder("nanodet", _matches_joined, _decode_joined),
    Decoder("nanodet-split", _matches_split, _decode_split),
)
