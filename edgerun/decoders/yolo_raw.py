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

import numpy as np

from edgerun.contract import Arrays, Candidates, Convention, Decoder, Evidence, Frame, Inference, Match, Sure
from edgerun.heads import grids, input_conventions, scores
from edgerun.heads.grid_columns import Columns
from edgerun.heads.grid_facts import GridFacts
from edgerun.heads.level_tables import LevelTable, level_tables
from edgerun.heads.requirements import require, verdict

__all__ = ["DECODERS", "READINGS", "Reader", "Reading"]

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

    def factor(self, stride: int) -> float:
        """The factor s at this stride."""
        return 2.0 if self.square else self.spread.get(stride, 1.0)

    @property
    def convention(self) -> Convention:
        """What its models are fed, and suppressed by."""
        who = self.name.removesuffix("-raw")
        fed = {"resize": "letterbox", "fill": self.fill, "color": "rgb", "scale": 1 / 255, "iou": 0.45}
        return Convention(f"{who} is run so", **fed)


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


@dataclass(frozen=True)
class Reader:
    """Reads raw grids.

    Attributes:
        levels: the outputs, one for each stride.
        reading: the configuration.
        active: whether all but v3's sizes have been through the sigmoid.
    """

    levels: tuple[LevelTable, ...]
    reading: Reading
    active: bool

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """Candidates of one image, boxes in model pixels."""
        return Candidates.joined([self._level(level, outputs, frame) for level in self.levels])

    def _level(self, level: LevelTable, outputs: Arrays, frame: Frame) -> Candidates:
        table = level.rows(outputs, frame.height, frame.width)
        columns = Columns("cxcywh", "objectness", level.channels - 5)
        kept = columns.promising(table.T, frame.conf if self.active else scores.least_logit(frame.conf))
        raw = table[kept]
        rows = raw.astype(np.float32) if self.active else scores.sigmoid(raw)
        reading, stride = self.reading, np.float32(level.stride)
        spread = np.float32(reading.factor(level.stride))
        corners = level.corners(kept, frame.height, frame.width)
        anchors = np.array(reading.anchors[level.stride], np.float32)[kept % PER_CELL]
        rows[:, :2] = (rows[:, :2] * spread - (spread - 1) / 2) * stride + corners
        rows[:, 2:4] = anchors * ((2 * rows[:, 2:4]) ** 2 if reading.square else scores.exp(raw[:, 2:4]))
        return columns.read(rows.T, frame.conf)


@verdict
def _matches(evidence: Evidence, *, reading: Reading) -> Match:
    card, bound = evidence.card, level_tables(evidence, tuple(reading.anchors), PER_CELL)
    values, channels = evidence.probe("textured"), bound[0].channels
    tables = np.concatenate([level.rows(values, card.height, card.width) for level in bound]).T
    facts = GridFacts(tables, grids.Grid(card.height, card.width, tuple(reading.anchors), PER_CELL))
    sizes, places, scored = (facts.in_unit_range(part) for part in (slice(2, 4), slice(2), slice(4, None)))
    require(places or not scored, "scores lie in 0..1 in a trial run and centres do not: the boxes are decoded already")
    active = places and scored
    place = "lie in" if sizes else "leave"
    require(not active or sizes == reading.square, f"sizes {place} 0..1 in a trial run, and all else lies in it")
    roles = dict.fromkeys((level.output for level in bound), ACTIVE if active else RAW)
    seen = Inference("shapes, and values of a probe run", outputs=roles)
    telling = active or _exported_as_usual(evidence, reading)
    why = f"three anchors per cell, {channels - 5} classes, with the anchors and the formula of {reading.name}"
    sure = Sure.LIKELY if telling else Sure.POSSIBLE
    return Match.bringing(sure, why, reading.convention, seen, decode=Reader(bound, reading, active))


def _exported_as_usual(evidence: Evidence, reading: Reading) -> bool:
    """PyTorch's exporters of v5 and v7 part anchors and cells; TensorFlow's of v3 and v4 put channels last."""
    if not reading.square:
        return input_conventions.channels_last(evidence)
    return all(len(spec.shape) == 5 and spec.shape[1] == PER_CELL for spec in evidence.outputs)


DECODERS = tuple(Decoder(reading.name, partial(_matches, reading=reading)) for reading in READINGS)
