"""Families of finished rows in one table: a family says what its columns are, and what comes beside them.

    DECODERS = (finished_table("end2end", "xyxy score class", (YOLO,), units="seen"),)

Columns are "xyxy" (x1 y1 x2 y2) or "cxcywh", "score", "class" or "label" (a class counted from 1), "angle" (radians,
clockwise) and "batch" (the number of the image in the batch). Beside the table may stand outputs of their own: "count"
[1], "classes" [1, N], "masks" [1, N, h, w] (which may be missing) and "keypoints" [1, N, K, 3], x y score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from edgerun.contract import Alternative, Arrays, Convention, Decoder, Evidence, Inference, Match, Sure
from edgerun.graphs import weights
from edgerun.heads import class_columns, exporter_head, finished_rows, value_checks
from edgerun.heads.requirements import reject, require, verdict
from edgerun.heads.table_reader import Columns, TableReader
from edgerun.tensors import AnyArray

__all__ = ["ROWS", "finished_table"]

ROWS = "rows"
"""The role of the table, where a card names it among several outputs."""

SPELT = {
    "count": "their number [1]",
    "classes": "classes [1, N]",
    "masks": "masks [1, N, h, w]",
    "keypoints": "keypoints [1, N, K, 3]",
}
"""Role -> such an output in a message."""

AXES = {"count": 1, "classes": 2, "masks": 4, "keypoints": 4}
"""Role -> axes of such an output."""

LEAST = {"count": 1, "classes": 1, "masks": 0, "keypoints": 1}
"""Role -> how many such outputs there must be; at most there is one."""

TASKS = {"masks": "segment", "keypoints": "pose", "angle": "obb"}
"""Role of an output, or column -> the task of the models that have it."""

Units: TypeAlias = Literal["pixels", "unit", "seen"]


def finished_table(
    name: str,
    columns: str,
    brings: Sequence[Convention],
    *,
    beside: Sequence[str] = (),
    leading: Sequence[int] = (1,),
    units: Units = "pixels",
    names: Sequence[str] = (),
    head: str = "",
    empty: Sure = Sure.LIKELY,
    filled: Sure = Sure.CERTAIN,
    unsettled: Mapping[str, tuple[Alternative, ...]] = MappingProxyType({}),
    by_weights: Mapping[str, Alternative] = MappingProxyType({}),
    note: str = "",
) -> Decoder:
    """A family whose finished rows come in one table.

    Args:
        name: of the decoder.
        columns: what the columns are, in their order: "xyxy score class".
        brings: how the images are fed, and what else holds for the whole family.
        beside: roles of the further outputs.
        leading: sizes of the axes before the rows': [1, N, width], or () for [N, width].
        units: of the boxes; "seen" where a trial run tells them.
        head: the network's last module, by which metadata tell the family; see `exporter_head`.
        names: parts of the name that the exporter gives to the table; a table with one is its own.
        empty, filled: how sure it is where a trial run gives no rows, and where it gives rows, best first.
        unsettled: field -> the habits that the rows leave open.
        by_weights: part of the names of weights -> the habit of the networks that have it.
        note: ends the reason, where columns do not tell one family from another.
    """
    table = Columns.of(columns)
    family = _Family(
        name, table, tuple(brings), tuple(beside), tuple(leading), units, tuple(names), head, empty, filled, unsettled,
        by_weights, note,
    )  # fmt: skip
    return Decoder(name, verdict(family.matches), suppress=False, batched=table.batch < 0)


class _Family(NamedTuple):
    """What `finished_table` was told."""

    name: str
    columns: Columns
    brings: tuple[Convention, ...]
    roles_beside: tuple[str, ...]
    leading: tuple[int, ...]
    units: Units
    names: tuple[str, ...]
    head: str
    empty: Sure
    filled: Sure
    unsettled: Mapping[str, tuple[Alternative, ...]]
    by_weights: Mapping[str, Alternative]
    note: str

    def matches(self, evidence: Evidence) -> Match:
        """The verdict; raises `Unmet` for what speaks against it."""
        card, specs = evidence.card, {spec.name: spec for spec in evidence.outputs}
        reader = self._bound(evidence)
        reject(exporter_head.of_others(evidence, self.head))
        reject(value_checks.coarse(specs[reader.table]))
        tasks = self._tasks
        reads = card.task in tasks or not evidence.known("task")
        require(reads, f"it reads {' and '.join(sorted(tasks))} models, not {card.task}")
        values = evidence.probe("textured")
        rows, count = self._rows(values, reader, evidence), specs[reader.table].shape[-2] or 0
        largest = max(len(card.labels) - 1.0, float(rows[:, 5].max(initial=0)))
        holder = specs[reader.beside.get("classes", reader.table)]
        reader = replace(reader, step=finished_rows.class_step(holder, largest))
        if len(rows):
            self._judge(rows, count, reader.step, evidence)
        if self.head:
            self._judge_centres(rows, evidence)
        brings = [*self.brings, *self._inferred(rows, values, reader, evidence)]
        named = self._named(reader.table) or self.head == exporter_head.of(evidence) != ""
        sure = Sure.CERTAIN if named else self._sure(rows, count, evidence)
        habits = self._of_weights(evidence)
        told = {name for habit in habits for name in habit.fields}
        unsettled = {name: readings for name, readings in self.unsettled.items() if name not in told}
        return Match.bringing(sure, self._why(rows), *brings, *habits, unsettled=unsettled, decode=reader)

    def _of_weights(self, evidence: Evidence) -> list[Convention]:
        """The habit that the names of weights tell, if they do."""
        part = weights.named(evidence.graph(), self.by_weights) if self.by_weights else ""
        if not part:
            return []
        habit = self.by_weights[part]
        return [Inference(f"weights named {part}…: {habit.who}", **habit.fields)]

    @property
    def _tasks(self) -> set[str]:
        """What the family's models may be for."""
        if self.columns.angle >= 0:
            return {TASKS["angle"]}
        return {"detect", *(TASKS.get(role, "detect") for role in self.roles_beside)}

    # ------------------------------------------------------------------------------------------- which output is what

    def _named(self, table: str) -> bool:
        """Whether the table has a name that this family's exporter gives."""
        return any(name in table.lower() for name in self.names)

    def _bound(self, evidence: Evidence) -> TableReader:
        """The reader of the outputs that have these shapes."""
        shapes = {spec.name: tuple(spec.shape) for spec in evidence.outputs}
        form = (len(self.leading) + 2, self.leading, self.columns.width)
        tables = [name for name, shape in shapes.items() if (len(shape), shape[:-2], (0, *shape)[-1]) == form]
        named = [name for name in tables if evidence.card.outputs.get(name) == ROWS]
        tables = named or tables
        require(len(tables) == 1, self.wanted)
        beside = self._bound_beside({name: shape for name, shape in shapes.items() if name != tables[0]})
        raw_rows_too = evidence.card.suppressed and not self.roles_beside  # LibreYOLO's, which are left aside
        require(len(beside) == len(shapes) - 1 or raw_rows_too, self.wanted)
        return TableReader(tables[0], self.columns, beside)

    def _bound_beside(self, shapes: Mapping[str, tuple[int | None, ...]]) -> dict[str, str]:
        """Role -> output, by the number of axes."""
        found: dict[str, str] = {}
        for role in self.roles_beside:
            names = [name for name, shape in shapes.items() if len(shape) == AXES[role]]
            require(LEAST[role] <= len(names) <= 1, self.wanted)
            found |= dict(zip([role], names, strict=False))
        return found

    @property
    def wanted(self) -> str:
        """What it needs, for a message."""
        sizes = ", ".join(map(str, (*self.leading, "N", self.columns.width)))
        return "it needs " + self._spelt(f"an output [{sizes}]")

    def _spelt(self, table: str) -> str:
        return " and ".join([table, *(SPELT[role] for role in self.roles_beside)])

    # ------------------------------------------------------------------------------------------------ what they hold

    def _rows(self, values: Arrays, reader: TableReader, evidence: Evidence) -> AnyArray:
        """The filled rows of the first image of a trial run: x1 y1 x2 y2, score, class, number in the batch [N, 7]."""
        columns, table = self.columns, values[reader.table].reshape(-1, self.columns.width)
        lengths = {values[name].shape[1] for role, name in reader.beside.items() if role != "count"}
        require(lengths <= {len(table)}, "the table and the outputs beside it are not of the same number")
        filled = finished_rows.are_filled(table)
        given = values[reader.beside["classes"]].reshape(-1) if "classes" in reader.beside else columns.classes(table)
        table, given = table[filled], given[filled]
        batches = columns.batches(table)
        found = np.column_stack((columns.boxes(table), table[:, columns.score], given, batches))
        several = (evidence.image.shape[0] or 1) > 1
        return found[found[:, 6] == 0] if several and finished_rows.whole(batches) else found

    def _judge(self, rows: AnyArray, count: int, step: float, evidence: Evidence) -> None:
        """Raise `Unmet` for what in these rows speaks against the family."""
        boxes, scores, classes, batches = rows[:, :4], rows[:, 4], rows[:, 5], rows[:, 6]
        reject(finished_rows.misfit(boxes, scores, classes, step))
        reject(finished_rows.mislabelled(classes, evidence.card))
        if self.leading:
            reject(class_columns.unfinished(scores, count, evidence.card, named=evidence.card.decoder == self.name))
        in_order = finished_rows.whole(batches) and (np.diff(batches) >= 0).all()
        require(in_order, "its first column is not a number in the batch")
        require(not batches.any(), "the first column of a probe run is not the number of its one image")
        reject(finished_rows.inverted(boxes, scores))
        counted = np.rint(classes).min() >= 0 or not self.columns.first_class
        require(counted, "a probe run gives class 0, where classes count from 1")
        unit = value_checks.unit(boxes)
        require(self.units != "pixels" or not unit, "the boxes of a probe run are in 0..1, not in pixels")
        require(self.units != "unit" or unit, "the boxes of a probe run are in pixels, not in 0..1")

    def _judge_centres(self, rows: AnyArray, evidence: Evidence) -> None:
        """Raise `Unmet` for centres that nothing names and that corners would not be taken for."""
        said = evidence.card.decoder == self.name or exporter_head.of(evidence) == self.head
        sizes, centres = rows[:, 2:4] - rows[:, :2], (rows[:, 2:4] + rows[:, :2]) / 2
        alike = len(rows) and (sizes >= centres).all()
        require(said or alike, f'no metadata name the head {self.head}; if it is one, say decoder="{self.name}"')

    def _sure(self, rows: AnyArray, count: int, evidence: Evidence) -> Sure:
        """As many rows as a grid has anchors may be another family's; rows that are best first tell most."""
        if self.leading and class_columns.fits_grid(count, evidence.card):
            return Sure.POSSIBLE
        if not len(rows):
            return self.empty
        telling = class_columns.best_first(rows[:, 4]) or not self.leading
        return self.filled if telling else min(self.filled, Sure.LIKELY)

    def _why(self, rows: AnyArray) -> str:
        seen = self._spelt(f"rows of {self.columns}")
        by_number = "" if len(rows) else " by their number alone: a probe run finds nothing"
        return seen + by_number + self.note

    def _inferred(self, rows: AnyArray, values: Arrays, reader: TableReader, evidence: Evidence) -> list[Convention]:
        """What this very file shows."""
        found = [self._of_units(rows, evidence)]
        if len(evidence.outputs) > 1 + len(reader.beside):
            found.append(Inference("the number of its columns", outputs={reader.table: ROWS}))
        task = next((TASKS[role] for role in reader.beside if role in TASKS), "detect")
        if self.columns.angle >= 0:
            found.append(Inference("the outputs", task=TASKS["angle"]))
        if "masks" in self.roles_beside:
            found.append(Inference("the outputs", task=task))
        if "keypoints" in reader.beside:
            points = values[reader.beside["keypoints"]]
            scored = points.shape[3] == 3 and finished_rows.may_be_scores(points[..., 2])
            require(scored, "in a probe run the keypoints are not x y score")
            found.append(Inference("the outputs", task=task, keypoints=points.shape[2], keypoint_dims=3))
        return found

    def _of_units(self, rows: AnyArray, evidence: Evidence) -> Convention:
        """The units of boxes: seen in a trial run, or the family's, by which each frame is checked."""
        if self.units == "unit" and not len(rows):
            return Convention(f"{self.name} gives 0..1; {finished_rows.CHECKED_LATER}", box_units="unit")
        return finished_rows.units(rows[:, :4], evidence, "" if self.units == "seen" else self.name)
