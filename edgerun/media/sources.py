"""What a user names as a source, as images one after another: files, folders, patterns, videos, cameras, streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgerun.errors import InputError
from edgerun.media import download, images, listing, videos
from edgerun.media.images import Image
from edgerun.media.listing import Listing

__all__ = ["Picture", "Source", "count", "expand", "left_out", "pace", "pictures"]


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that gives images.

    Attributes:
        kind: a "picture" gives itself, a "video" its frames, a "camera" (a stream too) frames until it is stopped.
        place: path of the file, number of the camera, address of the stream or path of the camera's device.
        address: where it was downloaded from; "" for what is not.
    """

    kind: Literal["picture", "video", "camera"]
    place: Path | int | str
    address: str = ""

    @property
    def name(self) -> str:
        """As people call it."""
        return f"camera {self.place}" if isinstance(self.place, int) else self.path

    @property
    def path(self) -> str:
        """Where it comes from, as programs take it."""
        return self.address or str(self.place)

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


def expand(arguments: Iterable[str], *, downloads: Path | None = None) -> list[Source]:
    """Everything that the arguments name, in their order; a folder's and a pattern's files by name, 9 before 10.

    Each argument is a file, a folder (its images and videos, not those of folders in it), a pattern such as
    "day*/**/*.jpg", a number (a camera), or the address of a stream or of an image. No file is opened.

    Args:
        arguments: what was named.
        downloads: a folder into which images of the web are fetched; None where the user has not said that they may be.

    Raises:
        InputError: a file is missing, a folder or a pattern has no images, or an image of the web cannot be fetched.
    """
    sources: list[Source] = []
    for argument in map(str, arguments):
        sources += [_elsewhere(argument, downloads, len(sources))] if _is_elsewhere(argument) else _expanded(argument)
    return sources


def _is_elsewhere(argument: str) -> bool:
    return download.is_file_elsewhere(argument, images.SUFFIXES)


def _elsewhere(address: str, downloads: Path | None, number: int) -> Source:
    if downloads is None:
        hint = "let it be fetched with --allow-download, or download it and give its path"
        raise InputError(f"{address} is an image elsewhere.", hint=hint)
    return Source("picture", download.fetch(address, downloads, number), address)


def _expanded(argument: str) -> list[Source]:
    if videos.STREAM.match(argument):
        return [Source("camera", argument)]
    path = Path(argument)
    if path.is_dir():
        return _in_folder(path)
    if path.is_char_device():
        return [Source("camera", argument)]
    if path.exists():
        return [_file(path)]
    if argument.isdecimal():
        return [Source("camera", int(argument))]
    if listing.is_pattern(argument):
        return _matching(argument)
    raise InputError(
        f"There is no file {argument}.", hint="give an image, a folder, a pattern, a video or a camera's number"
    )


def _matching(pattern: str) -> list[Source]:
    found = listing.of_pattern(pattern)
    if not found.shown:
        hint = listing.unreadable_hint(found.omitted) or "check the pattern"
        raise InputError(f"No image matches {pattern}.", hint=hint)
    return [_file(path) for path in found.shown]


def _in_folder(folder: Path) -> list[Source]:
    found = listing.of_folder(folder)
    if not found.shown:
        raise InputError(f"The folder {folder} holds no images.", hint=_empty_hint(folder, found))
    return [_file(path) for path in found.shown]


def _empty_hint(folder: Path, found: Listing) -> str:
    if any(map(Path.is_dir, found.omitted)):
        return f'images of folders in it are taken by a pattern: "{folder}/**/*.jpg"'
    known = f"images and videos are {' '.join(sorted(listing.KNOWN))}"
    return listing.unreadable_hint(found.omitted) or known


def left_out(arguments: Iterable[str]) -> str:
    """One sentence on what `expand` leaves out of folders and patterns, with a hint for HEIC; "" where it is nothing.

    Raises:
        InputError: a folder cannot be read.
    """
    omitted: list[Path] = []
    for argument in map(str, arguments):
        path = Path(argument)
        if path.is_dir():
            omitted += listing.of_folder(path).omitted
        elif listing.is_pattern(argument) and not path.exists():
            omitted += listing.of_pattern(argument).omitted
    return listing.left_out(omitted)


def _file(path: Path) -> Source:
    return Source("video" if path.suffix.lower() in images.VIDEO_SUFFIXES else "picture", path)


def count(source: Source) -> int | None:
    """How many images it will give, by its own word; None where it does not say."""
    if source.kind == "picture":
        return 1
    return videos.count(source.place) if isinstance(source.place, Path) else None


def pace(source: Source) -> float:
    """Frames per second, on average; 25 for cameras, which some drivers open only once, and where nothing tells."""
    return videos.pace(source.place) if isinstance(source.place, Path) else videos.USUAL_PACE


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
        for image in videos.frames(place):
            yield Picture(source, frame, lambda image=image: image)  # type: ignore[misc]
            frame += 1
    except InputError as problem:
        yield Picture(source, frame, _raiser(problem))


def _raiser(problem: InputError) -> Callable[[], Image]:
    def read() -> Image:
        raise problem

    return read
