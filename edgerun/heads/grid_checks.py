"""What speaks against a layout: for each word of its columns, what a trial run must show of them.

Every family is held against the same list, so that none has to know the marks of its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgerun.contract import Evidence, Sure
from edgerun.heads import value_checks
from edgerun.heads.grid_columns import Columns
from edgerun.heads.grid_facts import GridFacts
from edgerun.heads.requirements import reject, require

__all__ = ["check", "sureness", "ungridded"]

LEAST_ANGLE, MOST_ANGLE = -np.pi / 4 - value_checks.TOLERANCE, 3 * np.pi / 4 + value_checks.TOLERANCE
"""Ultralytics' angles lie in -π/4 .. 3π/4, but for rounding."""


MOST_FINISHED = 1000
"""Rows that an export with its suppression inside gives at most; 300 unless somebody asks for more."""

SURE_STRIDES = 3
"""Strides of a grid whose number of rows hardly ever is that of something else."""


def ungridded(facts: GridFacts) -> str:
    """Why rows are not one for each anchor of a grid, although they are as many; "" where they may be.

    End-to-end rows are 100, 300 or 1000, which is the number of the cells of some inputs as well: 300 are those of
    480 x 640 at stride 32.
    """
    grid = facts.grid
    if grid.count <= MOST_FINISHED and facts.are_ranked:
        return "the rows of a trial run come best first, as after suppression, not cell by cell"
    if grid.count <= MOST_FINISHED and facts.are_padded:
        return "some rows of a trial run hold nothing, as those that pad finished rows"
    if grid.per_cell == 1 and len(grid.strides) < SURE_STRIDES and not facts.lie_on_cells:
        return f"{grid.count} rows are {grid} by their number alone: the boxes of a trial run do not hold their cells"
    return ""


def check(columns: Columns, facts: GridFacts, evidence: Evidence) -> None:
    """Hold the columns of a layout against a trial run.

    Raises:
        Unmet: with what speaks against them.
    """
    for word in (columns.box, columns.confidence, "scores", columns.tail):
        _CHECKS[word](columns, facts, evidence)
    reject(facts.misread(columns.box))


def sureness(columns: Columns, facts: GridFacts, evidence: Evidence, sure: Sure, labelled: Sure) -> Sure:
    """How sure a layout is that nothing speaks against.

    Args:
        sure: where values alone speak for it.
        labelled: where the number of labels does too.
    """
    card = evidence.card
    if columns.tail == "angle":
        return _sure_of_angle(columns, facts, evidence)
    if card.labels:
        return labelled
    return Sure.POSSIBLE if _may_lack_objectness(columns, facts) else sure


def _sure_of_angle(columns: Columns, facts: GridFacts, evidence: Evidence) -> Sure:
    """An angle in 0..1 may be one more class than there are labels; the task settles it."""
    if evidence.card.task == "obb":
        return Sure.CERTAIN
    doubtful = evidence.card.labels and facts.in_unit_range(columns.behind)
    return Sure.POSSIBLE if doubtful else Sure.LIKELY


def _may_lack_objectness(columns: Columns, facts: GridFacts) -> bool:
    """Whether an objectness may as well be the first class of a head of one anchor per cell."""
    lone = columns.confidence == "objectness" and facts.grid.per_cell == 1
    return lone and not facts.given_an_object(columns.confidences)


def _nothing(columns: Columns, facts: GridFacts, evidence: Evidence) -> None:
    """For columns that are not there."""


def _cxcywh(columns: Columns, facts: GridFacts, evidence: Evidence) -> None:
    require(not facts.sizes_are_negative, "widths and heights of a trial run are negative")
    require(not facts.corner_like, "the boxes of a trial run are corners x1 y1 x2 y2, not centres and sizes")
    require(not facts.sizes_are_cut_off, "the sizes of a trial run are cut off, as by a quantisation made for scores")


def _xyxy(columns: Columns, facts: GridFacts, evidence: Evidence) -> None:
    corners = facts.corner_like and facts.corners_cover_input
    require(corners, "the boxes of a trial run are not x1 y1 x2 y2 in pixels, all over the input")


def _objectness(columns: Columns, facts: GridFacts, evidence: Evidence) -> None:
    require(facts.in_unit_range(slice(4, 5)), "the objectness of a trial run leaves 0..1")
    require(not facts.are_ones(slice(4, 5)).any(), "the fifth column of a trial run is 1 throughout")
    fifth = facts.fifth_is_objectness(columns.confidences)
    require(fifth, "another column than the fifth of a trial run behaves like the objectness")
    if facts.grid.per_cell == 1:
        require(facts.centres_cover_input, f"boxes of a trial run reach {facts.reach:.4g}: they are not decoded")
        empty = facts.nothing_anywhere(columns.confidences)
        require(not empty, "no column of a trial run is a score given an object: all are low, as classes are")


def _ones(columns: Columns, facts: GridFacts, evidence: Evidence) -> None:
    require(facts.are_ones(slice(4, 5)).all(), "the fifth column of a trial run is not 1 throughout")


def _scores(columns: Columns, facts: GridFacts, evidence: Evidence) -> None:
    require(facts.in_unit_range(columns.scores), "the class scores of a trial run leave 0..1")
    if not columns.confidence:
        require(not facts.are_ones(columns.scores).any(), "a column of a trial run is 1 throughout, as no class is")
        believed = evidence.known("decoder") or not facts.given_an_object(columns.scores)
        require(believed, "the columns behind the box are an objectness and scores given an object")


def _weights(columns: Columns, facts: GridFacts, evidence: Evidence) -> None:
    require(not facts.in_unit_range(columns.behind), "what should be weights of masks stays in 0..1 in a trial run")


def _angle(columns: Columns, facts: GridFacts, evidence: Evidence) -> None:
    angles = facts.table[columns.behind]
    within = angles.min() >= LEAST_ANGLE and angles.max() <= MOST_ANGLE
    require(within, "the last column of a trial run leaves -π/4 .. 3π/4, so it is not an angle")
    if facts.in_unit_range(columns.behind):  # a class may do the same
        said = evidence.card.task == "obb" or columns.classes > 1
        require(said, 'its last columns may as well be an objectness and a class; if it is oriented, say task="obb"')
        unlike = facts.unlike_scores(columns.behind, columns.scores)
        require(unlike, "the last column of a trial run behaves like the scores of a class, not like an angle")


_CHECKS: Mapping[str, Callable[[Columns, GridFacts, Evidence], None]] = {
    "": _nothing, "keypoints": _nothing, "cxcywh": _cxcywh, "xyxy": _xyxy, "objectness": _objectness, "ones": _ones,
    "scores": _scores, "weights": _weights, "angle": _angle,
}  # fmt: skip
