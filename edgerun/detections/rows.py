"""The columns of what was found, and how rows are taken out of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from edgerun import boxes as box_arithmetic
from edgerun.media.origin import UNKNOWN, Origin
from edgerun.processing.masks import Masks
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["COLUMNS", "Columns", "Detection"]

COLUMNS = ("xyxy", "score", "class_id", "keypoints", "rotated", "masks")
"""Fields that have a value for each row, or None."""

MAX_SHOWN = 3
"""Rows that `repr` shows."""


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One row. Rows are equal where all their values are.

    Attributes:
        label: name of the class; its number where the model says no names.
        score: 0..1.
        box: x1 y1 x2 y2 in image pixels, origin top left.
        class_id: number of the class.
        keypoints: float32 [K, 3], x y in image pixels and visibility 0..1; None for models without.
        rotated: centre x, centre y, width, height in image pixels, angle in radians clockwise; None for most models.
        mask: bool [H, W] over the image; None for models without.
    """

    label: str
    score: float
    box: tuple[float, float, float, float]
    class_id: int
    keypoints: FloatArray | None = None
    rotated: tuple[float, ...] | None = None
    mask: AnyArray | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Detection):
            return NotImplemented
        same = (np.array_equal(getattr(self, own.name), getattr(other, own.name)) for own in fields(self))
        return all(same)

    def __hash__(self) -> int:
        return hash((self.label, self.score, self.box, self.class_id))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Columns:
    """What `Detections` holds; see there."""

    xyxy: FloatArray
    score: FloatArray
    class_id: AnyArray
    names: tuple[str, ...] = ()
    shape: tuple[int, int] = (0, 0)
    keypoints: FloatArray | None = None
    rotated: FloatArray | None = None
    masks: Masks | None = None
    speed: Mapping[str, float] = field(default_factory=dict)
    path: str = ""
    frame: int | None = None
    origin: Origin = UNKNOWN

    def __post_init__(self) -> None:
        for name in COLUMNS:
            column = getattr(self, name)
            if isinstance(column, np.ndarray):
                column.setflags(write=False)

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        return type(self), tuple(getattr(self, own.name) for own in fields(self))

    def __eq__(self, other: object) -> bool:
        """Whether the same was found in an image of the same size; when, and in which file, does not count."""
        if not isinstance(other, Columns):
            return NotImplemented
        own, others = self.given, other.given
        if (self.names, self.shape, own.keys()) != (other.names, other.shape, others.keys()):
            return False
        return all(np.array_equal(_values(own[name]), _values(others[name])) for name in own)

    __hash__ = None  # type: ignore[assignment]  # as arrays: what is compared by its values has no hash

    @property
    def label(self) -> NDArray[np.str_]:
        """The name of each row's class, an array of str [N]; its number where the model says no names."""
        return np.array([self._name(number) for number in self.class_id.tolist()], np.str_)

    def _name(self, number: int) -> str:
        return self.names[number] if 0 <= number < len(self.names) else str(number)

    def __len__(self) -> int:
        return len(self.score)

    def __iter__(self) -> Iterator[Detection]:
        return (self._row(index) for index in range(len(self)))

    def _row(self, index: int) -> Detection:
        x1, y1, x2, y2 = self.xyxy[index].tolist()
        number = int(self.class_id[index])
        return Detection(
            label=self._name(number),
            score=float(self.score[index]),
            box=(x1, y1, x2, y2),
            class_id=number,
            keypoints=None if self.keypoints is None else self.keypoints[index],
            rotated=None if self.rotated is None else tuple(self.rotated[index].tolist()),
            mask=None if self.masks is None else self.masks.bitmap(index),
        )

    def __getitem__(self, rows: int | slice | Sequence[int] | AnyArray) -> Self:
        """The rows of a slice, a boolean mask, or a list of numbers; one number gives the one row as columns.

        Raises:
            IndexError: there is no such row, or a mask has another length.
            TypeError: no index: a single bool, texts, fractions.
        """
        index = _as_index(rows, len(self))
        return replace(self, **{name: column[index] for name, column in self.given.items()})

    @property
    def given(self) -> dict[str, Any]:
        """The columns that there are, by their names."""
        columns = ((name, getattr(self, name)) for name in COLUMNS)
        return {name: column for name, column in columns if column is not None}

    @property
    def bitmaps(self) -> NDArray[np.bool_] | None:
        """Where each row is, bool [N, H, W] over the image; None for models without masks."""
        return None if self.masks is None else self.masks.bitmaps

    @property
    def xyxyxyxy(self) -> FloatArray | None:
        """The corners of oriented boxes, x y in image pixels, float32 [N, 4, 2]; None for models without."""
        if self.rotated is None:
            return None
        return np.array(list(map(box_arithmetic.corners, self.rotated)), np.float32).reshape(-1, 4, 2)

    def __str__(self) -> str:
        counts = Counter(self.label.tolist()).most_common()
        parts = [f"{count} {name}" for name, count in counts] or ["nothing"]
        if self.speed:
            parts.append(f"{sum(self.speed.values()):.0f} ms")
        return ", ".join(parts)

    def __repr__(self) -> str:
        height, width = self.shape
        place = f" of {self.path!r}" if self.path else ""
        rows = [f"{row.label} {row.score:.3f} {[round(side, 1) for side in row.box]}" for row in self[:MAX_SHOWN]]
        rows += ["…"] if len(self) > MAX_SHOWN else []
        count = f"{len(self)} row{'s' * (len(self) != 1)}"
        return f"<Detections{place}, {width} x {height}, {count}{': ' * bool(rows)}{'; '.join(rows)}>"


def _values(column: Any) -> AnyArray:
    return column.bitmaps if isinstance(column, Masks) else np.asarray(column)


def _as_index(rows: Any, count: int) -> Any:
    """What numpy takes as an index: the slice of one row, a slice as it is, else an array, of numbers where empty."""
    if isinstance(rows, slice):
        return rows
    index = np.asarray(rows)
    if index.size == 0 and index.dtype != np.bool_:
        return index.astype(np.intp)
    if index.dtype.kind not in "iub":
        raise TypeError(f"{rows!r} is no index of rows; a mask is made by comparing, as in found.label == 'person'")
    if index.ndim == 0:
        return _one_row(index, count)
    if index.ndim > 1:
        raise IndexError(f"rows are counted along one axis, and the index has {index.ndim}")
    return index


def _one_row(index: AnyArray, count: int) -> slice:
    if index.dtype == np.bool_:
        raise TypeError(f"a single {bool(index)} is no index of rows; a mask has one bool for each of them")
    number = int(index)
    if not -count <= number < count:
        raise IndexError(f"row {number} of {count}")
    return slice(number, number + 1 or None)
