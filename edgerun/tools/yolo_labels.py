"""Labels of images as YOLO keeps them: a text for each image, and in it a line for each object.

A line is a class and numbers in 0..1: cx cy w h; or the corners of an outline, x y x y …; or cx cy w h and keypoints,
x y or x y visibility each. Sources: supervision 0.31.2, dataset/formats/yolo.py, for an image without a text (no
objects) and for kpt_shape in data.yaml; docs.ultralytics.com/datasets/{detect,segment,obb,pose} for the lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgerun.dialects.readers import safe_yaml
from edgerun.errors import InputError
from edgerun.media import images
from edgerun.tensors import AnyArray
from edgerun.tools import yolo_lines
from edgerun.tools.average_precision import Labelled
from edgerun.tools.yolo_lines import BOX

__all__ = ["read"]

DATA_FILES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
MAX_FOLDERS = 3
"""Folders above a photo that may also lie in the folder of labels."""

NOTHING = Labelled(np.zeros((0, 4), np.float32), np.zeros(0, int), np.zeros(0, bool))


@dataclass(frozen=True, slots=True)
class Text:
    """The lines of a file.

    Attributes:
        file: where they stand.
        classes: of each line.
        lines: the numbers behind the class of each line.
    """

    file: Path
    classes: tuple[int, ...]
    lines: tuple[AnyArray, ...]

    def labelled(self, pose_length: int, width: int, height: int) -> Labelled:
        """The boxes in image pixels.

        Raises:
            InputError: a line has an odd count of numbers.
        """
        boxes = [self._sides(line, pose_length) for line in self.lines]
        table = np.array(boxes, np.float32).reshape(-1, 4) * np.array([width, height, width, height], np.float32)
        return Labelled(table, np.array(self.classes, int), np.zeros(len(boxes), bool))

    def _sides(self, line: AnyArray, pose_length: int) -> AnyArray:
        if len(line) in (BOX, pose_length):
            return yolo_lines.sides(line)
        if len(line) < yolo_lines.SHORTEST_OUTLINE or len(line) % 2:
            raise _unreadable(self.file, f"a line has {len(line)} numbers after its class")
        return yolo_lines.around(line)


def read(folder: Path, photos: Sequence[Path]) -> dict[Path, Labelled]:
    """What is in each photo; a photo without a text is without objects. Nothing where no photo has a text.

    Raises:
        InputError: a text cannot be read, is that of two photos, or its lines may be outlines or poses.
    """
    texts = _texts(folder, photos)
    if not texts:
        return {}
    pose_length = _pose_length(folder, texts.values())
    known = dict.fromkeys(photos, NOTHING)
    for photo, text in texts.items():
        try:
            height, width = images.read(photo).shape[:2]
        except InputError:  # it will be said where the photo is used
            del known[photo]
        else:
            known[photo] = text.labelled(pose_length, width, height)
    return known


def _texts(folder: Path, photos: Sequence[Path]) -> dict[Path, Text]:
    """The text of each photo that has one."""
    texts: dict[Path, Text] = {}
    owners: dict[Path, Path] = {}
    for photo in photos:
        file = _file(folder, photo)
        if file is None:
            continue
        owner = owners.setdefault(file, photo)
        if owner.parent != photo.parent:
            hint = "give one folder of photos, or keep texts in folders of the photos' names"
            raise InputError(f"{file} would be the labels of {owner} and of {photo}.", hint=hint)
        texts[photo] = _text(file)
    return texts


def _file(folder: Path, photo: Path) -> Path | None:
    return next(filter(Path.is_file, _places(folder, photo)), None)


def _places(folder: Path, photo: Path) -> Iterator[Path]:
    """Where a photo's text may lie, most precise first: in folders named as the photo's, or in the folder itself."""
    above = photo.absolute().parent.parts[1:][-MAX_FOLDERS:]
    for start in range(len(above) + 1):
        yield folder.joinpath(*above[start:], f"{photo.stem}.txt")


def _text(file: Path) -> Text:
    try:
        rows = map(str.split, filter(str.strip, file.read_text(encoding="utf-8").splitlines()))
        pairs = [(int(number), _numbers(values)) for number, *values in rows]
    except (ValueError, OSError) as cause:
        raise _unreadable(file, str(cause)) from cause
    return Text(file, tuple(number for number, _ in pairs), tuple(line for _, line in pairs))


def _numbers(values: Sequence[str]) -> AnyArray:
    if len(values) < BOX:
        raise ValueError(f"a line has {len(values)} numbers after its class")
    return np.array(values, float)


def _unreadable(file: Path, why: str) -> InputError:
    return InputError(f"{file} cannot be read as YOLO's labels: {why}.", hint="each line is: class cx cy w h, in 0..1")


def _pose_length(folder: Path, texts: Iterable[Text]) -> int:
    """How many numbers a line of a box and keypoints has; 0 where there are none.

    Raises:
        InputError: lines may be either, and no data.yaml tells.
    """
    data = _data(folder)
    if data is not None:
        return _declared_length(folder, data)
    lines = [line for text in texts for line in text.lines]
    length = yolo_lines.common_length(lines)
    if length == 0:
        return 0
    table = np.array([line for line in lines if len(line) == length])
    if not yolo_lines.may_be_poses(table):
        return 0
    if yolo_lines.may_be_outlines(table):
        raise InputError(
            f"{folder} has lines of {length} numbers after the class: outlines, or a box and keypoints.",
            hint="put the data.yaml of the data set beside it, with kpt_shape for keypoints, without for outlines",
        )
    return length


def _data(folder: Path) -> Mapping[str, Any] | None:
    """What the nearest data.yaml says, in the folder or one of two above it."""
    above = folder.absolute()
    for place in (above, *above.parents[:2]):
        for name in DATA_FILES:
            content = _mapping(place / name)
            if content is not None:
                return content
    return None


def _mapping(file: Path) -> Mapping[str, Any] | None:
    try:
        content = safe_yaml.parse(file.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return None
    return content if isinstance(content, Mapping) and ("names" in content or "kpt_shape" in content) else None


def _declared_length(folder: Path, data: Mapping[str, Any]) -> int:
    """By kpt_shape: [keypoints, numbers of each]."""
    shape = data.get("kpt_shape")
    if shape is None:
        return 0
    try:
        count, numbers = map(int, shape)
    except (TypeError, ValueError):
        count, numbers = 0, 0
    if count < 1 or numbers not in (2, 3):
        hint = "write it as [number of keypoints, 2 or 3]"
        raise InputError(f"kpt_shape in the data.yaml of {folder} must be two numbers, not {shape}.", hint=hint)
    return BOX + count * numbers
