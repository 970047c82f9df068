"""Families whose rows lie on a grid, one or three per cell, decoded in the graph: a family says what its columns are.

DECODERS = (grid_rows("yolov5", "cxcywh objectness scores", YOLO, per_cell=3),)

The words of columns stand in `grid_columns`; what speaks against a layout in `grid_checks`, for all families.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from edgerun.contract import (
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
from edgerun.contract.convention import Alternatives
from edgerun.graphs.decoded_rows import strides_of_rows
from edgerun.heads import exporter_head, grid_checks, keypoint_columns, prototypes
from edgerun.heads.grid_columns import Columns, Layout
from edgerun.heads.grid_facts import GridFacts
from edgerun.heads.grid_tables import Order, Table, grid_table
from edgerun.heads.grids import strides_of
from edgerun.heads.prototypes import Prototypes
from edgerun.heads.requirements import reject, require, verdict
from edgerun.heads.trained_feeds import Feed, Feeds

__all__ = ["GridReader", "grid_rows", "units"]

LEAST_BEHIND = 3
"""Columns of one class and one keypoint, at least."""


def grid_rows(
    name: str,
    columns: str,
    *conventions: Convention,
    per_cell: int = 1,
    order: Order = "either",
    sure: Sure = Sure.LIKELY,
    labelled: Sure = Sure.CERTAIN,
    unsettled: Mapping[str, Alternatives] = MappingProxyType({}),
    feeds: Feeds | None = None,
) -> Decoder:
    """A family of rows on a grid.

    The file matches if it has one output of three axes (and mask prototypes, where there are weights), whose rows are
    as many as the anchors of a grid, whose columns are as many as the labels demand, and if a trial run shows nothing
    that speaks against the layout. Units of boxes and the number of keypoints are inferred.

    Args:
        name: of the decoder.
        columns: words in the order of the columns, optional ones in brackets: "cxcywh objectness scores",
            "xyxy scores", "cxcywh scores [keypoints]"; all of them are listed in `edgerun.heads.grid_columns`.
        conventions: what the family's models are fed, and suppressed by.
        per_cell: anchors per cell.
        order: of the axes: "NC", "CN" or "either".
        sure: how sure the family is where nothing speaks against it.
        labelled: the same, where the number of labels speaks for it as well.
        unsettled: card fields in which the family's models differ and of which the file says nothing.
        feeds: two ways in which they are fed, between which trial runs decide by the objectness.

    Raises:
        ValueError: for columns that are not such words.
    """
    family = _Family(Layout.of(columns), conventions, per_cell, order, sure, labelled, unsettled, feeds)
    return Decoder(name, family.matches)


@dataclass(frozen=True)
class GridReader:
    """Reads a table of rows on a grid, `Match.decode` of these families.

    Attributes:
        output: its name.
        rows_first: whether it is [1, N, C] rather than [1, C, N].
        columns: what they mean.
        planes: the prototypes that weights belong to.
    """

    output: str
    rows_first: bool
    columns: Columns
    planes: Prototypes | None = None

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """Candidates of one image, boxes in the model's own units."""
        table = outputs[self.output][0]
        table = table.T if self.rows_first else table
        found = self.columns.read(table[:, self.columns.promising(table, frame.conf)], frame.conf)
        return found if self.planes is None else self.planes.beside(found, outputs)


def units(facts: GridFacts) -> Inference:
    """The units of boxes, as a trial run shows them."""
    return Inference(f"boxes of a probe run reach {facts.reach:.4g}", box_units=facts.units)


class _Tail(NamedTuple):
    """What stands behind the scores of a model.

    Attributes:
        width: columns.
        keypoints: how many there are in them.
        inferred: what it says of the card.
        before: columns of points, which stand before the scores.
    """

    width: int = 0
    keypoints: int = 0
    inferred: tuple[Convention, ...] = ()
    before: int = 0


