"""Reads rows of finished detections, whose columns are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Frame
from edgerun.errors import DecoderUnknown
from edgerun.heads import finished_rows, region_masks
from edgerun.heads.grid_columns import with_tail
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["Columns", "TableReader"]


def _as_corners(rows: AnyArray) -> FloatArray:
    return rows.astype(np.float32)


SPELT = {
    "xyxy": "x1 y1 x2 y2",
    "cxcywh": "cx cy w h",
    "angle": "angle",
    "score": "score",
    "class": "class",
    "label": "class from 1",
    "batch": "number in the batch",
}
"""Word -> the columns in a message."""

BOXES: Mapping[str, Callable[[AnyArray], FloatArray]] = {"xyxy": _as_corners, "cxcywh": cxcywh_to_xyxy}
"""Word -> corners x1 y1 x2 y2, float32 [N, 4], of four columns."""

FIRST_CLASSES = {"class": 0, "label": 1}
"""Word -> what the first class is called."""


class Columns(NamedTuple):
    """Where the columns of a row begin; -1 for those that it does not have.

    Attributes:
        words: "xyxy score class".
        width: how many columns there are.
        form: how boxes are written, "xyxy" or "cxcywh".
        box, score, number, batch, angle: the first column of each; `number` is that of the class.
        first_class: what the first class is called.
    """

    words: str
    width: int
    form: str
    box: int
    score: int
    number: int
    batch: int
    angle: int
    first_class: int

    @staticmethod
    def of(words: str) -> Columns:
        """The columns that these words stand for, in their order."""
        starts, width = {}, 0
        for word in words.split():
            starts[word] = width
            width += 4 if word in BOXES else 1
        (form,), kind = BOXES.keys() & starts, next(iter(FIRST_CLASSES.keys() & starts), "class")
        others = starts.get(kind, -1), starts.get("batch", -1), starts.get("angle", -1)
        return Columns(words, width, form, starts[form], starts["score"], *others, FIRST_CLASSES[kind])

    def boxes(self, rows: AnyArray) -> AnyArray:
        """x1 y1 x2 y2 of rows [N, width], float32; for oriented boxes before they are turned."""
        return BOXES[self.form](rows[:, self.box : self.box + 4])

    def turned(self, rows: AnyArray) -> tuple[AnyArray, AnyArray]:
        """(cx cy w h [N, 4], angle [N, 1]) of rows [N, width]."""
        return rows[:, self.box : self.box + 4], rows[:, self.angle : self.angle + 1]

    def classes(self, rows: AnyArray) -> AnyArray:
        """The class number of each row, from 0; 0 in a table that knows only one."""
        return self._column(rows, self.number) - np.float32(self.first_class)

    def batches(self, rows: AnyArray) -> AnyArray:
        """The number in the batch of each row; 0 in a table of one image."""
        return self._column(rows, self.batch)

    @staticmethod
    def _column(rows: AnyArray, place: int) -> AnyArray:
        return rows[:, place] if place >= 0 else np.zeros(len(rows), np.float32)

    def __str__(self) -> str:
        return ", ".join(SPELT[word] for word in self.words.split())


@dataclass(frozen=True, slots=True)
class TableReader:
    """Reads finished rows; all that is asked for in a frame was found out when the model was opened.

    Attributes:
        table: the output that holds the rows.
        columns: of the table.
        beside: role -> further output.
        step: in which numbers of classes are stored; 0 where they are whole.
    """

    table: str
    columns: Columns
    beside: Mapping[str, str]
    step: float = 0.0

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """The rows of the frame's image that score enough.

        Raises:
            DecoderUnknown: the rows cannot be what they are read as.
        """
        columns, rows = self.columns, outputs[self.table].reshape(-1, self.columns.width)
        meant = np.flatnonzero(finished_rows.are_filled(rows))
        rows = rows[meant]
        classes = (
            outputs[self.beside["classes"]].reshape(-1)[meant] if "classes" in self.beside else columns.classes(rows)
        )
        boxes, scores, batches = columns.boxes(rows), rows[:, columns.score], columns.batches(rows)
        _demand_batches(batches, frame)
        kept = np.flatnonzero((scores >= frame.conf) & self._of_image(batches, frame))
        numbers = np.rint(classes[kept]).astype(np.int32)
        further = self._beside(outputs, meant[kept], frame)
        found = Candidates(boxes[kept], scores[kept].astype(np.float32), numbers, **further)
        if columns.angle >= 0:
            found = with_tail(found, "angle", *columns.turned(rows[kept]), 0)
        return finished_rows.settled(found, boxes, scores, classes, frame, self.step)

    def _of_image(self, batches: AnyArray, frame: Frame) -> AnyArray:
        """Which rows are of the frame's image; all of them in a table of one image."""
        return batches == frame.index if self.columns.batch >= 0 else np.ones(len(batches), np.bool_)

    def _beside(self, outputs: Arrays, kept: AnyArray, frame: Frame) -> dict[str, Any]:
        """The optional columns of `Candidates`, from outputs beside the table."""
        found: dict[str, Any] = {}
        if "masks" in self.beside:
            found |= region_masks.columns(outputs[self.beside["masks"]][0][kept], frame)
        if "keypoints" in self.beside:
            found["keypoints"] = outputs[self.beside["keypoints"]][0][kept].astype(np.float32)
        return found


def _demand_batches(batches: AnyArray, frame: Frame) -> None:
    """Raise DecoderUnknown where a column cannot be the number of an image in the batch."""
    if not finished_rows.whole(batches):
        raise DecoderUnknown(
            f"The first column of the rows is not a number in the batch, as {frame.card.decoder} reads it.",
            hint="this decoder does not read the model",
        )
