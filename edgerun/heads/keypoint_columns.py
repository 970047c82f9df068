"""How many keypoints the last columns of a row hold, as somebody says or as a trial run shows."""

from __future__ import annotations

from dataclasses import dataclass

from edgerun.contract import Alternative, Evidence, Inference
from edgerun.contract.convention import Alternatives
from edgerun.heads import value_checks
from edgerun.heads.grid_facts import GridFacts
from edgerun.heads.requirements import require
from edgerun.tensors import AnyArray

__all__ = ["ASK", "Keypoints", "before_scores", "counted", "layout_of", "may_be_keypoints", "said"]

ASK: dict[str, Alternatives] = {
    "keypoints": (Alternative({"keypoints": 17, "keypoint_dims": 3}, "say, for the joints of COCO's persons"),)
}
"""`Match.unsettled` where columns are keypoints and their number cannot be told."""

PATTERNS = {3: [False, False, True], 2: [False, False]}
"""Columns of a keypoint -> whether each stays in 0..1: x and y do not, a visibility does."""


@dataclass(frozen=True)
class Keypoints:
    """How many there are, and how many columns each of them has: 2 (x y) or 3 (x y visibility)."""

    count: int
    dims: int

    @property
    def width(self) -> int:
        """Columns of all."""
        return self.count * self.dims

    @property
    def inference(self) -> Inference:
        """What a card says of them."""
        return Inference("values of a probe run", keypoints=self.count, keypoint_dims=self.dims)


def layout_of(columns: AnyArray, boxes: AnyArray, evidence: Evidence) -> Keypoints | None:
    """The keypoints in these columns, as the card says, else by values: only a visibility stays in 0..1.

    Args:
        columns: [K · D, N] of a trial run.
        boxes: [N, 4] of the same rows; keypoints are in their units.

    Returns:
        None where these are no keypoints, or as many as the card says do not fill the columns.
    """
    if evidence.known("keypoints"):
        return said(len(columns), evidence)
    if value_checks.unit(columns.T) != value_checks.unit(boxes):  # weights of masks, say
        return None
    inside = [value_checks.shares(column) for column in columns]
    for dims, pattern in PATTERNS.items():
        count = len(columns) // dims
        if inside == pattern * count:
            return Keypoints(count, dims) if count else None
    return None


def said(width: int, evidence: Evidence) -> Keypoints | None:
    """As many as the card says, if they fill so many columns; else None."""
    card = evidence.card
    said = Keypoints(card.keypoints, card.keypoint_dims)
    if not evidence.known("keypoint_dims"):
        said = Keypoints(card.keypoints, width // max(1, card.keypoints))
    return said if said.dims in PATTERNS and said.width == width else None


def counted(facts: GridFacts, first: int, evidence: Evidence) -> Keypoints | None:
    """The keypoints behind the scores of a table on a grid; classes are as many as labels, else up to the first column
    that leaves 0..1.

    Args:
        first: the first column of scores.

    Returns:
        None where there are none, or it cannot be told.
    """
    if evidence.known("keypoints"):
        return Keypoints(evidence.card.keypoints, evidence.card.keypoint_dims)
    classes = len(evidence.card.labels) or _inside(facts, first)
    return layout_of(facts.table[first + classes :], facts.boxes, evidence) if classes else None


def before_scores(facts: GridFacts, first: int, evidence: Evidence) -> Keypoints:
    """The points x y from this column on, up to the first that stays in 0..1, as scores do; in pixels they leave it.

    Raises:
        Unmet: where there are none, or not as many as the card says.
    """
    inside = facts.columns_in_unit_range[first:]
    width = int(inside.argmax()) if inside.any() else 0
    require(width >= 2 and width % 2 == 0, "no points x y in pixels stand between objectness and scores in a trial run")
    found = Keypoints(width // 2, 2)
    told = not evidence.known("keypoints") or evidence.card.keypoints == found.count
    require(told, f"{width} columns are not {evidence.card.keypoints} points")
    return found


def _inside(facts: GridFacts, first: int) -> int:
    """Columns from this one on before the first that leaves 0..1; 0 where none does."""
    outside = ~facts.columns_in_unit_range[first:]
    return int(outside.argmax())


def may_be_keypoints(facts: GridFacts, evidence: Evidence) -> bool:
    """Whether columns behind a box and a score may be keypoints in 0..1, which no values tell from scores."""
    if not facts.in_unit or _inside(facts, 4) or evidence.card.labels:
        return False
    return facts.unlike_scores(slice(5, None), slice(4, 5))
