"""What a detector answers, with all that can be made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from edgerun import boxes as box_arithmetic
from edgerun import notebook
from edgerun.card.thresholds import ClassThresholds, class_ids
from edgerun.detections import conversions, merging, pictures, reading
from edgerun.detections.rows import Columns
from edgerun.media import images, showing
from edgerun.media.skeletons import Limbs
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["Detections"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Detections(Columns):
    """Everything found in one image, best first. It reads as rows, and its columns as arrays that cannot be changed.

    `print` gives one line, "3 person, 1 bus, 31 ms". Two are equal where the same was found; they have no hash.

    Attributes:
        xyxy: float32 [N, 4], x1 y1 x2 y2 in image pixels, clipped to the image.
        score: float32 [N], 0..1.
        class_id: int32 [N].
        names: class number -> name, as the card has them; () where nothing says them.
        shape: height and width of the image.
        keypoints: float32 [N, K, 3], x y in image pixels and visibility 0..1, or None.
        rotated: float32 [N, 5], centre x, centre y, width, height in image pixels, angle in radians clockwise, or None.
        masks: made at the image's size when asked for, or None.
        speed: milliseconds of "preprocess", "inference" and "postprocess".
        path: where the image came from; "" for arrays.
        frame: its number in a video or camera, from 0; None for an image of its own.
        origin: the image, as far as it can be had again.
    """

    # ------------------------------------------------------------------------------------------- made

    @classmethod
    def empty(cls, shape: tuple[int, int] = (0, 0), names: Sequence[str] = ()) -> Self:
        """Nothing found, in an image of this height and width."""
        return cls(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.float32),
            np.zeros(0, np.int32),
            names=tuple(names),
            shape=shape,
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """What `to_json` wrote, as exact as it wrote it; a mask is its filled outline, so holes in it are closed.

        Raises:
            InputError: the text is something else.
        """
        return cls(**reading.of_json(text))

    @classmethod
    def from_coco(
        cls,
        rows: Sequence[Mapping[str, Any]],
        *,
        names: Sequence[str] = (),
        category_ids: Sequence[int] | None = None,
        shape: tuple[int, int] = (0, 0),
        image_id: int | str | None = None,
    ) -> Self:
        """One image's rows of a COCO results file, as `to_coco` and other tools write them.

        Args:
            rows: also of several images, where `image_id` is given.
            names: class number -> name.
            category_ids: the category of each class; None for those that `to_coco` takes for these names.
            shape: height and width of the image; masks of run lengths bring theirs.
            image_id: the image that is wanted.

        Raises:
            InputError: rows are of several images, lack something, or nothing says which class a category is.
        """
        return cls(**reading.of_coco(rows, names, category_ids, shape, image_id))

    @classmethod
    def merge(cls, results: Iterable[Detections]) -> Self:
        """Everything of several results of one image, best first, nothing suppressed. Classes of one name become one.

        Raises:
            InputError: their images differ in size, or one has names or a column that another lacks.
        """
        return cls(**merging.together(list(results)))

    def __add__(self, other: Detections) -> Detections:
        return Detections.merge([self, other]) if isinstance(other, Detections) else NotImplemented

    # ------------------------------------------------------------------------------------------- columns and rows

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
    def area(self) -> FloatArray:
        """Square pixels of each box, of the oriented ones where there are any, float32 [N]."""
        if self.rotated is not None:
            return np.asarray(self.rotated[:, 2] * self.rotated[:, 3], np.float32)
        return box_arithmetic.area(self.xyxy)

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

    def filter(
        self,
        *,
        conf: float | Mapping[int | str, float] | None = None,
        classes: Iterable[int | str] | None = None,
        area: float | tuple[float, float] | None = None,
    ) -> Self:
        """The rows that are wanted.

        Args:
            conf: least score, or a table from class to least score; classes that are not in it all stay.
            classes: by name or number, also a single one.
            area: least area of a box in square pixels, or least and most.

        Raises:
            InputError: there is no such class, or a score is outside 0..1.
        """
        wanted = np.ones(len(self), np.bool_)
        if conf is not None:
            limits = ClassThresholds.read("conf", conf, 0.0, self.names, "The model")
            wanted &= self.score >= limits.of(self.class_id)
        if classes is not None:
            wanted &= np.isin(self.class_id, class_ids(classes, self.names, "The model"))
        if area is not None:
            least, most = area if isinstance(area, tuple) else (area, np.inf)
            wanted &= (self.area >= least) & (self.area <= most)
        return self[wanted]

    # ------------------------------------------------------------------------------------------- other tools

    def to_list(self) -> list[dict[str, Any]]:
        """Plain values: label, class_id, score, box [x1, y1, x2, y2] in image pixels, and what else the model gives."""
        return conversions.plain(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain values: path, height, width and speed of the image, and `to_list` as detections."""
        height, width = self.shape
        content: dict[str, Any] = {"path": self.path, "height": height, "width": width, "speed": dict(self.speed)}
        if self.frame is not None:
            content["frame"] = self.frame
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
        return conversions.coco(self, image_id, category_ids)

    def to_supervision(self) -> Any:
        """As supervision.Detections, with data["class_name"].

        Oriented boxes are data["xyxyxyxy"], [N, 4, 2], where supervision looks for them; keypoints are
        data["keypoints"], [N, K, 3], and see `to_supervision_keypoints`.

        Raises:
            EdgerunError: supervision is not installed.
        """
        return conversions.supervision(self)

    def to_supervision_keypoints(self) -> Any:
        """As supervision.KeyPoints, with data["class_name"].

        Raises:
            InputError: these have no keypoints.
            EdgerunError: supervision is not installed.
        """
        return conversions.key_points(self)

    def to_dataframe(self) -> Any:
        """As a pandas.DataFrame: xmin ymin xmax ymax confidence class name, the columns that YOLOv5 made usual.

        Where the model gives them, xcenter ycenter width height angle (radians, clockwise) of the oriented box,
        keypoints [[x, y, visibility], …] and polygons (of the mask) follow.

        Raises:
            EdgerunError: pandas is not installed.
        """
        return conversions.dataframe(self)

    # ------------------------------------------------------------------------------------------- pictures

    def draw(
        self,
        image: Any = None,
        *,
        color: images.ArrayColor = "bgr",
        visibility: float = 0.5,
        skeleton: Limbs | None = None,
    ) -> images.Image:
        """A copy of the image with everything drawn in, uint8 [H, W, 3], blue-green-red.

        Args:
            image: the image that these were found in: a path, bytes, an array or a PIL image. None reads it again from
                where it came from; an array is known as long as the caller keeps it, and drawn as it is now.
            color: the order of an array's channels.
            visibility: keypoints below it are left out, 0..1, and so are their limbs.
            skeleton: pairs of keypoints that limbs join, from 0. None for those of COCO's and MediaPipe's bodies and
                hands, and none for others.

        Raises:
            InputError: an image of another size, or one that is not known any more.
        """
        return pictures.drawn(self, image, color, visibility, skeleton)

    def crop(self, image: Any = None, *, color: images.ArrayColor = "bgr") -> list[images.Image]:
        """What lies in each box, uint8 [h, w, 3], blue-green-red, cut at whole pixels around it.

        Args:
            image, color: see `draw`.

        Raises:
            InputError: an image of another size, or one that is not known any more.
        """
        return pictures.cut_out(self, pictures.seen(self, image, color))

    def show(self, image: Any = None, **options: Any) -> None:
        """Draw, and open the picture with the program that this desktop has for it; options are those of `draw`.

        Raises:
            InputError: there is no screen.
        """
        showing.show(self.draw(image, **options))

    def save(self, path: str | Path, image: Any = None, **options: Any) -> None:
        """Draw, and write the picture to a file, whose suffix gives the kind; options are those of `draw`.

        Raises:
            InputError: the file cannot be written.
        """
        images.write(path, self.draw(image, **options))

    # ------------------------------------------------------------------------------------------- for people

    def _repr_png_(self) -> bytes | None:
        """For notebooks; None where the image is not known."""
        return pictures.preview(self, ".png")

    def _repr_html_(self) -> str:
        """For notebooks: the picture where it is known, and a table."""
        encoded = pictures.preview(self, ".jpg")
        rows = [(row.label, f"{row.score:.3f}", *(f"{side:.1f}" for side in row.box)) for row in self]
        table = notebook.table(("label", "score", "x1", "y1", "x2", "y2"), rows, str(self))
        return table if encoded is None else notebook.picture(encoded, str(self)) + table
