"""One output with the rows of all strides: scores of classes, then a distribution for each of four sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgerun.contract import Evidence
from edgerun.heads import grids, levels, value_checks
from edgerun.heads.bound_outputs import Group, Part
from edgerun.heads.readings import Bound
from edgerun.tensors import AnyArray

__all__ = ["DflTable"]


@dataclass(frozen=True)
class DflTable:
    """The columns of [1, N, C + 4 · bins]; a `Binding` of `readings`.

    Attributes:
        strides: model pixels per cell.
        bins: the numbers of bins that a family has.
    """

    strides: tuple[int, ...]
    bins: tuple[int, ...]

    def __call__(self, evidence: Evidence) -> Bound | str:
        """The columns, where a trial run tells scores from the logits behind them; why not."""
        card = evidence.card
        strides = ", ".join(map(str, self.strides))
        count = grids.cells(card.height, card.width, self.strides)
        table = levels.of_rows(levels.specs(evidence.outputs), count)
        if len(table) != 1:
            return f"it needs one output [1, N, C + 4 · bins], one row per cell of strides {strides}"
        name, columns = table[0].name, table[0].channels
        classes = _scores_among(levels.rows(evidence.probe("textured")[name], count, 1))
        bins, rest = divmod(columns - classes, 4)
        if bins not in self.bins or rest or not classes:
            return f"of {columns} columns the first {classes} are scores, and no four distributions follow"
        parts = Part("scores", name, 0, classes), Part("distances", name, classes, columns)
        why = f"{classes} scores and 4 x {bins} bins at strides {strides}"
        return Bound((Group(self.strides, parts),), {name: "scores, distances"}, classes, why)


def _scores_among(rows: AnyArray) -> int:
    """How many columns from the first are scores: those in 0..1; the logits behind them fall below."""
    inside: AnyArray = np.all((rows >= -value_checks.TOLERANCE) & (rows <= 1 + value_checks.TOLERANCE), axis=0)
    return len(inside) if inside.all() else int(inside.argmin())
