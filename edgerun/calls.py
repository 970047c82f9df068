"""How a detector is called: with one image, several, or whatever gives images one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias, Unpack, overload

import numpy as np

from edgerun import arguments
from edgerun.arguments import CallAliases, CallArguments, Wanted
from edgerun.card import Nms
from edgerun.detections import Detections
from edgerun.errors import InputError
from edgerun.media import images, sources
from edgerun.media.sources import Picture
from edgerun.runtime.home_process import HomeProcess
from edgerun.tensors import AnyArray

__all__ = ["Calls"]

OneImage: TypeAlias = str | Path | bytes | bytearray | memoryview | AnyArray | IO[bytes]
"""What is one image by its type. A path may also lead to many, and an array may hold many."""


class _Frames(Protocol):
    """The path of a frame, as far as calls need it; see `edgerun.frame.FramePath`."""

    batch: int

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the model's classes."""

    def detect(self, sources: Sequence[Any], color: images.ArrayColor, wanted: Wanted) -> list[Detections]:
        """What is found in at most `batch` images."""


class Calls:
    """The face of a detector for images: `detector(image)`, `detector.each(images)`, `await detector.acall(image)`."""

    path: Path
    _usual: Wanted
    _frames: _Frames
    _home: HomeProcess

    @overload
    def __call__(self, image: list[Any] | tuple[Any, ...], **options: Unpack[CallArguments]) -> list[Detections]: ...
    @overload
    def __call__(self, image: OneImage, **options: Unpack[CallArguments]) -> Detections: ...
    @overload
    def __call__(self, image: int | Iterator[Any], **options: Unpack[CallArguments]) -> Iterator[Detections]: ...
    @overload
    def __call__(self, image: Any, **options: Unpack[CallArguments]) -> Detections: ...
    def __call__(
        self,
        image: Any,
        *,
        conf: float | Mapping[int | str, float] | None = None,
        iou: float | None = None,
        max_det: int | None = None,
        classes: Iterable[int | str] | None = None,
        nms: Nms | None = None,
        color: images.ArrayColor = "bgr",
        **aliases: Unpack[CallAliases],
    ) -> Detections | list[Detections] | Iterator[Detections]:
        """Find what is in an image, or in many.

        Args:
            image: one image: a path, the bytes of a file, an open file or BytesIO, an array (uint8 or float 0..1;
                [H, W], [H, W, 3] or [H, W, 4]) or a PIL image. Several: a list or tuple of those, or an array
                [N, H, W, 3]. Many, one after another: a generator of those, a folder, a pattern such as "day*/*.jpg",
                a video, a camera's number, the address of a stream; see `each`.
            conf: scores below it are left out; or a table from class to such a score, and classes that are not in it
                are as usual. None: the argument of `load`, else the card's, else 0.25.
            iou: of two boxes that overlap by more than this, the better stays. None likewise, else 0.7.
            max_det: most rows of an image.
            classes: only these, by name or number.
            nms: "class", "agnostic", "soft", "weighted", "oks" (of poses) or "none". None: the card's.
            color: the order of an array's channels: "bgr" (OpenCV's) or "rgb".
            aliases: score_threshold, confidence, iou_threshold, max_detections …, as other tools call them.

        Returns:
            Detections; a list of them for several images; for many an iterator, as `each` gives it.

        Raises:
            InputError: the image or an argument cannot be used.
            ModelError: the runtime failed.
            EdgerunError: the detector is closed, or was loaded before this process was forked.
        """
        self._home.refuse_fork()
        given = {"conf": conf, "iou": iou, "max_det": max_det, "classes": classes, "nms": nms, **aliases}
        wanted = arguments.changed(self._usual, given, self._frames.labels, self.path.name)
        if isinstance(image, (list, tuple)):
            return self._several(list(map(_one, image)), color, wanted)
        if isinstance(image, np.ndarray) and image.ndim == 4:
            return self._several(list(image), color, wanted)
        if _gives_many(image):
            return _Each(_one_by_one(image), partial(self._single, color=color, wanted=wanted))
        return self._single(image, color, wanted)

    def each(self, images: Any, **options: Unpack[CallArguments]) -> Iterator[Detections]:
        """What is found in each of many images, one after another; each is read when its turn comes.

        The same as a call, for everything that a call takes, but always an iterator, also by its type. An image that
        cannot be used is an InputError in its turn, after which the next may be asked for. The image is kept until
        then, so that `draw()` and `save(path)` know it.

        Args:
            images: a folder, a pattern, a video, a camera's number, the address of a stream; a generator, a list, an
                array [N, H, W, 3], or one image.
            options: those of a call.

        Raises:
            InputError: there is no such file, the folder is empty, or an argument cannot be used.
        """
        if isinstance(images, (list, tuple)) or getattr(images, "ndim", 0) == 4:
            images = iter(images)
        found: Detections | Iterator[Detections] = self(images, **options)
        return iter([found]) if isinstance(found, Detections) else found

    @overload
    async def acall(self, image: list[Any] | tuple[Any, ...], **options: Unpack[CallArguments]) -> list[Detections]: ...
    @overload
    async def acall(self, image: Any, **options: Unpack[CallArguments]) -> Detections: ...
    async def acall(self, image: Any, **options: Unpack[CallArguments]) -> Detections | list[Detections]:
        """The same as a call with one image or several, in a thread, so that an event loop goes on meanwhile.

        Raises:
            InputError: also for what gives images one after another.
        """
        if _gives_many(image):
            raise InputError(
                "acall takes one image or a list, not what gives images one after another.",
                hint="await detector.acall(image) for each of them",
            )
        found: Detections | list[Detections] = await asyncio.to_thread(lambda: self(image, **options))
        return found

    def _several(self, taken: list[Any], color: images.ArrayColor, wanted: Wanted) -> list[Detections]:
        size = self._frames.batch
        runs = (taken[start : start + size] for start in range(0, len(taken), size))
        return list(chain.from_iterable(self._frames.detect(run, color, wanted) for run in runs))

    def _single(self, image: Any, color: images.ArrayColor, wanted: Wanted) -> Detections:
        self._home.refuse_fork()
        if not isinstance(image, Picture):
            return self._frames.detect([_one(image)], color, wanted)[0]
        if image.frame is None:
            return self._frames.detect([image.source.place], color, wanted)[0]
        (found,) = self._frames.detect([image.read()], "bgr", wanted)
        return replace(found, path=str(image.source.place), frame=image.frame)


