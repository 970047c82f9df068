"""Reads rows of finished detections, whose columns are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Frame
from edgerun.errors import DecoderUnknown
from edgerun.heads import finished_rows, region_masks
from edgerun.tensors import AnyArray

__all__ = ["Columns", "TableReader"]

WIDTHS = {"xyxy": 4, "score": 1, "class": 1, "batch": 1}
SPELT = {"xyxy": "x1 y1 x2 y2", "score": "score", "class": "class", "batch": "number in the batch"}
"""Columns in a message."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the columns of a row begin; -1 for those that it does not have.

    Attributes:
        words: "xyxy score class".
        width: how many columns there are.
        box, score, number, batch: the first column of each; `number` is that of the class.
    """

    words: str
    width: int
    box: int
    score: int
    number: int
    batch: int

    @staticmethod
    def of(words: str) -> Columns:
        """The columns that these words stand for, in their order."""
        starts, width = {}, 0
        for word in words.split():
            starts[word] = width
            width += WIDTHS[word]
        return Columns(words, width, starts["xyxy"], starts["score"], starts.get("class", -1), starts.get("batch", -1))

    def boxes(self, rows: AnyArray) -> AnyArray:
        """x1 y1 x2 y2 of rows [N, width]."""
        return rows[:, self.box : self.box + 4]

    def classes(self, rows: AnyArray) -> AnyArray:
        """The class number of each row; 0 in a table that knows only one."""
        return self._column(rows, self.number)

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
        checked: whether every image's rows must look like rows, as where a trial run shows none.
    """

    table: str
    columns: Columns
    beside: Mapping[str, str]
    checked: bool

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """The rows of the frame's image that score enough."""
        rows = outputs[self.table].reshape(-1, self.columns.width)
        if self.checked:
            rows = self._checked(rows, frame)
        wanted = rows[:, self.columns.score] >= frame.conf
        if self.columns.batch >= 0:
            wanted &= rows[:, self.columns.batch] == frame.index
        kept = np.flatnonzero(wanted)
        found = rows[kept]
        boxes, scores = self.columns.boxes(found).astype(np.float32), found[:, self.columns.score].astype(np.float32)
        numbers = outputs[self.beside["classes"]].reshape(-1)[kept] if "classes" in self.beside else None
        classes = self.columns.classes(found) if numbers is None else numbers
        return Candidates(boxes, scores, np.rint(classes).astype(np.int32), **self._beside(outputs, kept, frame))

    def _checked(self, rows: AnyArray, frame: Frame) -> AnyArray:
        """The rows that hold something.

        Raises:
            DecoderUnknown: they cannot be what they are read as.
        """
        rows, columns = finished_rows.filled(rows), self.columns
        batches = columns.batches(rows)
        if not finished_rows.whole(batches):
            raise DecoderUnknown(
                f"The first column of the rows is not a number in the batch, as {frame.card.decoder} reads it.",
                hint="this decoder does not read the model",
            )
        finished_rows.demand(columns.boxes(rows), rows[:, columns.score], columns.classes(rows), frame.card)
        return rows

    def _beside(self, outputs: Arrays, kept: AnyArray, frame: Frame) -> dict[str, Any]:
        """The optional columns of `Candidates`, from outputs beside the table."""
        found: dict[str, Any] = {}
        if "masks" in self.beside:
            found |= region_masks.columns(outputs[self.beside["masks"]][0][kept], frame)
        if "keypoints" in self.beside:
            found["keypoints"] = outputs[self.beside["keypoints"]][0][kept].astype(np.float32)
        return found
