"""What was read beside what was made up: the rows of both, and how they are compared."""

from __future__ import annotations

import numpy as np

from edgerun import Detections
from edgerun.contract import Candidates
from edgerun.tensors import AnyArray
from edgerun.testing.heads import Head

__all__ = ["assert_same", "is_same", "rows_of"]

PIXELS = 1e-3
"""How far the edges of a box may be off."""


def rows_of(found: Candidates | Detections) -> AnyArray:
    """x1 y1 x2 y2 score class of each row, the best first."""
    if isinstance(found, Detections):
        columns = (found.xyxy, found.score, found.class_id)
    else:
        columns = (found.boxes, found.scores, found.classes)
    rows = np.column_stack(columns)
    return rows[np.argsort(-rows[:, 4], kind="stable")]


def assert_same(found: Candidates | Detections, objects: AnyArray, head: Head) -> None:
    """Fail unless just these objects were found."""
    rows = rows_of(found)
    expected = objects[np.argsort(-objects[:, 4], kind="stable")]
    assert len(rows) == len(expected)
    np.testing.assert_allclose(rows[:, :4], expected[:, :4], atol=PIXELS)
    np.testing.assert_allclose(rows[:, 4], expected[:, 4], atol=head.score_tolerance)
    np.testing.assert_array_equal(rows[:, 5], expected[:, 5])


def is_same(found: Candidates | Detections, objects: AnyArray, head: Head) -> bool:
    """Whether just these objects were found."""
    try:
        assert_same(found, objects, head)
    except AssertionError:
        return False
    return True
