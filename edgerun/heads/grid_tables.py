"""Which output of a model is a table whose rows lie on a grid, and what beside it is left aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from edgerun.contract import Arrays, Evidence, ModelCard, TensorSpec
from edgerun.heads import grids, levels, value_checks
from edgerun.heads.grid_facts import GridFacts
from edgerun.heads.prototypes import Prototypes
from edgerun.heads.requirements import reject, require
from edgerun.tensors import AnyArray

__all__ = ["ROWS", "Order", "Table", "grid_table"]

Order = Literal["NC", "CN", "either"]
"""Axes of a table: rows first, [1, N, C]; columns first, [1, C, N]; or whichever the number of rows tells."""

ROWS = "rows"
"""The role of the table, where a card names it among several outputs."""


@dataclass(frozen=True)
class Table:
    """An output whose rows lie on a grid.

    Attributes:
        output: its name.
        rows_first: whether it is [1, N, C] rather than [1, C, N].
        grid: on which its rows lie.
        aside: names of the outputs beside it that are not read.
    """

    output: str
    rows_first: bool
    grid: grids.Grid
    aside: tuple[str, ...] = ()

    @property
    def left(self) -> str:
        """What is left aside, as the end of a sentence."""
        return f"; left aside: {', '.join(self.aside)}" if self.aside else ""

    def of(self, outputs: Arrays) -> AnyArray:
        """The table as [C, N], a view."""
        table: AnyArray = outputs[self.output][0]
        return table.T if self.rows_first else table

    def facts(self, evidence: Evidence) -> GridFacts:
        """What a trial run shows of it."""
        return GridFacts(self.of(evidence.probe("textured")), self.grid)


def grid_table(
    evidence: Evidence, per_cell: int = 1, order: Order = "either", planes: Prototypes | None = None
) -> Table:
    """The output of three axes whose rows are as many as the anchors of a grid.

    What it was made of may stand beside it and is left aside: maps of its strides and columns of its rows, where the
    boxes of a trial run hold their cells; the same table once more; anything, where the card gives the table the role
    "rows".

    Args:
        planes: prototypes that are read besides.

    Raises:
        Unmet: where there is none, or its numbers are stored too coarsely.
    """
    specs = [spec for spec in evidence.outputs if planes is None or spec.name != planes.output]
    tables = [spec for spec in specs if len(spec.shape) == 3 and spec.shape[0] == 1]
    named = [spec for spec in tables if evidence.card.outputs.get(spec.name) == ROWS]
    found = _laid_out(named or tables, evidence.card, per_cell, order)
    if len(specs) > 1:
        found = found if named else _once(_on_cells(found, evidence), evidence)
        require(len(found) == 1, "none of its outputs, or several, are a table of boxes that hold their cells")
        others = [spec for spec in specs if spec.name != found[0].output]
        strange = [] if named else [spec.name for spec in others if not _belongs(spec, found[0], evidence)]
        require(
            not strange, f"{', '.join(strange)} beside the table are unknown; to leave them aside, give it {ROWS!r}"
        )
        found = [replace(found[0], aside=tuple(spec.name for spec in others))]
    table = found[0]
    reject(next(value_checks.coarse(spec) for spec in tables if spec.name == table.output))
    return table


def _laid_out(tables: Sequence[TensorSpec], card: ModelCard, per_cell: int, order: Order) -> list[Table]:
    """Those of these outputs of three axes that lie on a grid.

    Raises:
        Unmet: where none does.
    """
    require(tables, "it needs an output of three axes")
    found = [table for spec in tables if (table := _table(spec, card, per_cell, order)) is not None]
    shapes, anchors = " and ".join(str(spec.shape) for spec in tables), grids.SPELT.get(per_cell, per_cell)
    require(found, f"{shapes} are not rows of {anchors} per cell of a {card.width} x {card.height} input")
    return found


def _table(spec: TensorSpec, card: ModelCard, per_cell: int, order: Order) -> Table | None:
    """An output as a table on a grid; None where it has as many rows as none."""
    _, second, third = spec.shape
    sides: dict[str, tuple[int | None, int | None]] = {"CN": (third, second), "NC": (second, third)}
    for axes in sides if order == "either" else (order,):
        count, channels = sides[axes]
        grid = grids.grid_of(count, card.height, card.width, per_cell)
        if grid and channels and channels > 4:
            return Table(spec.name, axes == "NC", grid)
    return None


def _on_cells(tables: Sequence[Table], evidence: Evidence) -> list[Table]:
    """Those of these tables whose boxes hold their cells in a trial run."""
    return [table for table in tables if table.facts(evidence).lie_on_cells]


def _once(tables: Sequence[Table], evidence: Evidence) -> list[Table]:
    """These tables without those that hold in a trial run what an earlier one holds."""
    outputs, kept = evidence.probe("textured"), list[Table]()
    for table in tables:
        if not any(np.array_equal(table.of(outputs), other.of(outputs)) for other in kept):
            kept.append(table)
    return kept


def _belongs(spec: TensorSpec, table: Table, evidence: Evidence) -> bool:
    """Whether an output beside a table is what it was made of, or the same once more."""
    if _made_into(spec, table.grid):
        return True
    outputs = evidence.probe("textured")
    return len(spec.shape) == 3 and np.array_equal(outputs[spec.name][0], table.of(outputs))


def _made_into(spec: TensorSpec, grid: grids.Grid) -> bool:
    """Whether a table is made of an output: a map of one of the strides, or columns for the same rows."""
    if levels.of_rows([(spec.name, spec.shape)], grid.count):
        return True
    sizes = [(-(-grid.height // stride), -(-grid.width // stride)) for stride in grid.strides]
    return any(levels.channels(spec.shape, *size, anchors) for size in sizes for anchors in (1, grid.per_cell))
