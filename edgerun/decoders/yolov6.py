"""YOLOv6, and Gold-YOLO after it: decoded boxes with an objectness that is always 1.

Output [1, N, 5 + C]: cx cy w h in pixels, 1, a score per class; one row per cell.
Source: Li et al., YOLOv6, arXiv 2209.02976; the exported graph itself joins a column of ones.
"""

from __future__ import annotations

from typing import Any

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.decoders.yolov5 import objectness_rows
from edgerun.heads import box_formats, grids, value_checks

__all__ = ["DECODERS"]

CONVENTIONS: dict[str, Any] = {"resize": "letterbox", "fill": 114, "color": "rgb", "scale": 1 / 255, "iou": 0.65}
BASIS = dict.fromkeys(CONVENTIONS, "convention: YOLOv6 is trained and tested so")


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    return objectness_rows(output[0], frame)


def _matches(evidence: Evidence) -> Match:
    card = evidence.card
    if len(evidence.outputs) != 1 or len(evidence.outputs[0].shape) != 3:
        return Match(Sure.NO, "it needs one output of three axes")
    if lost := value_checks.coarse(evidence.outputs[0]):
        return Match(Sure.NO, lost)
    name, (_, count, channels) = evidence.outputs[0].name, evidence.outputs[0].shape
    strides = None if count is None else grids.ladder_of(count, card.height, card.width)
    if strides is None or channels is None or channels < 6:
        return Match(Sure.NO, f"{count} rows are not one per cell of a {card.width} x {card.height} input")
    if card.labels and channels - 5 != len(card.labels):
        return Match(Sure.NO, f"{channels} channels are not 5 + {len(card.labels)} labels")
    rows = evidence.probe("textured")[name][0]
    if not (rows[:, 4] == 1).all() or not value_checks.shares(rows[:, 5:]):
        return Match(Sure.NO, "the fifth column of a probe run is not 1 throughout, as YOLOv6's is")
    if wrong := box_formats.misread(rows[:, :4], "cx cy w h", card.height, card.width, strides):
        return Match(Sure.NO, wrong)
    units = "unit" if value_checks.unit(rows[:, :4]) else "pixels"
    conventions = {**CONVENTIONS, "box_units": units}
    basis = {**BASIS, "box_units": f"inferred: boxes of a probe run are in {units}"}
    why = f"{count} rows are one per cell at strides {', '.join(map(str, strides))}; the objectness is 1 throughout"
    return Match(Sure.CERTAIN, why, conventions, basis)


DECODERS = (Decoder("yolov6", _matches, _decode),)
