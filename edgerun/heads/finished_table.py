"""Families of finished rows in one table: a family says what its columns are, and what comes beside them.

    DECODERS = (finished_table("end2end", "xyxy score class", (YOLO,), checked=True),)

Columns are "xyxy" (x1 y1 x2 y2), "score", "class" and "batch" (the number of the image in the batch). Beside the table
may stand outputs of their own: "count" [1], "class" [1, N], "masks" [1, N, h, w] (which may be missing) and "keypoints"
[1, N, K, 3], x y score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from edgerun.contract import (
    Alternative,
    Arrays,
    Candidates,
    Convention,
    Decoder,
    Evidence,
    Frame,
    Inference,
    Match,
    Sure,
)
from edgerun.errors import DecoderUnknown
from edgerun.heads import class_columns, finished_rows, region_masks, value_checks
from edgerun.heads.requirements import reject, require, verdict
from edgerun.tensors import AnyArray

__all__ = ["ROWS", "Columns", "TableReader", "finished_table"]

ROWS = "rows"
"""The role of the table, where a card names it among several outputs."""

WIDTHS = {"xyxy": 4, "score": 1, "class": 1, "batch": 1}
SPELT = {"xyxy": "x1 y1 x2 y2", "batch": "number in the batch"}

BESIDE = {"count": (1, "their number [1]"), "class": (2, "classes [1, N]"), "masks": (4, "masks [1, N, h, w]"),
          "keypoints": (4, "keypoints [1, N, K, 3]")}  # fmt: skip
"""Role -> axes of such an output, and how it is spelt."""

OPTIONAL = ("masks",)
TASKS = {"masks": "segment", "keypoints": "pose"}


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

    def __str__(self) -> str:
        return ", ".join(SPELT.get(word, word) for word in self.words.split())


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
        boxes, scores = self.columns.boxes(found), found[:, self.columns.score]
        further = self._beside(outputs, kept, frame) if self.beside else {}
        classes = further.pop("class", None)
        if classes is None:
            classes = self._classes(found)
        return Candidates(boxes.astype(np.float32), scores.astype(np.float32), classes, **further)

    def _checked(self, rows: AnyArray, frame: Frame) -> AnyArray:
        """The rows that hold something.

        Raises:
            DecoderUnknown: they cannot be what they are read as.
        """
        rows, columns = finished_rows.filled(rows), self.columns
        if columns.batch >= 0 and len(rows) and not value_checks.integers(rows[:, columns.batch]):
            raise DecoderUnknown(
                f"The first column of the rows is not a number in the batch, as {frame.card.decoder} reads it.",
                hint="this decoder does not read the model",
            )
        finished_rows.demand(columns.boxes(rows), rows[:, columns.score], rows[:, columns.number], frame.card)
        return rows

    def _classes(self, rows: AnyArray) -> AnyArray:
        """The class of each row; 0 in a table that knows only one."""
        if self.columns.number < 0:
            return np.zeros(len(rows), np.int32)
        return np.rint(rows[:, self.columns.number]).astype(np.int32)

    def _beside(self, outputs: Arrays, kept: AnyArray, frame: Frame) -> dict[str, Any]:
        """The columns of `Candidates` that come from outputs beside the table; those of a "class" too."""
        found: dict[str, Any] = {}
        if "class" in self.beside:
            found["class"] = np.rint(outputs[self.beside["class"]].reshape(-1)[kept]).astype(np.int32)
        if "masks" in self.beside:
            found |= region_masks.columns(outputs[self.beside["masks"]][0][kept], frame)
        if "keypoints" in self.beside:
            found["keypoints"] = outputs[self.beside["keypoints"]][0][kept].astype(np.float32)
        return found


def finished_table(
    name: str,
    columns: str,
    brings: Sequence[Convention],
    *,
    beside: Sequence[str] = (),
    batch_axis: bool = True,
    checked: bool = False,
    empty: Sure = Sure.LIKELY,
    filled: Sure = Sure.CERTAIN,
    unsettled: Mapping[str, tuple[Alternative, ...]] = MappingProxyType({}),
    note: str = "",
) -> Decoder:
    """A family whose finished rows come in one table.

    Args:
        name: of the decoder.
        columns: what the columns are, in their order: "xyxy score class".
        brings: how the images are fed, and what else holds for the whole family.
        beside: roles of the further outputs.
        batch_axis: whether the table is [1, N, width]; [N, width] otherwise.
        checked: whether each image's rows are looked at, and a trial run tells the units of the boxes. Boxes of other
            families are in pixels.
        empty, filled: how sure it is where a trial run gives no rows, and where it gives rows, best first.
        unsettled: field -> the habits that the rows leave open.
        note: ends the reason, where columns do not tell one family from another.
    """
    family = _Family(
        Columns.of(columns), tuple(brings), tuple(beside), batch_axis, checked, empty, filled, unsettled, note
    )
    return Decoder(name, verdict(family.matches), suppress=False, batched=family.columns.batch < 0)


@dataclass(frozen=True)
class _Family:
    """What `finished_table` was told."""

    columns: Columns
    brings: tuple[Convention, ...]
    outputs_beside: tuple[str, ...]
    batch_axis: bool
    checked: bool
    empty: Sure
    filled: Sure
    unsettled: Mapping[str, tuple[Alternative, ...]]
    note: str

    def matches(self, evidence: Evidence) -> Match:
        """The verdict; raises `Unmet` for what speaks against it."""
        card = evidence.card
        reader = self._bound(evidence)
        spec = next(spec for spec in evidence.outputs if spec.name == reader.table)
        reject(value_checks.coarse(spec))
        reads = " and ".join(["detect", *(TASKS[role] for role in self.outputs_beside if role in TASKS)])
        require(card.task in reads.split() or not evidence.known("task"), f"it reads {reads} models, not {card.task}")
        values = evidence.probe("textured")
        rows, count = self._rows(values, reader, evidence), spec.shape[-2] or 0
        if len(rows):
            self._judge(rows, count, evidence)
        sure = self._sure(rows, count, evidence)
        brings = [*self.brings, *self._inferred(rows, values, reader, evidence)]
        return Match.bringing(sure, self._why(rows, sure), *brings, unsettled=self.unsettled, decode=reader)

    # ------------------------------------------------------------------------------------------- which output is what

    def _bound(self, evidence: Evidence) -> TableReader:
        """The reader of the outputs that have these shapes."""
        shapes = {spec.name: tuple(spec.shape) for spec in evidence.outputs}
        tables = [name for name, shape in shapes.items() if self._is_table(shape)]
        named = [name for name in tables if evidence.card.outputs.get(name) == ROWS]
        tables = named or tables
        require(len(tables) == 1, self.wanted)
        beside = self._bound_beside({name: shape for name, shape in shapes.items() if name != tables[0]})
        raw_rows_too = evidence.card.suppressed and not self.outputs_beside  # LibreYOLO's, which are left aside
        complete = len(beside) == len(shapes) - 1
        require(complete or raw_rows_too, self.wanted)
        return TableReader(tables[0], self.columns, beside, self.checked)

    def _is_table(self, shape: tuple[int | None, ...]) -> bool:
        first = (1,) if self.batch_axis else ()
        return len(shape) == len(first) + 2 and shape[:-2] == first and shape[-1] == self.columns.width

    def _bound_beside(self, shapes: Mapping[str, tuple[int | None, ...]]) -> dict[str, str]:
        """Role -> output, by the number of axes."""
        found: dict[str, str] = {}
        for role in self.outputs_beside:
            axes, _ = BESIDE[role]
            names = [name for name, shape in shapes.items() if len(shape) == axes]
            least = 0 if role in OPTIONAL else 1
            require(least <= len(names) <= 1, self.wanted)
            found |= dict(zip([role], names, strict=False))
        return found

    @property
    def wanted(self) -> str:
        """What it needs, for a message."""
        table = f"[{'1, ' * self.batch_axis}N, {self.columns.width}]"
        beside = [spelt for _, spelt in (BESIDE[role] for role in self.outputs_beside)]
        return " and ".join([f"it needs rows {table}", *beside]) if beside else f"it needs one output {table}"

    # ------------------------------------------------------------------------------------------------ what they hold

    def _rows(self, values: Arrays, reader: TableReader, evidence: Evidence) -> AnyArray:
        """The filled rows of the first image of a trial run: x1 y1 x2 y2, score, class, number in the batch [N, 7]."""
        columns, table = self.columns, values[reader.table].reshape(-1, self.columns.width)
        lengths = {values[name].shape[1] for role, name in reader.beside.items() if role != "count"}
        require(lengths <= {len(table)}, "the table and the outputs beside it are not of the same number")
        if "class" in reader.beside:
            table = np.column_stack((table, values[reader.beside["class"]].reshape(-1)))
        rows = finished_rows.filled(table)
        zeros = np.zeros(len(rows))
        # a class beside the table is its last column now
        has_class = columns.number >= 0 or "class" in reader.beside
        classes = rows[:, columns.number] if has_class else zeros
        numbers = rows[:, columns.batch] if columns.batch >= 0 else zeros
        found = np.column_stack((columns.boxes(rows), rows[:, columns.score], classes, numbers))
        several = (evidence.image.shape[0] or 1) > 1
        return found[numbers == 0] if several and value_checks.integers(numbers) else found

    def _judge(self, rows: AnyArray, count: int, evidence: Evidence) -> None:
        """Raise `Unmet` for what in these rows speaks against the family."""
        boxes, scores, classes, numbers = rows[:, :4], rows[:, 4], rows[:, 5], rows[:, 6]
        reject(finished_rows.misfit(boxes, scores, classes))
        reject(finished_rows.mislabelled(classes, evidence.card))
        if self.batch_axis:
            reject(class_columns.unfinished(scores, count, evidence.card))
        in_order = value_checks.integers(numbers) and (np.diff(numbers) >= 0).all()
        require(in_order, "its first column is not a number in the batch")
        require(not numbers.any(), "the first column of a probe run is not the number of its one picture")
        in_pixels = self.checked or not value_checks.unit(boxes)
        require(in_pixels, "the boxes of a probe run are in 0..1, not in pixels")

    def _sure(self, rows: AnyArray, count: int, evidence: Evidence) -> Sure:
        if self.batch_axis and class_columns.fits_grid(count, evidence.card):
            return Sure.POSSIBLE
        if not len(rows):
            return self.empty
        best_first = rows[:, 4].any() and (np.diff(rows[:, 4]) <= 0).all()
        return self.filled if best_first or not self.batch_axis else min(self.filled, Sure.LIKELY)

    def _why(self, rows: AnyArray, sure: Sure) -> str:
        seen = " and ".join([f"rows of {self.columns}", *(BESIDE[role][1] for role in self.outputs_beside)])
        if not len(rows):
            seen += " by their number alone: a probe run finds nothing"
        return seen + self.note

    def _inferred(self, rows: AnyArray, values: Arrays, reader: TableReader, evidence: Evidence) -> list[Convention]:
        """What this very file shows."""
        found: list[Convention] = []
        if self.checked:
            found.append(finished_rows.units(rows[:, :4], evidence))
        if "masks" in self.outputs_beside:
            found.append(Inference("the outputs", task="segment" if "masks" in reader.beside else "detect"))
        if "keypoints" in reader.beside:
            points = values[reader.beside["keypoints"]]
            scored = points.shape[3] == 3 and (not len(rows) or value_checks.shares(points[..., 2]))
            require(scored, "in a probe run the keypoints are not x y score")
            found.append(Inference("the outputs", task="pose", keypoints=points.shape[2], keypoint_dims=3))
        return found
