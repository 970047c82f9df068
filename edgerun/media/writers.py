"""What is written about many images: annotated copies in a folder, and long JSON lists, row by row."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import cv2

from edgerun.errors import InputError
from edgerun.media import images, sources
from edgerun.media.images import Image
from edgerun.media.sources import Picture, Source

__all__ = ["Album", "JsonList"]

WRITTEN = frozenset([".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"])
"""Kinds of image that every OpenCV writes in colour; others are kept as .jpg."""


class Album:
    """A folder of annotated copies: images under their own names, videos and cameras as .mp4.

    It is planned before the first image, so that a name that would cost the user an image is refused at once.
    """

    def __init__(self, folder: Path, planned: Iterable[Source]) -> None:
        """Make the folder and choose the names.

        Raises:
            InputError: the folder cannot be made, or a copy would lie where a source lies.
        """
        self.files: list[Path] = []
        self._folder = folder
        planned = list(dict.fromkeys(planned))
        self._places = _named(folder, planned)
        _spare(planned, self._places)
        self._video: cv2.VideoWriter | None = None
        self._source: Source | None = None
        self._size = (0, 0)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as cause:
            raise InputError(
                f"The folder {folder} cannot be made: {cause.strerror}.", hint="choose another folder"
            ) from cause

    def add(self, picture: Picture, drawn: Image) -> None:
        """Write one annotated image, or append it to the video that it belongs to.

        Raises:
            InputError: it cannot be written.
        """
        place = self._places[picture.source]
        if picture.frame is None:
            images.write(place, drawn)
            self.files.append(place)
            return
        if self._source != picture.source:
            self._begin(picture.source, place, drawn)
        assert self._video is not None  # begun for this source
        if drawn.shape[:2] != self._size:  # a stream may change its size; a video cannot
            drawn = images.as_bgr(cv2.resize(drawn, self._size[::-1]))
        self._video.write(drawn)

    def _begin(self, source: Source, place: Path, drawn: Image) -> None:
        self.close()
        height, width = self._size = drawn.shape[:2]
        fourcc = cv2.VideoWriter.fourcc(*"mp4v")
        self._video, self._source = cv2.VideoWriter(str(place), fourcc, sources.pace(source), (width, height)), source
        if not self._video.isOpened():
            raise InputError(f"The video {place} cannot be written.", hint="choose another folder")
        self.files.append(place)

    def close(self) -> None:
        """Finish the video that is being written; a second call does nothing."""
        if self._video is not None:
            self._video.release()
        self._video = self._source = None

    def __enter__(self) -> Album:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _named(folder: Path, planned: Iterable[Source]) -> dict[Source, Path]:
    """A name for each; where two would be the same the later one gets a number."""
    taken: set[str] = set()
    places = {}
    for source in planned:
        suffix = _suffix(source)
        name, number = f"{source.stem}{suffix}", 1
        while name.casefold() in taken:
            number += 1
            name = f"{source.stem}-{number}{suffix}"
        taken.add(name.casefold())
        places[source] = folder / name
    return places


def _suffix(source: Source) -> str:
    """What the copy is written as."""
    if source.kind != "picture":
        return ".mp4"
    suffix = Path(str(source.place)).suffix.lower()
    return suffix if suffix in WRITTEN else ".jpg"


def _spare(planned: Iterable[Source], places: dict[Source, Path]) -> None:
    """Refuse where a copy would overwrite a source, by whatever name or link it is reached."""
    own: dict[tuple[int, int], Source] = {}
    for source in planned:
        if isinstance(source.place, Path) and source.place.exists():
            own[_identity(source.place)] = source
    for place in places.values():
        overwritten = own.get(_identity(place)) if place.exists() else None
        if overwritten is not None:
            raise InputError(f"The annotated copy would overwrite {overwritten.name}.", hint="save into another folder")


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


class JsonList:
    """A JSON list written row by row, so that memory stays flat; whole whenever it is closed."""

    def __init__(self, stream: TextIO, *, ascii: bool = False) -> None:
        """Begin the list.

        Args:
            stream: which stays open.
            ascii: whether everything else is escaped.
        """
        self._stream, self._ascii = stream, ascii
        self._between = "\n"
        stream.write("[")

    def add(self, row: Any) -> None:
        """One more entry, on a line of its own."""
        self._stream.write(self._between + json.dumps(row, ensure_ascii=self._ascii))
        self._between = ",\n"

    def close(self) -> None:
        """End the list."""
        self._stream.write("]" if self._between == "\n" else "\n]")
