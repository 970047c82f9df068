"""Outputs that are bound to their roles once, when a model is opened, and read by one formula in each frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np

from edgerun.contract import Arrays, Candidates, Evidence, Frame
from edgerun.heads import grids, levels
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["Cells", "Formula", "Group", "Part", "Reader", "Tables"]

Tables: TypeAlias = Mapping[str, AnyArray]
"""Role -> rows [N, channels]."""


class Cells(NamedTuple):
    """The cells that the rows of some outputs belong to.

    Attributes:
        height, width: pixels of the model's input.
        strides: model pixels per cell; several where the rows of all strides come in one output.
        per_cell: rows per cell.
    """

    height: int
    width: int
    strides: tuple[int, ...]
    per_cell: int = 1

    @property
    def columns(self) -> int:
        """Cells in a line of the first stride."""
        return -(-self.width // self.strides[0])

    @property
    def lines(self) -> int:
        """Lines of cells of the first stride."""
        return -(-self.height // self.strides[0])

    def points(self, rows: AnyArray, offset: float) -> FloatArray:
        """The point of each row's cell, x y in model pixels, float32 [N, 2]; `offset` is 0.5 for the centre."""
        points = grids.centres(self.height, self.width, self.strides, offset)
        return points[rows // self.per_cell] if self.per_cell > 1 else points[rows]

    def sizes(self, rows: AnyArray) -> AnyArray:
        """The stride of each row, float32: [N, 1], or one number where there is one stride."""
        if len(self.strides) == 1:
            return np.array(self.strides, np.float32)
        return grids.strides_of(self.height, self.width, self.strides)[rows // self.per_cell, None]


_cells = lru_cache(maxsize=64)(Cells)


Formula: TypeAlias = Callable[[Tables, Cells, float], Candidates]
"""(rows by role, their cells, conf) -> candidates in model pixels, or in 0..1 where `card.box_units` is "unit".

Compared by value: a function of a module, or a frozen dataclass that can be called.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """Columns of an output that have one role.

    Attributes:
        role: such as "scores", "logits" or "distances".
        name: of the output.
        first, last: columns, the last one not included.
        all_strides: those whose rows the output holds one after another, where it is not of one stride alone.
    """

    role: str
    name: str
    first: int
    last: int
    all_strides: tuple[int, ...] = ()

    @property
    def channels(self) -> int:
        """How many columns it has."""
        return self.last - self.first

    def __str__(self) -> str:
        return f"{self.channels} {self.role}"


@dataclass(frozen=True, slots=True)
class Group:
    """Outputs whose rows belong together: those of one stride, or of all strides.

    Attributes:
        strides: as in `Cells`; () for rows that belong to no grid.
        parts: what the columns are; those of one role come side by side, in this order.
        per_cell: rows per cell.
    """

    strides: tuple[int, ...]
    parts: tuple[Part, ...]
    per_cell: int = 1

    def __str__(self) -> str:
        return ", ".join(map(str, self.parts))

    def channels(self, role: str) -> int:
        """How many columns of this role there are."""
        return sum(part.channels for part in self.parts if part.role == role)

    def renamed(self, before: str, after: str) -> Group:
        """The same with another word for a role."""
        words = {before: after}
        return replace(self, parts=tuple(replace(part, role=words.get(part.role, part.role)) for part in self.parts))

    def cells(self, height: int, width: int) -> Cells:
        """The cells of its rows, for an input of so many pixels."""
        return _cells(height, width, self.strides, self.per_cell)

    def tables(self, outputs: Arrays, cells: Cells) -> dict[str, AnyArray]:
        """Role -> rows [N, channels] of one image's outputs; views where the layout allows it."""
        found: dict[str, AnyArray] = {}
        for part in self.parts:
            rows = self._rows(part, outputs[part.name], cells)[:, part.first : part.last]
            if part.role in found:
                rows = np.concatenate((found[part.role], rows), axis=1)
            found[part.role] = rows
        return found

    def trial_rows(self, evidence: Evidence) -> dict[str, AnyArray]:
        """The rows of a trial run."""
        card = evidence.card
        return self.tables(evidence.probe("textured"), self.cells(card.height, card.width))

    def _rows(self, part: Part, array: AnyArray, cells: Cells) -> AnyArray:
        if part.all_strides:
            return _of_stride(array, cells, part.all_strides)
        if len(self.strides) == 1:
            return levels.rows(array, cells.lines, cells.columns, self.per_cell)
        return array[0] if array.ndim > 2 else array


def _of_stride(array: AnyArray, cells: Cells, strides: tuple[int, ...]) -> AnyArray:
    """The rows [N, C] of one stride in an output [1, …, N] of several, the finest first."""
    (stride,) = cells.strides
    counts = {each: grids.cells(cells.height, cells.width, (each,)) for each in strides}
    first = sum(counts[each] for each in strides[: strides.index(stride)])
    columns = array.reshape(-1, array.shape[-1])
    return columns.T[first : first + counts[stride]]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads outputs that are bound to their roles; what `Match.decode` carries.

    Attributes:
        groups: the outputs, the finest stride first.
        formula: from rows to candidates.
    """

    groups: tuple[Group, ...]
    formula: Formula

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """The candidates of all groups."""
        found = []
        for group in self.groups:
            cells = group.cells(frame.height, frame.width)
            found.append(self.formula(group.tables(outputs, cells), cells, frame.conf))
        return found[0] if len(found) == 1 else Candidates.joined(found)
