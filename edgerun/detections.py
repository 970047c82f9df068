"""What a detector answers: frozen columns in image pixels, which read as rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from types import MappingProxyType
from typing import Any

import numpy as np

from edgerun import boxes as box_arithmetic
from edgerun.card import labels
from edgerun.card.labels import COCO_IDS
from edgerun.errors import EdgerunError, InputError
from edgerun.media import draw, images
from edgerun.processing.masks import Masks
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["COCO_IDS", "Detection", "Detections"]

COLUMNS = ("xyxy", "score", "class_id", "keypoints", "rotated", "masks")


@dataclass(frozen=True, slots=True)
class Detection:
    """One row.

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


@dataclass(frozen=True, slots=True)
class Detections:
    """Everything found in one image, best first.

    Attributes:
        xyxy: float32 [N, 4], x1 y1 x2 y2 in image pixels, clipped to the image.
        score: float32 [N], 0..1.
        class_id: int32 [N].
        names: class number -> name, as the card has them; () where nothing says them.
        shape: height and width of the image.
        keypoints: float32 [N, K, 3], or None.
        rotated: float32 [N, 5], or None.
        masks: made at the image's size when asked for, or None.
        speed: milliseconds of "preprocess", "inference" and "postprocess".
        path: where the image came from; "" for arrays.
    """

    xyxy: FloatArray
    score: FloatArray
    class_id: AnyArray
    names: tuple[str, ...] = ()
    shape: tuple[int, int] = (0, 0)
    keypoints: FloatArray | None = None
    rotated: FloatArray | None = None
    masks: Masks | None = None
    speed: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    path: str = ""

    def __post_init__(self) -> None:
        for name in COLUMNS:
            column = getattr(self, name)
            if isinstance(column, np.ndarray):
                column.setflags(write=False)

    @property
    def label(self) -> tuple[str, ...]:
        """The name of each row's class; its number where the model says no names."""
        return tuple(self._name(int(number)) for number in self.class_id)

    @property
    def xywh(self) -> FloatArray:
        """Centre x, centre y, width, height in image pixels, float32 [N, 4]."""
        sizes = self.xyxy[:, 2:] - self.xyxy[:, :2]
        return np.concatenate((self.xyxy[:, :2] + sizes * np.float32(0.5), sizes), axis=1)

    @property
    def xyxyn(self) -> FloatArray:
        """x1 y1 x2 y2 in 0..1 of the image, float32 [N, 4]."""
        height, width = self.shape
        return np.asarray(self.xyxy / np.array([width, height, width, height]), np.float32)

    @property
    def confidence(self) -> FloatArray:
        """`score` under the name that supervision gives it."""
        return self.score

    @property
    def conf(self) -> FloatArray:
        """`score` under the name that Ultralytics gives it."""
        return self.score

    @property
    def cls(self) -> AnyArray:
        """`class_id` under the name that Ultralytics gives it."""
        return self.class_id

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

    def __getitem__(self, rows: int | slice | Sequence[int] | AnyArray) -> Detections:
        """The rows of a slice, a boolean mask, or a list of numbers; one number gives a Detections of one row."""
        index = _as_index(rows, len(self))
        taken: dict[str, Any] = {}
        for name in COLUMNS:
            column = getattr(self, name)
            if column is not None:
                taken[name] = column[index]
        return replace(self, **taken)

    def to_list(self) -> list[dict[str, Any]]:
        """Plain values: label, class_id, score, box [x1, y1, x2, y2] in image pixels, and what else the model gives."""
        rows = [_plain(row) for row in self]
        if self.masks is not None:
            for index, row in enumerate(rows):
                row["polygons"] = [outline.tolist() for outline in self.masks.polygons(index)]
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Plain values: path, height, width and speed of the image, and `to_list` as detections."""
        height, width = self.shape
        content = {"path": self.path, "height": height, "width": width, "speed": dict(self.speed)}
        return {**content, "detections": self.to_list()}

    def to_json(self, **options: Any) -> str:
        """`to_dict` as JSON text. Options go to json.dumps."""
        return json.dumps(self.to_dict(), ensure_ascii=False, **options)

    def to_coco(self, image_id: int | str, category_ids: Sequence[int] | None = None) -> list[dict[str, Any]]:
        """Rows of a COCO results file: bbox is left, top, width, height in image pixels.

        Args:
            image_id: of the image in the annotations.
            category_ids: the category of each class. None counts the classes from 1, except that the 80 classes
                of COCO take COCO's own ids (1..90 with gaps), and that names which begin with a background, as
                COCO's ids do, are numbered by themselves.
        """
        if category_ids is None:
            category_ids = labels.category_ids(self.names, int(self.class_id.max(initial=-1)))
        sizes = box_arithmetic.xyxy_to_xywh(self.xyxy)
        rows: list[dict[str, Any]] = []
        for index, number in enumerate(self.class_id):
            row: dict[str, Any] = {
                "image_id": image_id,
                "category_id": category_ids[int(number)],
                "bbox": _rounded(sizes[index]),
                "score": round(float(self.score[index]), 6),
            }
            if self.masks is not None:
                row["segmentation"] = self.masks.rle(index)
            if self.keypoints is not None:
                row["keypoints"] = _rounded(self.keypoints[index].ravel())
            rows.append(row)
        return rows

    def to_supervision(self) -> Any:
        """As supervision.Detections, with data["class_name"].

        Raises:
            EdgerunError: supervision is not installed.
        """
        supervision = _imported("supervision", "to_supervision")
        return supervision.Detections(
            xyxy=self.xyxy.copy(),
            mask=None if self.masks is None else self.masks.bitmaps,
            confidence=self.score.copy(),
            class_id=self.class_id.astype(int),
            data={"class_name": np.array(self.label, dtype=object)},
        )

    def to_dataframe(self) -> Any:
        """As a pandas.DataFrame: xmin ymin xmax ymax confidence class name, the columns that YOLOv5 made usual.

        Raises:
            EdgerunError: pandas is not installed.
        """
        pandas = _imported("pandas", "to_dataframe")
        x1, y1, x2, y2 = self.xyxy.T
        columns = {"xmin": x1, "ymin": y1, "xmax": x2, "ymax": y2, "confidence": self.score, "class": self.class_id}
        return pandas.DataFrame({**columns, "name": list(self.label)})

    def draw(self, image: Any, *, color: images.ArrayColor = "bgr") -> images.Image:
        """A copy of the image with everything drawn in, uint8 [H, W, 3], blue-green-red.

        Args:
            image: the image that these were found in: a path, bytes, an array or a PIL image.
            color: the order of an array's channels.

        Raises:
            InputError: an image of another size.
        """
        canvas = images.as_bgr(image, color)
        height, width = canvas.shape[:2]
        if self.shape not in ((0, 0), (height, width)):
            raise InputError(
                f"These were found in an image of {self.shape[1]} x {self.shape[0]}, not of {width} x {height} pixels.",
                hint="draw into the same image",
            )
        captions = [f"{row.label} {row.score:.2f}" for row in self]
        polygons = None if self.rotated is None else [box_arithmetic.corners(row) for row in self.rotated]
        return draw.annotate(
            canvas,
            self.xyxy,
            captions,
            self.class_id,
            keypoints=self.keypoints,
            polygons=polygons,
            masks=None if self.masks is None else self.masks.bitmaps,
        )

    def save(self, path: str, image: Any) -> None:
        """Draw into the image and write it to a file, whose suffix gives the kind.

        Raises:
            InputError: the file cannot be written.
        """
        images.write(path, self.draw(image))


def _imported(name: str, method: str) -> Any:
    """A library that only this method needs."""
    try:
        return import_module(name)
    except ImportError as cause:
        raise EdgerunError(f"{method} needs {name}.", hint=f"pip install {name}") from cause


def _as_index(rows: Any, count: int) -> Any:
    """What numpy takes as an index: the slice of one row, a slice as it is, else an array, of numbers where empty."""
    if isinstance(rows, slice):
        return rows
    if isinstance(rows, (int, np.integer)):
        if not -count <= rows < count:
            raise IndexError(f"row {rows} of {count}")
        return slice(int(rows), int(rows) + 1 or None)
    index = np.asarray(rows)
    return index if index.size or index.dtype == np.bool_ else index.astype(np.intp)


def _plain(row: Detection) -> dict[str, Any]:
    """One row as plain values, without its mask."""
    content: dict[str, Any] = {
        "label": row.label,
        "class_id": row.class_id,
        "score": round(row.score, 6),
        "box": [round(side, 3) for side in row.box],
    }
    if row.keypoints is not None:
        content["keypoints"] = [_rounded(point) for point in row.keypoints]
    if row.rotated is not None:
        content["rotated"] = [round(value, 4) for value in row.rotated]
    return content


def _rounded(values: AnyArray) -> list[float]:
    """To thousandths."""
    return [round(value, 3) for value in values.tolist()]
