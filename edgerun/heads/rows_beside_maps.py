"""Heads whose boxes and classes come stride by stride, and their points or angles in one output for all strides.

Maps [1, 64 + C, h, w] beside points [1, K · D, N] or [1, K, D, N], or angles [1, 1, N]; N is the number of cells. This
is what the networks return while they are trained, where points are raw and angles finished already, and what some
compilers' exports keep, where points may be finished as well; the values of a trial run tell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgerun.contract import Evidence, TensorSpec
from edgerun.heads import grid_checks, grids, output_roles, value_checks
from edgerun.heads.bound_outputs import Group, Part
from edgerun.heads.raw_tails import ANGLE, FINISHED, POINTS, points_in
from edgerun.heads.readings import Bound
from edgerun.heads.requirements import Unmet, or_reason, reject, require
from edgerun.heads.stride_outputs import StrideOutputs
from edgerun.tensors import AnyArray

__all__ = ["RowsBesideMaps"]

IN_ORDER = 0.5
"""Correlation of finished points with the middles of their cells, at least; that of raw ones is about nought."""

MOST_RAW = 16.0
"""Cells: points of a person lie nearer to the cell that sees it, in the median."""


@dataclass(frozen=True)
class RowsBesideMaps:
    """A `Binding` of `readings`.

    Attributes:
        maps: the outputs of each stride.
        kind: what the further output holds, "keypoints" or "angle".
    """

    maps: StrideOutputs
    kind: str

    @or_reason
    def __call__(self, evidence: Evidence) -> Bound:
        """The outputs and their roles, or why they are not such outputs."""
        card, strides = evidence.card, self.maps.strides
        count = grids.cells(card.height, card.width, strides)
        beside = [spec for spec in evidence.outputs if len(spec.shape) in (3, 4) and spec.shape[-1] == count]
        require(len(beside) == 1, f"it needs maps, and one output [1, …, {count}] of {self.kind}")
        maps = self.maps(replace(evidence, outputs=[spec for spec in evidence.outputs if spec is not beside[0]]))
        if isinstance(maps, str):
            raise Unmet(maps)
        part = self._part(beside[0], evidence)
        groups = tuple(_with(group, part, strides) for group in maps.groups)
        roles = output_roles.of_groups(groups)
        reject(output_roles.contradiction(roles, card.outputs))
        return replace(maps, groups=groups, roles=roles, why=f"{maps.why}, and {part} beside them")

    def _part(self, spec: TensorSpec, evidence: Evidence) -> Part:
        """All columns of the further output, with their role."""
        columns = evidence.probe("textured")[spec.name].reshape(-1, spec.shape[-1] or 0)
        if self.kind == ANGLE:
            return Part(_role_of_angles(columns), spec.name, 0, len(columns))
        points = points_in(len(columns), evidence, spec.shape[2] if len(spec.shape) == 4 else None)
        role = POINTS[points.dims]
        middles = grids.centres(evidence.card.height, evidence.card.width, self.maps.strides)
        return Part(FINISHED[role] if _are_pixels(columns, middles) else role, spec.name, 0, len(columns))


def _with(group: Group, part: Part, strides: tuple[int, ...]) -> Group:
    """A group with its own rows of the further output."""
    return replace(group, parts=(*group.parts, replace(part, all_strides=strides)))


def _role_of_angles(columns: AnyArray) -> str:
    """The role of angles [1, N] of a trial run, by their range."""
    require(len(columns) == 1, f"{len(columns)} columns are not one angle")
    within = columns.min() >= grid_checks.LEAST_ANGLE and columns.max() <= grid_checks.MOST_ANGLE
    told = not value_checks.shares(columns)
    require(told, "angles that lie in 0..1 throughout may be radians, or still to be made so")
    return FINISHED[ANGLE] if within else ANGLE


def _are_pixels(columns: AnyArray, middles: AnyArray) -> bool:
    """Whether points [K · D, N] of a trial run are finished, by whether x of the first follows that of the cells."""
    x = columns[0]
    far = np.abs(x).max() > value_checks.LARGEST_UNIT
    in_order = x.std() > 0 and np.corrcoef(x, middles[:, 0])[0, 1] > IN_ORDER
    raw = np.median(np.abs(x)) <= MOST_RAW
    require(in_order or raw, "what should be points of a probe run lie nowhere near their cells")
    require(far or not in_order, "points in 0..1 beside maps are not read")
    return bool(in_order)