class _Each(Iterator[Detections]):
    """What is found in one image after another; an error in one does not end it."""

    def __init__(self, taken: Iterator[Any], detect: Callable[[Any], Detections]) -> None:
        self._taken, self._detect = taken, detect
        self._image: Any = None
        """Kept until the next is asked for: results know an array only as long as somebody does."""

    def __next__(self) -> Detections:
        self._image = next(self._taken)
        return self._detect(self._image)


def _gives_many(image: Any) -> bool:
    """Whether images come out of it one after another."""
    if isinstance(image, (str, Path)):
        return _leads_to_many(image)
    if isinstance(image, int):
        return not isinstance(image, bool)
    return isinstance(image, Iterator) and not hasattr(image, "read")


def _leads_to_many(path: str | Path) -> bool:
    """Whether a path is something else than the file of one image. What does not exist is left to the expansion."""
    return Path(path).suffix.lower() in images.VIDEO_SUFFIXES or not Path(path).is_file()


def _one_by_one(image: Any) -> Iterator[Any]:
    if isinstance(image, Iterator):
        return image
    return chain.from_iterable(map(sources.pictures, sources.expand([str(image)])))


def _one(image: Any) -> Any:
    """An open file by its content, everything else as it is."""
    if not hasattr(image, "read"):
        return image
    content = image.read()
    if not isinstance(content, bytes):
        raise InputError("The file is open as text, and an image is bytes.", hint='open it with mode "rb"')
    if not content:
        raise InputError("There is nothing left to read in the open file.", hint="go back to its start: seek(0)")
    return content
