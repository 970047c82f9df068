"""What a user names as a source, as images one after another: files, folders, patterns, videos, cameras, streams."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2

from edgerun.errors import InputError
from edgerun.media import images
from edgerun.media.images import Image

__all__ = ["Picture", "Source", "count", "expand", "pace", "pictures"]

STREAM = re.compile(r"(rtsps?|rtmps?|https?|udp|tcp)://", re.IGNORECASE)

KNOWN = images.SUFFIXES | images.VIDEO_SUFFIXES

USUAL_PACE = 25.0
"""Frames per second of cameras and of files that do not say."""


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that gives images.

    Attributes:
        kind: a "picture" gives itself, a "video" its frames, a "camera" (a stream too) frames until it is stopped.
        place: path of the file, number of the camera, address of the stream.
    """

    kind: Literal["picture", "video", "camera"]
    place: Path | int | str

    @property
    def name(self) -> str:
        """As people call it."""
        return f"camera {self.place}" if isinstance(self.place, int) else str(self.place)

    @property
    def stem(self) -> str:
        """What files about it are named after."""
        if isinstance(self.place, Path):
            return self.place.stem
        return f"camera-{self.place}" if isinstance(self.place, int) else "stream"


@dataclass(frozen=True, slots=True)
class Picture:
    """One image, not yet read.

    Attributes:
        source: where it comes from.
        frame: its number in the video or camera, from 0; None for a file of its own.
        read: returns it, uint8 [H, W, 3] blue-green-red; raises InputError if it cannot be read.
    """

    source: Source
    frame: int | None
    read: Callable[[], Image]

    @property
    def name(self) -> str:
        """As people call it."""
        return self.source.name if self.frame is None else f"{self.source.name} frame {self.frame}"


def expand(arguments: Iterable[str]) -> list[Source]:
    """Everything that the arguments name, in their order; a folder's and a pattern's files by name, 9 before 10.

    Each argument is a file, a folder (its images and videos, not those of folders in it), a pattern such as
    "day*/**/*.jpg", a number (a camera), or the address of a stream. No file is opened.

    Raises:
        InputError: a file is missing, or a folder or a pattern has no images.
    """
    sources: list[Source] = []
    for argument in arguments:
        sources += _expanded(str(argument))
    return sources


def _expanded(argument: str) -> list[Source]:
    if STREAM.match(argument):
        return [_stream(argument)]
    path = Path(argument)
    if path.is_dir():
        return _in_folder(path)
    if path.exists():
        return [_file(path)]
    if argument.isdecimal():
        return [Source("camera", int(argument))]
    if glob.has_magic(argument):
        return _matching(argument)
    raise InputError(
        f"There is no file {argument}.", hint="give an image, a folder, a pattern, a video or a camera's number"
    )


def _stream(address: str) -> Source:
    if Path(address.partition("?")[0]).suffix.lower() in images.SUFFIXES:
        raise InputError(f"{address} is an image elsewhere.", hint="download it and give its path")
    return Source("camera", address)


def _matching(pattern: str) -> list[Source]:
    matches = [Path(match) for match in glob.glob(pattern, recursive=True)]  # noqa: PTH207 (Path.glob takes no absolute patterns)
    found = _shown(match for match in matches if match.is_file())
    if not found:
        raise InputError(f"No image matches {pattern}.", hint="check the pattern")
    return found


def _in_folder(folder: Path) -> list[Source]:
    try:
        entries = list(folder.iterdir())
    except OSError as cause:
        raise InputError(
            f"The folder {folder} cannot be read: {cause.strerror}.", hint="check its permissions"
        ) from cause
    found = _shown(entries)
    if not found:
        raise InputError(f"The folder {folder} holds no images.", hint=_empty_hint(folder, entries))
    return found


def _empty_hint(folder: Path, entries: Iterable[Path]) -> str:
    if any(map(Path.is_dir, entries)):
        return f'images of folders in it are taken by a pattern: "{folder}/**/*.jpg"'
    return f"images and videos are {' '.join(sorted(KNOWN))}"


def _shown(paths: Iterable[Path]) -> list[Source]:
    """Images and videos in their order."""
    return [_file(path) for path in sorted(paths, key=_natural) if _is_shown(path)]


def _is_shown(path: Path) -> bool:
    """Whether it is an image or a video, and not hidden as the ._x.jpg that a Mac leaves behind."""
    return path.suffix.lower() in KNOWN and not path.name.startswith(".")


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", str(path))
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]


def _file(path: Path) -> Source:
    return Source("video" if path.suffix.lower() in images.VIDEO_SUFFIXES else "picture", path)


def count(source: Source) -> int | None:
    """How many images it will give, by its own word; None where it does not say."""
    if source.kind == "picture":
        return 1
    frames = _property(source, cv2.CAP_PROP_FRAME_COUNT)
    return int(frames) if frames >= 1 else None


def pace(source: Source) -> float:
    """Frames per second, by its own word; 25 where it does not say or says nonsense."""
    rate = _property(source, cv2.CAP_PROP_FPS)
    return rate if 0.1 <= rate <= 1000 else USUAL_PACE


def _property(source: Source, number: int) -> float:
    if source.kind == "camera":  # which some drivers open only once
        return 0.0
    capture = cv2.VideoCapture(str(source.place))
    try:
        return float(capture.get(number)) if capture.isOpened() else 0.0
    finally:
        capture.release()


def pictures(source: Source) -> Iterator[Picture]:
    """Its images, each read when it is asked for, so that memory stays flat.

    What goes wrong, such as a video that ends early, is raised by `read` of the image where it happens.
    """
    if source.kind == "picture":
        yield Picture(source, None, lambda: images.read(str(source.place)))
        return
    place = source.place if isinstance(source.place, int) else str(source.place)
    frame = 0
    try:
        for image in images.frames(place):
            yield Picture(source, frame, lambda image=image: image)  # type: ignore[misc]
            frame += 1
    except InputError as problem:
        yield Picture(source, frame, _raiser(problem))


def _raiser(problem: InputError) -> Callable[[], Image]:
    def read() -> Image:
        raise problem

    return read
