"""Heads of distributions and classes with something more behind them: points of a pose, or an angle.

Where all of it comes in one output per stride, the number of channels does not tell classes from what follows:
64 + 1 + 15 channels may be 1 class and 5 points, 15 classes and an angle, or 16 classes. Labels, the number of points
and the task tell, else the values of a trial run: hardly any cell holds an object of a class, while points and angles
have a value everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from edgerun.contract import Evidence
from edgerun.heads import keypoint_columns, output_roles, scores
from edgerun.heads.bound_outputs import Group, Part, Tables
from edgerun.heads.keypoint_columns import Keypoints
from edgerun.heads.readings import Bound, Observed
from edgerun.heads.requirements import Unmet, require
from edgerun.heads.stride_outputs import StrideOutputs
from edgerun.tensors import AnyArray

__all__ = ["ANGLE", "FINISHED", "POINTS", "RawTail", "apart", "like_classes", "points_in"]

POINTS = {3: "keypoints", 2: "keypoints without visibility"}
"""Columns of a point -> the role of an output that holds some."""

ANGLE = "angle"

FINISHED = {
    POINTS[3]: "keypoints in pixels",
    POINTS[2]: "keypoints in pixels without visibility",
    ANGLE: "angle in radians",
}
"""Role -> that of the same where the network has finished them."""

LEAST_HIGH = scores.logit(0.1)
"""Of a class's logits all over an image the median is below, as `grid_facts.SCORE_MEDIAN` has it for its scores."""


def like_classes(table: AnyArray) -> AnyArray:
    """Of each column of logits [N, C], whether it may be that of a class. bool [C]."""
    return np.asarray(np.median(table, axis=0) <= LEAST_HIGH)


def apart(tables: Tables) -> bool:
    """Whether scores are like those of classes and the tail is not, where numbers of channels do not tell them."""
    tails = [table for role, table in tables.items() if role not in ("distances", "scores")]
    return bool(like_classes(tables["scores"]).all()) and not any(like_classes(table).all() for table in tails)


@dataclass(frozen=True)
class RawTail:
    """Outputs of which the last columns are no classes; a `Binding` of `readings`.

    Attributes:
        outputs: those of each stride, where what follows the distances is taken for classes.
        kind: what the last columns are.
    """

    outputs: StrideOutputs
    kind: Literal["keypoints", "angle"]

    def __call__(self, evidence: Evidence) -> Bound | str:
        """The outputs with the roles of their columns, or why they are not such outputs."""
        bound = self.outputs(evidence)
        if isinstance(bound, str):
            return bound
        behind = np.concatenate(Observed(evidence, bound).tables("logits", "scores"))
        width = self._width(behind, evidence)
        classes = behind.shape[1] - width
        if width < 1 or classes < 1:
            return f"the columns of a probe run do not show where classes end and {self.kind} begin"
        try:
            role = ANGLE if self.kind == ANGLE else POINTS[points_in(width, evidence).dims]
        except Unmet as unmet:
            return str(unmet)
        groups = tuple(_cut(group, width, role) for group in bound.groups)
        why = f"{groups[0]} at strides {', '.join(map(str, self.outputs.strides))}"
        return replace(bound, groups=groups, roles=output_roles.of_groups(groups), classes=classes, why=why)

    def _width(self, behind: AnyArray, evidence: Evidence) -> int:
        """Columns of what follows the classes; 0 where it cannot be told."""
        card, columns = evidence.card, int(behind.shape[1])
        if self.kind == "angle":
            return 1
        if evidence.known("keypoints") and evidence.known("keypoint_dims"):
            return card.keypoints * card.keypoint_dims
        if card.labels:
            return columns - len(card.labels)
        classes = like_classes(behind)
        return 0 if classes.all() else columns - int(classes.argmin())


def points_in(width: int, evidence: Evidence, dims: int | None = None) -> Keypoints:
    """The points in so many columns, as the card says or as the number allows one way alone.

    Args:
        width: columns.
        evidence: of the model.
        dims: numbers for each point, where the output's shape tells.

    Raises:
        Unmet: there are none, or the number allows several ways.
    """
    if evidence.known("keypoints"):
        points = keypoint_columns.said(width, evidence)
        if points is None:
            raise Unmet(f"{width} columns are not {evidence.card.keypoints} points")
        return points
    fitting = [each for each in POINTS if width % each == 0 and dims in (None, each)]
    told = len(fitting) == 1
    require(told, f"{width} columns of points may be of two or of three numbers; say keypoints= and keypoint_dims=")
    return Keypoints(width // fitting[0], fitting[0])


def _cut(group: Group, width: int, role: str) -> Group:
    """A group whose last columns have a role of their own."""
    *before, last = group.parts
    classes = replace(last, role="logits", last=last.last - width)
    return replace(group, parts=(*before, classes, Part(role, last.name, classes.last, last.last)))
