"""YOLOX, raw or decoded: one anchor per cell, objectness times class score.

Output [1, N, 5 + C], or [1, 5 + C, h, w] for each stride. Raw: cx = (x + column) · stride, w = exp(w) · stride;
x y count from the cell's corner.
Source of the formula: Ge et al., YOLOX, arXiv 2107.08430, and its ONNX demo (Apache-2.0).
Since version 0.1.1 the input is blue-green-red in 0..255, before it red-green-blue in ImageNet's deviations, fitted to
the top left corner either way (its release notes). The file does not tell which, but a trained network does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgerun.contract import (
    Alternative,
    Arrays,
    Candidates,
    Convention,
    Decoder,
    Evidence,
    Frame,
    Inference,
    Match,
    Sure,
)
from edgerun.heads import grids, input_conventions, scores, value_checks
from edgerun.heads.grid_columns import Columns
from edgerun.heads.grid_facts import GridFacts
from edgerun.heads.grid_rows import grid_rows
from edgerun.heads.grid_tables import grid_table
from edgerun.heads.level_tables import LevelTable, level_tables
from edgerun.heads.requirements import require, verdict
from edgerun.heads.trained_feeds import Feeds
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["DECODERS"]

SINCE = Convention(
    "YOLOX since 0.1.1 is trained so", resize="letterbox-topleft", color="bgr", scale=1.0, fill=114, iou=0.65
)
BEFORE = Convention(
    "YOLOX before 0.1.1 is trained so",
    resize="letterbox-topleft",
    fill=114,
    iou=0.65,
    **input_conventions.IMAGENET_INPUT,
)
FEEDS = Feeds(
    large=SINCE,
    small=BEFORE,
    told=({"color": "bgr", "scale": 1.0}, input_conventions.IMAGENET_INPUT),
    unsettled={
        "mean": (
            Alternative({"color": "bgr", "scale": 1.0, "mean": 0.0}, "YOLOX since 0.1.1"),
            Alternative({"scale": 1 / 255, **input_conventions.IMAGENET_DEVIATIONS}, "YOLOX before"),
        )
    },
    torch=(1, 10),  # of October 2021; YOLOX 0.1.1 is of August 2021
    change="YOLOX 0.1.1",
)

STRIDES = (8, 16, 32)
LARGEST_RAW = 50.0
"""Raw offsets are a few cells and raw sizes logarithms; a decoded grid reaches the size of the input."""


def _decoded(raw: AnyArray, corners: FloatArray, strides: AnyArray) -> AnyArray:
    """Rows [K, 5 + C] with centre and size in model pixels, float32, of raw ones in cells of these corners [K, 2] and
    strides [K, 1].
    """
    rows = raw.astype(np.float32)
    rows[:, :2] = rows[:, :2] * strides + corners
    rows[:, 2:4] = scores.exp(rows[:, 2:4]) * strides
    return rows


@dataclass(frozen=True)
class RawReader:
    """Reads raw rows of all strides in one output."""

    output: str
    strides: tuple[int, ...]
    columns: Columns

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """Candidates of one image, boxes in model pixels."""
        rows = outputs[self.output][0]
        kept = self.columns.promising(rows.T, frame.conf)
        corners = grids.centres(frame.height, frame.width, self.strides, 0.0)[kept]
        strides = grids.strides_of(frame.height, frame.width, self.strides)[kept, None]
        return self.columns.read(_decoded(rows[kept], corners, strides).T, frame.conf)


@dataclass(frozen=True)
class SplitReader:
    """Reads raw rows stride by stride; logits are scores before the sigmoid."""

    levels: tuple[LevelTable, ...]
    columns: Columns
    logits: bool

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """Candidates of one image, boxes in model pixels."""
        return Candidates.joined([self._level(level, outputs, frame) for level in self.levels])

    def _level(self, level: LevelTable, outputs: Arrays, frame: Frame) -> Candidates:
        raw = level.rows(outputs, frame.height, frame.width)
        least = scores.least_logit(frame.conf) if self.logits else frame.conf
        kept = self.columns.promising(raw.T, least)
        corners = level.corners(kept, frame.height, frame.width)
        rows = _decoded(raw[kept], corners, np.array([[level.stride]], np.float32))
        if self.logits:
            rows[:, 4:] = scores.sigmoid(rows[:, 4:])
        return self.columns.read(rows.T, frame.conf)


@verdict
def _matches_raw(evidence: Evidence) -> Match:
    require(evidence.card.task == "detect", f"it reads detect models, not {evidence.card.task}")
    table = grid_table(evidence, order="NC")
    facts = table.facts(evidence)
    columns = _columns(facts.channels, evidence)
    seen = f"boxes of a trial run reach {facts.reach:.4g}"
    require(facts.in_unit_range(columns.confidences), "the objectness or class scores of a trial run leave 0..1")
    require(
        not facts.sizes_are_cut_off, f"{seen} and no farther: they are cut off, as by a quantisation made for scores"
    )
    fifth = facts.fifth_is_objectness(columns.confidences)
    require(fifth, "another column than the fifth of a trial run behaves like the objectness")
    require(facts.reach <= LARGEST_RAW and not facts.centres_cover_input, f"{seen}: they are decoded already")
    require(not facts.boxes_hold_cells, f"{seen} and hold their cells: they are decoded, in 0..1")
    feed = FEEDS.of(evidence, lambda outputs: table.of(outputs)[4])
    # raw sizes are logarithms, some of them negative; values all in 0..1 may be fractions of the image as well
    sure = Sure.CERTAIN if facts.table[2:4].min() < 0 else Sure.LIKELY
    why = f"{facts.grid.count} rows are {facts.grid}; {seen}, so they count from their cells"
    reader = RawReader(table.output, facts.grid.strides, columns)
    return Match.bringing(sure, why, *feed.brought, unsettled=feed.unsettled, decode=reader)


@verdict
def _matches_split(evidence: Evidence) -> Match:
    card, bound = evidence.card, level_tables(evidence, STRIDES)
    columns = _columns(bound[0].channels, evidence)
    tables = [level.rows(evidence.probe("textured"), card.height, card.width) for level in bound]
    logits = not all(value_checks.shares(table[:, 4:]) for table in tables)
    facts = [GridFacts(table.T, grids.Grid(card.height, card.width, (8,))) for table in tables]
    # nothing is where most cells look; a single class, given an object, may still be likely there
    low = slice(4, 5) if columns.classes == 1 else columns.confidences
    high = logits and any((each.medians[low] > 0).any() for each in facts)
    require(not high, "what should be scores of a trial run is high nearly everywhere")
    reach = max(each.reach for each in facts)
    require(reach <= LARGEST_RAW, "the boxes of a trial run do not count from their cells")

    def objectness(outputs: Arrays) -> AnyArray:
        found = np.concatenate([level.rows(outputs, card.height, card.width)[:, 4] for level in bound])
        return scores.sigmoid(found) if logits else found

    feed = FEEDS.of(evidence, objectness)
    roles = dict.fromkeys((level.output for level in bound), "boxes, logits" if logits else "boxes, scores")
    seen = Inference("shapes, and values of a probe run", outputs=roles)
    # logits may as well be those of three anchors per cell
    sure = Sure.POSSIBLE if logits and bound[0].channels % 3 == 0 else Sure.LIKELY
    why = f"{bound[0].channels} channels are 5 + {columns.classes} classes at strides 8, 16, 32"
    reader = SplitReader(bound, columns, logits)
    return Match.bringing(sure, why, *feed.brought, seen, unsettled=feed.unsettled, decode=reader)


def _columns(channels: int, evidence: Evidence) -> Columns:
    """A box, an objectness and at least one class, as many as there are labels."""
    classes, labels = channels - 5, len(evidence.card.labels)
    require(classes >= 1, f"{channels} channels cannot hold a box, an objectness and a class")
    require(labels in (0, classes), f"{channels} channels are not 5 + {labels} labels")
    return Columns("cxcywh", "objectness", classes)


DECODERS = (
    Decoder("yolox", _matches_raw),
    Decoder("yolox-split", _matches_split),
    grid_rows("yolox-decoded", "cxcywh objectness scores", order="NC", feeds=FEEDS),
)
