"""Rows after suppression, the best first, with more than a box: a family says what its columns are.

DECODERS = (ranked_rows("yolo-pose-end2end", "xyxy score class keypoints", YOLO),)

Words in the order of the columns: cxcywh or xyxy, score, class, and one of keypoints, weights, angle.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from edgerun.contract import Arrays, Candidates, Convention, Decoder, Evidence, Frame, Inference, Match, Sure
from edgerun.heads import finished_rows, keypoint_columns, prototypes, value_checks
from edgerun.heads.grid_columns import BOX_READERS, TASKS, with_tail
from edgerun.heads.keypoint_columns import Keypoints
from edgerun.heads.prototypes import Prototypes
from edgerun.heads.requirements import Unmet, require, verdict
from edgerun.tensors import AnyArray

__all__ = ["RankedReader", "ranked_rows"]

LAYOUTS = tuple(product(BOX_READERS, ("score",), ("class",), TASKS))
"""The words of all layouts."""

FIRST_BEHIND = 6
"""The first column behind box, score and class."""

LEAST_BEHIND = {"angle": 1, "weights": 1, "keypoints": 2}

LAST_ANGLE = np.pi + value_checks.TOLERANCE
"""An angle lies in -π .. π, but for rounding."""


ENDS = Inference("an end-to-end head", suppressed=True)


def ranked_rows(name: str, columns: str, *conventions: Convention) -> Decoder:
    """A family of rows after suppression, the best first.

    Args:
        name: of the decoder.
        columns: words in the order of the columns: "xyxy score class keypoints"; all of them are listed above.
        conventions: what the family's models are fed.

    Raises:
        ValueError: for columns that are not such words.
    """
    words = tuple(columns.split())
    if words not in LAYOUTS:
        raise ValueError(f"columns must be a box, score, class and one of {', '.join(TASKS)}, not {columns!r}")
    box, _, _, tail = words
    return Decoder(name, _Family(columns, box, tail, conventions).matches, suppress=False)


@dataclass(frozen=True)
class RankedReader:
    """Reads rows [1, N, 6 + …], `Match.decode` of these families.

    Attributes:
        output: its name.
        box: "cxcywh" or "xyxy".
        tail: "keypoints", "weights" or "angle".
        keypoints: how many there are.
        planes: the prototypes that weights belong to.
    """

    output: str
    box: str
    tail: str
    keypoints: int = 0
    planes: Prototypes | None = None

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """Candidates of one image, boxes in the model's own units.

        Raises:
            DecoderUnknown: the rows cannot be what they are read as.
        """
        rows = outputs[self.output][0]
        rows = rows[finished_rows.are_filled(rows[:, :FIRST_BEHIND])]
        filled = BOX_READERS[self.box](rows[:, :4]), rows[:, 4], rows[:, 5]
        rows = rows[rows[:, 4] >= frame.conf]
        boxes = rows[:, :4]
        found = Candidates(BOX_READERS[self.box](boxes), rows[:, 4].copy(), rows[:, 5].astype(np.int32))
        found = with_tail(found, self.tail, boxes, rows[:, FIRST_BEHIND:], self.keypoints)
        found = finished_rows.settled(found, *filled, frame)
        return found if self.planes is None else self.planes.beside(found, outputs)


class _Family(NamedTuple):
    """A family as `ranked_rows` declares it."""

    columns: str
    box: str
    tail: str
    conventions: tuple[Convention, ...]

    @verdict
    def matches(self, evidence: Evidence) -> Match:
        """How sure the family is that a model is of it."""
        card, task = evidence.card, TASKS[self.tail]
        require(card.task == task or not evidence.known("task"), f"it reads {task} models, not {card.task}")
        planes = prototypes.of(evidence) if self.tail == "weights" else None
        output = self._output(evidence, planes)
        rows = evidence.probe("textured")[output][0]
        said = card.task == task or card.decoder is not None
        seen = bool(rows[:, 4].any())
        require(seen or said or planes, "a trial run finds nothing to tell its columns by; say the task")
        if len(rows):
            _check_ranked(rows, len(card.labels))
        if self.tail == "angle":
            _check_angle(rows, said=said)
        keypoints = self._keypoints(rows, evidence)
        reader = RankedReader(output, self.box, self.tail, keypoints.count, planes)
        boxes = BOX_READERS[self.box](finished_rows.filled(rows)[:, :4])
        units = finished_rows.units(boxes, evidence)
        brought = [*self.conventions, Inference("the outputs", task=task), ENDS, units]
        if keypoints.count:
            brought.append(keypoints.inference)
        sure = Sure.CERTAIN if seen else Sure.LIKELY
        return Match.bringing(sure, f"rows of {self.columns}, the best first", *brought, decode=reader)

    def _output(self, evidence: Evidence, planes: Prototypes | None) -> str:
        """The name of the one table with as many columns as the words need."""
        tables = [spec for spec in evidence.outputs if len(spec.shape) == 3 and spec.shape[0] == 1]
        alone = len(tables) == 1 and len(evidence.outputs) == (2 if planes else 1)
        require(alone, f"it needs one output of rows: {self.columns}")
        columns = tables[0].shape[2] or 0
        least = FIRST_BEHIND + LEAST_BEHIND[self.tail]
        require(columns >= least, f"{columns} columns are not {self.columns}")
        fixed = {"angle": least, "weights": FIRST_BEHIND + (planes.count if planes else 0)}
        require(columns == fixed.get(self.tail, columns), f"{columns} columns are not {self.columns}")
        return tables[0].name

    def _keypoints(self, rows: AnyArray, evidence: Evidence) -> Keypoints:
        """The keypoints of each row; none for other families."""
        if self.tail != "keypoints":
            return Keypoints(0, 0)
        found = keypoint_columns.layout_of(rows[:, FIRST_BEHIND:].T, rows[:, :4], evidence)
        if found is None:
            behind = rows.shape[1] - FIRST_BEHIND
            raise Unmet(f"{behind} columns behind box, score and class are not keypoints; say keypoints=")
        return found


def _check_ranked(rows: AnyArray, labels: int) -> None:
    """Hold fifth and sixth column against what a score and a class are, the best first.

    Args:
        rows: [N, 6 + …] of a trial run.
        labels: how many there are; 0 where nobody says.
    """
    scores, classes = rows[:, 4], rows[:, 5]
    require(value_checks.shares(scores), "the fifth column of a trial run leaves 0..1, so it is not a score")
    require(value_checks.integers(classes), "the sixth column of a trial run holds fractions, so it is not a class")
    require(not (np.diff(scores) > 0).any(), "the rows of a trial run are not sorted by score")
    last = classes.max()
    require(last < (labels or np.inf), f"a trial run gives class {last:.0f} of {labels} labels")


def _check_angle(rows: AnyArray, *, said: bool) -> None:
    """Hold the seventh column against what an angle is, and the first four against corners.

    Args:
        rows: [N, 7] of a trial run.
        said: whether somebody says that boxes are oriented.
    """
    within = (np.abs(rows[:, 6]) <= LAST_ANGLE).all()
    require(within, "the seventh column of a trial run leaves -π .. π, so it is not an angle")
    upright = (rows[:, 2:4] >= rows[:, :2]).all()
    require(said or not upright, 'its rows may as well begin with x1 y1 x2 y2; if they are oriented, say task="obb"')
