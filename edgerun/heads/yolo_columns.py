"""What the heads of YOLO with more than boxes have in common: rows on a grid or finished, and their conventions."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.contract import Evidence, Match, ModelCard, Sure
from edgerun.heads import grids, value_checks
from edgerun.tensors import AnyArray

__all__ = [
    "SCORE_MEDIAN",
    "channels_of",
    "conventions",
    "fifth_is_objectness",
    "finished",
    "given_an_object",
    "nothing_anywhere",
    "on_grid",
    "only",
    "strides_of",
    "unlike_scores",
]

SCORE_MEDIAN = 0.1
"""Of a class's scores all over a picture the median is far below: hardly any cell holds an object."""


def only(evidence: Evidence, rank: int, count: int) -> str:
    """The name of the one output of this rank among so many outputs; "" where there is none."""
    names = [spec.name for spec in evidence.outputs if len(spec.shape) == rank and spec.shape[0] == 1]
    return names[0] if len(names) == 1 and len(evidence.outputs) == count else ""


NOTHING = 0.03
"""On a picture of nothing the best class of most cells is far below, and the best class given an object far above:
YOLOv8n 2e-6, YOLOv5n 0.19, YOLOX-Nano 0.15 on the textured picture."""


def given_an_object(rows: AnyArray) -> bool:
    """Whether these columns [4 + …, N] behind a box are an objectness and shares given an object, in any order.

    The shares are learnt only where objects are, and mean nothing elsewhere; the objectness is low nearly everywhere.
    """
    if len(rows) < 6:
        return False
    medians = np.median(rows[4:], axis=1)
    return bool(np.median(rows[4:].max(axis=0)) >= NOTHING and medians.min() < NOTHING / 3)


def fifth_is_objectness(rows: AnyArray) -> bool:
    """Whether of these columns [5 + C, N] the fifth may be the objectness: no other is far lower nearly everywhere."""
    middle, high = np.percentile(rows[4:], (50, 90), axis=1)
    return not ((middle < middle[0] / 10) & (high < high[0] / 10)).any()


def nothing_anywhere(rows: AnyArray) -> bool:
    """Whether most cells of a table [4 + …, N] see nothing, in any column, as those of a head without objectness."""
    return bool(np.median(rows[4:].max(axis=0)) < NOTHING)


def channels_of(shape: Any, height: int, width: int, per_cell: int = 1) -> int:
    """Channels of an output [1, C, N] or [1, N, C] whose N is the number of anchors; 0 where it is no such output."""
    if len(shape) == 3:
        for count, channels in ((shape[2], shape[1]), (shape[1], shape[2])):
            if count and channels and grids.ladder_of(count, height, width, per_cell):
                return int(channels)
    return 0


def on_grid(array: AnyArray, height: int, width: int, per_cell: int = 1) -> AnyArray:
    """Such an output as [C, N], a view: the threshold then runs along memory where channels came first."""
    rows: AnyArray = array[0]
    return rows if grids.ladder_of(rows.shape[1], height, width, per_cell) else rows.T


def strides_of(rows: AnyArray, card: ModelCard, per_cell: int = 1) -> tuple[int, ...]:
    """The strides of a table [C, N] on a grid."""
    return grids.ladder_of(rows.shape[1], card.height, card.width, per_cell) or ()


def unlike_scores(rows: AnyArray, scores: AnyArray) -> bool:
    """Whether any of these rows [C, N] stays high all over a picture, as no class does, and these scores do not."""
    low = not scores.size or np.median(scores, axis=1).max() <= SCORE_MEDIAN
    return bool(rows.size and low and np.median(rows, axis=1).max() > SCORE_MEDIAN)


def finished(rows: AnyArray, *, said: bool) -> str:
    """Why these rows [N, 6 + …] are not a box, a score and a class each, the best first; "" where they may be.

    Args:
        said: whether somebody says the task; else rows without any score are too little to go by.
    """
    if said and not len(rows):
        return ""
    if not said and not rows[:, 4].any():
        return "a probe run finds nothing to tell its columns by; say the task"
    if not value_checks.shares(rows[:, 4]):
        return "the fifth column of a probe run leaves 0..1, so it is no score"
    if not value_checks.integers(rows[:, 5]):
        return "the sixth column of a probe run holds fractions, so it is no class"
    return "the rows of a probe run are not sorted by score" if (np.diff(rows[:, 4]) > 0).any() else ""


def conventions(boxes: AnyArray, task: str, *, end2end: bool = False) -> tuple[dict[str, Any], dict[str, str]]:
    """(fields, basis) that all of them share.

    Args:
        boxes: [N, 4] of a probe run.
    """
    fields: dict[str, Any] = {"resize": "letterbox", "color": "rgb", "scale": 1 / 255, "fill": 114}
    basis = dict.fromkeys(fields, "convention: YOLO is trained so")
    fields["task"], basis["task"] = task, "inferred: the outputs"
    if end2end:
        fields["suppressed"], basis["suppressed"] = True, "inferred: an end-to-end head"
    if len(boxes):
        fields["box_units"] = "unit" if value_checks.unit(boxes) else "pixels"
        basis["box_units"] = f"inferred: boxes of a probe run reach {np.abs(boxes).max():.4g}"
    return fields, basis


def refused(evidence: Evidence, task: str) -> Match | None:
    """The verdict where somebody says another task."""
    said = evidence.card.task
    return Match(Sure.NO, f"it reads {task} models, not {said}") if evidence.known("task") and said != task else None
