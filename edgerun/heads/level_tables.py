"""Heads that answer with one table per stride, whose rows are the cells of that stride, one or several per cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from edgerun.contract import Arrays, Evidence
from edgerun.heads import grids, levels
from edgerun.heads.requirements import require
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["LevelTable", "level_tables"]


class LevelTable(NamedTuple):
    """The one output of a stride.

    Attributes:
        output: its name.
        stride: model pixels per cell.
        channels: per anchor.
        per_cell: anchors per cell.
    """

    output: str
    stride: int
    channels: int
    per_cell: int = 1

    def rows(self, outputs: Arrays, height: int, width: int) -> AnyArray:
        """The table as [N, C], the anchors of a cell one after the other, for an input of so many pixels."""
        lines, columns = -(-height // self.stride), -(-width // self.stride)
        return levels.rows(outputs[self.output], lines, columns, self.per_cell)

    def corners(self, rows: AnyArray, height: int, width: int) -> FloatArray:
        """The top left corners of the cells of these rows, in model pixels, float32 [K, 2]."""
        corners: FloatArray = grids.centres(height, width, (self.stride,), 0.0)[rows // self.per_cell]
        return corners


def level_tables(evidence: Evidence, strides: Sequence[int], per_cell: int = 1) -> tuple[LevelTable, ...]:
    """One output for each of these strides, all with as many channels, which labels must not contradict.

    Args:
        strides: finest first.

    Raises:
        Unmet: where the outputs are others.
    """
    card = evidence.card
    bound = levels.bind(levels.specs(evidence.outputs), card.height, card.width, per_cell)
    found = [level for group in bound.values() for level in group]
    widths = {level.channels for level in found}
    alone = tuple(bound) == tuple(strides) == tuple(level.stride for level in found) and len(widths) == 1
    anchors = grids.SPELT.get(per_cell, per_cell)
    require(
        alone, f"it needs one output with {anchors} per cell for each of the strides {', '.join(map(str, strides))}"
    )
    (channels,) = widths
    require(channels >= 6, f"{channels} channels cannot hold a box, an objectness and a class")
    labels = len(card.labels)
    require(labels in (0, channels - 5), f"{channels} channels per anchor are not 5 + {labels} labels")
    return tuple(LevelTable(level.name, level.stride, level.channels, per_cell) for level in found)
