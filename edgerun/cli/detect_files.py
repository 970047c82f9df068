"""What `edgerun detect` writes beside its rows: COCO results, YOLO texts, and what was found cut out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

from edgerun.errors import InputError

if TYPE_CHECKING:
    from edgerun.detections import Detections
    from edgerun.media.images import Image
    from edgerun.media.sources import Picture, Source

__all__ = ["Listener", "coco", "crops", "yolo_texts"]

Listener: TypeAlias = "Callable[[Picture, Image, Detections], None]"

UNSAFE = re.compile(r"[^\w .-]+")
"""What the name of a class may not bring into the name of a folder."""


# --------------------------------------------------------------------------------------------------- COCO


@contextmanager
def coco(path: Path, planned: Sequence[Source]) -> Iterator[Listener]:
    """Writes rows as a COCO results file; an image's id is its stem, as a number where it is one.

    The frames of a video or of a camera that is alone have their own numbers, from 0.
    """
    from edgerun.media.writers import JsonList

    _check_ids(planned)
    is_alone = len(planned) == 1
    stream = _opened(path)
    with stream:
        rows = JsonList(stream)

        def add(picture: Picture, image: Image, found: Detections) -> None:
            frame = picture.frame
            number = frame if frame is not None and is_alone else _image_id(picture.source, frame)
            for row in found.to_coco(number):
                rows.add(row)

        try:
            yield add
        finally:
            rows.close()


def _check_ids(planned: Sequence[Source]) -> None:
    """Raise InputError where two images would share an image_id."""
    sources: dict[int | str, Source] = {}
    for source in dict.fromkeys(planned):
        other = sources.setdefault(_image_id(source, None), source)
        if other is not source:
            shared = f"{other.name} and {source.name} would share the COCO image_id {_image_id(source, None)}"
            raise InputError(f"{shared}.", hint="run them one by one")


def _opened(path: Path) -> TextIO:
    if path.is_file() and path.suffix.lower() != ".json":  # an image or a model, most likely
        message = f"{path} is there already and is not a results file."
        raise InputError(message, hint="name another file, such as rows.json")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w", encoding="utf-8")
    except OSError as cause:
        raise InputError(f"{path} cannot be written: {cause.strerror}.", hint="choose another place") from cause


def _image_id(source: Source, frame: int | None) -> int | str:
    if frame is not None:
        return _stem(source, frame)
    return int(source.stem) if source.kind == "picture" and source.stem.isdecimal() else source.stem


# ------------------------------------------------------------------------------------------ texts and crops


def yolo_texts(folder: Path, planned: Sequence[Source]) -> Listener:
    """Writes a YOLO text for each image, an empty one where nothing was found.

    Raises:
        InputError: the folder is not empty, or two images would share a text.
    """
    from edgerun.tools import yolo_rows

    _check_stems(planned)
    _make_empty(folder)

    def add(picture: Picture, image: Image, found: Detections) -> None:
        text = "".join(f"{line}\n" for line in yolo_rows.lines(found))
        _write(folder / f"{_stem(picture.source, picture.frame)}.txt", text)

    return add


def crops(folder: Path, planned: Sequence[Source]) -> Listener:
    """Writes what was found, cut out of the images, into a folder for each class.

    Raises:
        InputError: the folder is not empty, or two images would share a name.
    """
    from edgerun.media import images

    _check_stems(planned)
    _make_empty(folder)

    def add(picture: Picture, image: Image, found: Detections) -> None:
        stem = _stem(picture.source, picture.frame)
        for number, row in enumerate(found):
            x1, y1, x2, y2 = (round(side) for side in row.box)
            if x2 > x1 and y2 > y1:
                label = UNSAFE.sub("_", row.label).strip(". ") or "_"
                images.write(folder / label / f"{stem}-{number}.jpg", image[y1:y2, x1:x2])

    return add


def _stem(source: Source, frame: int | None) -> str:
    return source.stem if frame is None else f"{source.stem}-{frame:06d}"


def _check_stems(planned: Sequence[Source]) -> None:
    """Raise InputError where two images would share a file."""
    sources: dict[str, Source] = {}
    for source in dict.fromkeys(planned):
        other = sources.setdefault(source.stem.casefold(), source)
        if other is not source:
            raise InputError(f"{other.name} and {source.name} have one name.", hint="run them one by one")


def _make_empty(folder: Path) -> None:
    """Make a folder, or take one that is empty, so that nobody's labels are overwritten."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as cause:
        raise InputError(f"{folder} cannot be used: {cause.strerror}.", hint="choose another folder") from cause
    if not is_empty:
        raise InputError(f"The folder {folder} is not empty.", hint="name a new one")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as cause:
        raise InputError(f"{path} cannot be written: {cause.strerror}.", hint="choose another folder") from cause
