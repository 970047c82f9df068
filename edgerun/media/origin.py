"""The image that something was found in, as it can be had again: by its path or bytes, or while the caller keeps it."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

from edgerun.errors import InputError
from edgerun.media import images
from edgerun.media.images import ArrayColor, Image

__all__ = ["UNKNOWN", "Origin"]

KEPT = (str, Path, bytes, bytearray, memoryview)
"""Sources that are held: they are small. Arrays are not: a list of results would hold every frame of a video."""


class Origin:
    """Where an image can be had again. Paths alone are pickled."""

    __slots__ = ("_color", "_held")

    def __init__(self, source: Any, color: ArrayColor = "bgr") -> None:
        """Remember a source that `images.as_bgr` takes; arrays and PIL images as long as somebody else keeps them."""
        self._held = source if source is None or isinstance(source, KEPT) else weakref.ref(source)
        self._color: ArrayColor = color

    def image(self) -> Image:
        """The image as it is now, uint8 [H, W, 3], blue-green-red.

        Raises:
            InputError: nobody keeps it any more, or its file cannot be read.
        """
        source = self._source
        if source is None:
            raise InputError(
                "The image that these were found in is not kept.", hint="hand it over, as in draw(image) or crop(image)"
            )
        return images.as_bgr(source, self._color)

    @property
    def _source(self) -> Any:
        return self._held() if isinstance(self._held, weakref.ref) else self._held

    def __copy__(self) -> Origin:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Origin:
        return self

    def __reduce__(self) -> tuple[type[Origin], tuple[Any, ArrayColor]]:
        return Origin, (self._held if isinstance(self._held, (str, Path)) else None, self._color)


UNKNOWN = Origin(None)
"""Of results that were not found in an image of this process."""
