"""Families whose boxes and scores come in two outputs, whose rows lie on a grid: a family says what it is fed.

DECODERS = (grid_pairs("yolo-nas", YOLO_NAS, strides=((8, 16, 32),)),)

Boxes are x1 y1 x2 y2; scores are after the sigmoid, [1, N, C] or [1, C, N].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edgerun.contract import Arrays, Candidates, Convention, Decoder, Evidence, Frame, Inference, Match, Sure
from edgerun.heads import boxes_and_scores, grids, scores, value_checks
from edgerun.heads.grid_facts import GridFacts
from edgerun.heads.requirements import Unmet, reject, require, verdict

__all__ = ["PairReader", "grid_pairs"]

CROSSED = 0.01
"""Fraction of boxes that may end before they begin."""


def grid_pairs(
    name: str,
    *conventions: Convention,
    strides: tuple[tuple[int, ...], ...] = grids.LADDERS,
    against: Callable[[Evidence, PairReader], str] | None = None,
) -> Decoder:
    """A family with boxes in pixels and scores of classes, one of each per cell.

    Such families answer alike and are fed differently, so that none is more than `Sure.POSSIBLE`.

    Args:
        name: of the decoder.
        conventions: what the family's models are fed, and suppressed by.
        strides: those that it has.
        against: gives what else speaks against a model, "" for nothing; such as marks of another exporter.
    """
    return Decoder(name, _Family(name, conventions, strides, against).matches)


@dataclass(frozen=True)
class PairReader:
    """Reads boxes and scores of two outputs, `Match.decode` of these families.

    Attributes:
        boxes, scores: names of the outputs.
        classes_first: whether scores are [1, C, N].
    """

    boxes: str
    scores: str
    classes_first: bool = False

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """Candidates of one image, boxes in the model's own units."""
        table = outputs[self.scores][0]
        kept, best, classes = scores.best(table.T if self.classes_first else table, frame.conf)
        boxes = outputs[self.boxes][0].reshape(-1, 4)[kept]
        return Candidates(boxes.astype(np.float32), best, classes)


@dataclass(frozen=True)
class _Family:
    """A family as `grid_pairs` declares it."""

    name: str
    conventions: tuple[Convention, ...]
    strides: tuple[tuple[int, ...], ...]
    against: Callable[[Evidence, PairReader], str] | None

    @verdict
    def matches(self, evidence: Evidence) -> Match:
        """How sure the family is that a model is of it."""
        roles, why_not = boxes_and_scores.bound(evidence, boxes_and_scores.SCORES, boxes_and_scores.TURNED)
        reject(why_not)
        reader = _reader(roles)
        values = evidence.probe("textured")
        boxes, table = values[reader.boxes][0], values[reader.scores][0]
        table = table if reader.classes_first else table.T
        facts = GridFacts(np.concatenate((boxes.T, table)), self._grid(len(boxes), evidence))
        _check(facts, evidence)
        reject(self.against(evidence, reader) if self.against else "")
        why = f"{len(boxes)} boxes in pixels and scores of {len(table)} classes, one per cell, fed as {self.name} is"
        seen = Inference("shapes, and values of a probe run", outputs=roles)
        return Match.bringing(Sure.POSSIBLE, why, *self.conventions, seen, decode=reader)

    def _grid(self, count: int, evidence: Evidence) -> grids.Grid:
        card = evidence.card
        grid = grids.grid_of(count, card.height, card.width)
        if grid is None:
            raise Unmet(f"{count} rows are not one per cell of a {card.width} x {card.height} input")
        found = ", ".join(map(str, grid.strides))
        require(grid.strides in self.strides, f"it has other strides than {found}")
        return grid


def _reader(roles: Mapping[str, str]) -> PairReader:
    by_role = {role: name for name, role in roles.items()}
    turned = boxes_and_scores.TURNED in by_role
    scored = by_role[boxes_and_scores.TURNED if turned else boxes_and_scores.SCORES]
    return PairReader(by_role[boxes_and_scores.BOXES], scored, turned)


def _check(facts: GridFacts, evidence: Evidence) -> None:
    """Hold a trial run against corners in pixels and scores of classes; facts have both in one table [4 + C, N]."""
    classes, labels = facts.channels - 4, len(evidence.card.labels)
    require(labels in (0, classes), f"{classes} classes are not {labels} labels")
    crossed = (facts.boxes[:, 2:] < facts.boxes[:, :2] - 1).mean()
    corners = facts.corners_cover_input and crossed <= CROSSED
    require(corners, "the boxes of a trial run are not x1 y1 x2 y2 in pixels, all over the input")
    reject(facts.misread("xyxy"))
    summed = classes > 1 and value_checks.sum_to_one(facts.table[4:].T)
    require(not summed, "the scores of a trial run add up to 1, as after a softmax with a background")
