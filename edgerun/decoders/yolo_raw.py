"""YOLOv3, v4, v5 and v7 as the network leaves them: one grid per stride, three anchors per cell, nothing decoded.

Per stride [1, 3, h, w, 5 + C], [1, h, w, 3, 5 + C] or [1, 3 · (5 + C), h, w]: x y w h, objectness, classes.
v3, v4: cx = (s · σ(x) - (s - 1) / 2 + column) · stride, w = anchor · exp(w), with s = 1 in v3.
v5, v7: cx = (2 · σ(x) - 0.5 + column) · stride, w = anchor · (2 · σ(w))².
The outputs do not tell which anchors a model was trained with, so where several sets could be meant it is refused.
Source: Redmon and Farhadi, YOLOv3, arXiv 1804.02767; Bochkovskiy et al., YOLOv4, arXiv 2004.10934; Wang et al.,
YOLOv7, arXiv 2207.02696; the anchors are those of their published configurations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.decoders.yolov5 import objectness_rows
from edgerun.heads import grids, image_inputs, levels, scores, value_checks
from edgerun.tensors import AnyArray

__all__ = ["DECODERS", "READINGS", "Reading"]

PER_CELL = 3
Sizes = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Reading:
    """One published configuration.

    Attributes:
        name: of the decoder.
        anchors: stride -> widths and heights in pixels.
        square: v5's formula rather than v3's.
        spread: stride -> the factor s.
        fill: the grey of the border.
    """

    name: str
    anchors: dict[int, Sizes]
    square: bool
    spread: dict[int, float]
    fill: int


V3: dict[int, Sizes] = {
    8: ((10, 13), (16, 30), (33, 23)),
    16: ((30, 61), (62, 45), (59, 119)),
    32: ((116, 90), (156, 198), (373, 326)),
}
V4: dict[int, Sizes] = {
    8: ((12, 16), (19, 36), (40, 28)),
    16: ((36, 75), (76, 55), (72, 146)),
    32: ((142, 110), (192, 243), (459, 401)),
}
TINY: Sizes = ((81, 82), (135, 169), (344, 319))

READINGS = (
    Reading("yolov5-raw", V3, True, {}, 114),  # YOLOv7-tiny too
    Reading("yolov7-raw", V4, True, {}, 114),
    Reading("yolov3-raw", V3, False, {}, 128),
    Reading("yolov4-raw", V4, False, {8: 1.2, 16: 1.1, 32: 1.05}, 128),
    Reading("yolov3-tiny-raw", {16: ((10, 14), (23, 27), (37, 58)), 32: TINY}, False, {}, 128),
    Reading("yolov4-tiny-raw", {16: ((23, 27), (37, 58), (81, 82)), 32: TINY}, False, {16: 1.05, 32: 1.05}, 128),
)

RAW, ACTIVE = "grid", "grid after the sigmoid"


def _boxes(rows: AnyArray, cells: AnyArray, frame: Frame, stride: int, reading: Reading, active: bool) -> AnyArray:
    """Centre and size in model pixels of rows [K, 5 + C], which lie at these cells; float32 [K, 4]."""
    corners = grids.centres(frame.height, frame.width, (stride,), 0.0)[cells // PER_CELL]
    anchors = np.array(reading.anchors[stride], np.float32)[cells % PER_CELL]
    places, sizes = rows[:, :2], rows[:, 2:4]
    places = places if active else scores.sigmoid(places)
    spread = 2.0 if reading.square else reading.spread.get(stride, 1.0)
    places = (places * np.float32(spread) - np.float32((spread - 1) / 2)) * np.float32(stride) + corners
    if reading.square:
        sizes = anchors * (2 * (sizes if active else scores.sigmoid(sizes))) ** 2
    else:
        sizes = anchors * scores.exp(sizes)
    return np.concatenate((places, sizes), axis=1).astype(np.float32)


def _decode(outputs: Arrays, frame: Frame, *, reading: Reading) -> Candidates:
    found: list[Candidates] = []
    for stride, (level,) in levels.bind(levels.arrays(outputs), frame.height, frame.width, PER_CELL).items():
        height, width = -(-frame.height // stride), -(-frame.width // stride)
        rows = levels.rows(outputs[level.name], height, width, PER_CELL)
        active = frame.card.outputs[level.name] == ACTIVE
        cells = np.flatnonzero(rows[:, 4] >= (frame.conf if active else scores.logit(frame.conf)))
        rows = rows[cells]
        shares = rows[:, 4:] if active else scores.sigmoid(rows[:, 4:])
        boxes = _boxes(rows, cells, frame, stride, reading, active)
        found.append(objectness_rows(np.concatenate((boxes, shares), axis=1), frame))
    return Candidates.joined(found)


def _matches(evidence: Evidence, *, reading: Reading) -> Match:
    card = evidence.card
    bound = levels.bind(levels.specs(evidence.outputs), card.height, card.width, PER_CELL)
    widths = {level.channels for group in bound.values() for level in group}
    if tuple(bound) != tuple(reading.anchors) or any(len(group) != 1 for group in bound.values()) or len(widths) != 1:
        strides = ", ".join(map(str, reading.anchors))
        return Match(Sure.NO, f"it needs one output with three anchors per cell for each of the strides {strides}")
    (channels,) = widths
    if channels < 6 or (card.labels and channels - 5 != len(card.labels)):
        return Match(Sure.NO, f"{channels} channels per anchor are not 5 + {len(card.labels) or 'some'} labels")
    values = evidence.probe("textured")
    tables = [
        levels.rows(values[group[0].name], -(-card.height // stride), -(-card.width // stride), PER_CELL)
        for stride, group in bound.items()
    ]
    sizes = all(value_checks.shares(table[:, 2:4]) for table in tables)
    scored = all(value_checks.shares(table[:, 4:]) for table in tables)
    rest = all(value_checks.shares(table[:, [0, 1, *range(4, channels)]]) for table in tables)
    if scored and not rest:
        return Match(Sure.NO, "scores of a probe run lie in 0..1 and centres do not: the boxes are decoded already")
    if rest and sizes != reading.square:
        return Match(
            Sure.NO, f"sizes of a probe run {'lie in' if sizes else 'leave'} 0..1, and everything else lies in it"
        )
    roles = {group[0].name: ACTIVE if rest else RAW for group in bound.values()}
    conventions: dict[str, Any] = {
        "outputs": roles, "resize": "letterbox", "fill": reading.fill, "color": "rgb", "scale": 1 / 255, "iou": 0.45,
    }  # fmt: skip
    basis = dict.fromkeys(conventions, f"convention: {reading.name.removesuffix('-raw')} is run so")
    basis["outputs"] = "inferred: shapes, and values of a probe run"
    # PyTorch's exporters of v5 and v7 part anchors and cells; TensorFlow's of v3 and v4 put channels last
    parted = all(spec.shape[1] == PER_CELL for spec in evidence.outputs if len(spec.shape) == 5)
    parted = parted and all(len(spec.shape) == 5 for spec in evidence.outputs)
    speaks = rest or (parted if reading.square else image_inputs.channels_last(evidence))
    why = f"three anchors per cell, {channels - 5} classes, with the anchors and the formula of {reading.name}"
    return Match(Sure.LIKELY if speaks else Sure.POSSIBLE, why, conventions, basis)


DECODERS = tuple(
    Decoder(reading.name, partial(_matches, reading=reading), partial(_decode, reading=reading)) for reading in READINGS
)