class _Family(NamedTuple):
    """A family as `grid_rows` declares it."""

    layout: Layout
    conventions: tuple[Convention, ...]
    per_cell: int
    order: Order
    sure: Sure
    labelled: Sure
    unsettled: Mapping[str, Alternatives]
    feeds: Feeds | None

    @verdict
    def matches(self, evidence: Evidence) -> Match:
        """How sure the family is that a model is of it."""
        self._check_task(evidence)
        require(not exporter_head.of_others(evidence), exporter_head.of_others(evidence))
        planes = prototypes.of(evidence) if self.layout.tail == "weights" else None
        table = grid_table(evidence, self.per_cell, self.order, planes)
        if planes is None and self._is_shown(table, evidence):
            return self._shown(table, evidence)
        facts = table.facts(evidence)
        reject(grid_checks.ungridded(facts))
        tail = self._tail(facts, planes, evidence)
        if tail is None:
            return self._of_unknown_keypoints(table, facts, evidence)
        columns = self._counted(facts, tail, evidence)
        grid_checks.check(columns, facts, evidence)
        sure = grid_checks.sureness(columns, facts, evidence, self.sure, self.labelled)
        why = f"{facts.grid.count} rows are {facts.grid}; {_spelt(columns, evidence)}{table.left}"
        reader = GridReader(table.output, table.rows_first, columns, planes)
        feed = self._feed(table, evidence)
        brought = [*feed.brought, *tail.inferred, units(facts)]
        return Match.bringing(sure, why, *brought, unsettled=feed.unsettled, decode=reader)

    def _is_shown(self, table: Table, evidence: Evidence) -> bool:
        """Whether the graph shows boxes and scores as this family has them, and nothing but a score for each label."""
        plain = self.layout.words[:2] == ("cxcywh", "scores") and not table.rows_first and self.per_cell == 1
        spec = next(spec for spec in evidence.outputs if spec.name == table.output)
        labelled = spec.shape[1] == 4 + len(evidence.card.labels) and not evidence.card.keypoints
        graph = evidence.graph() if plain and labelled and spec.quantization is None else None
        strides = None if graph is None else strides_of_rows(graph, table.output)
        grid = table.grid
        return strides is not None and np.array_equal(strides, strides_of(grid.height, grid.width, grid.strides))

    def _shown(self, table: Table, evidence: Evidence) -> Match:
        """The verdict where the graph shows all."""
        columns = Columns("cxcywh", "", len(evidence.card.labels))
        why = f"{table.grid.count} rows are {table.grid}; {_spelt(columns, evidence)}{table.left}, as the graph shows"
        seen = Inference("the graph multiplies boxes by the strides of their cells", box_units="pixels")
        reader = GridReader(table.output, table.rows_first, columns)
        feed = self._feed(table, evidence)
        return Match.bringing(
            self.labelled, why, *feed.brought, seen, unsettled=feed.unsettled, decode=reader, shown=True
        )

    def _feed(self, table: Table, evidence: Evidence) -> Feed:
        """How the model is fed, as far as family and trial runs say."""
        if self.feeds is None:
            return Feed(self.conventions, self.unsettled)
        return self.feeds.of(evidence, lambda outputs: table.of(outputs)[4])

    def _check_task(self, evidence: Evidence) -> None:
        tasks, said = self.layout.tasks, evidence.card.task
        require(said in tasks or not evidence.known("task"), f"it reads {' and '.join(tasks)} models, not {said}")

    @property
    def _first(self) -> int:
        """The first column of scores."""
        return 5 if self.layout.confidence else 4

    @property
    def _task(self) -> Inference:
        """What models with such a tail are for."""
        return Inference("the outputs", task=self.layout.tasks[-1])

    def _tail(self, facts: GridFacts, planes: Prototypes | None, evidence: Evidence) -> _Tail | None:
        """What stands behind the scores; None for keypoints of which nobody can tell how many there are."""
        if self.layout.has_points:
            found = keypoint_columns.before_scores(facts, self._first, evidence)
            return _Tail(0, found.count, (self._task, found.inference), before=found.width)
        if self.layout.tail == "keypoints":
            return self._keypoints(facts, evidence)
        if self.layout.tail == "angle":
            return _Tail(1, inferred=(self._task,))
        return _Tail(planes.count, inferred=(self._task,)) if planes else _Tail()

    def _keypoints(self, facts: GridFacts, evidence: Evidence) -> _Tail | None:
        """The keypoints of each row, as the card says or by values; None where it cannot be told."""
        card = evidence.card
        if "keypoints" in self.layout.optional:
            return _Tail(card.keypoints * card.keypoint_dims, card.keypoints)
        # without an objectness it is `yolov8` with as many keypoints as the card says
        counts = bool(self.layout.confidence) or not evidence.known("keypoints")
        require(counts, "yolov8 reads it where the number of keypoints is known")
        found = keypoint_columns.counted(facts, self._first, evidence)
        return _Tail(found.width, found.count, (self._task, found.inference)) if found else None

    def _of_unknown_keypoints(self, table: Table, facts: GridFacts, evidence: Evidence) -> Match:
        """The verdict where columns may be keypoints, and their number has to be said."""
        room = facts.channels >= self._first + LEAST_BEHIND
        alike = room and not self.layout.confidence and keypoint_columns.may_be_keypoints(facts, evidence)
        require(alike, "the columns behind the scores of a trial run are not keypoints; say keypoints=")
        require(not facts.sizes_are_negative, "widths and heights of a trial run are negative")
        reject(facts.misread(self.layout.box))
        why = "some columns stay high all over a trial run, as coordinates in 0..1 do and scores do not"
        reader = GridReader(table.output, table.rows_first, Columns(self.layout.box, "", 1))
        brought = [*self.conventions, self._task, units(facts)]
        return Match.bringing(Sure.LIKELY, why, *brought, unsettled=keypoint_columns.ASK, decode=reader)

    def _counted(self, facts: GridFacts, tail: _Tail, evidence: Evidence) -> Columns:
        """The columns with how many there are of each, which labels must not contradict."""
        layout, labels = self.layout, len(evidence.card.labels)
        fixed = self._first + tail.before + tail.width
        classes = facts.channels - fixed
        least = 0 if "scores" in layout.optional else 1
        require(classes >= least, f"{facts.channels} channels cannot hold {' '.join(layout.words)}")
        require(labels in (0, max(classes, 1)), f"{facts.channels} channels are not {fixed} + {labels} labels")
        return Columns(layout.box, layout.confidence, classes, layout.tail, tail.width, tail.keypoints, tail.before)


def _spelt(columns: Columns, evidence: Evidence) -> str:
    """The columns, as a verdict has them: 25 channels are 4 + 4 classes + 17 of keypoints."""
    kind = "labels" if evidence.card.labels else "classes"
    total = columns.behind.stop
    behind = f" + {columns.tail_width} of {columns.tail}" if columns.tail_width else ""
    return f"{total} channels are {columns.first} + {columns.classes} {kind}{behind}"
