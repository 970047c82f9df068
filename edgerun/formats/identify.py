"""From what a user names, a path or the name of a model of ours, to the file of a model and its format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from edgerun import models
from edgerun.formats.archives import unpacked
from edgerun.formats.sniff import sniff

__all__ = ["Identified", "identify"]


class _RunsFormats(Protocol):
    @property
    def formats(self) -> Sequence[str]:
        """That it runs; a backend has these."""


class Identified(NamedTuple):
    """A model whose format is known. In a `with` statement it is closed at the end.

    Attributes:
        path: as it was named.
        file: the model itself; of an NN Archive it is unpacked until `close` is called.
        format: by the file's bytes.
        close: removes what was unpacked; a second call does nothing.
    """

    path: Path
    file: Path
    format: str
    close: Callable[[], None]

    @property
    def is_packed(self) -> bool:
        """Whether the model lies in an archive."""
        return self.file != self.path

    def __enter__(self) -> Identified:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def identify(model: str | Path, backends: Iterable[_RunsFormats] = ()) -> Identified:
    """Find a model, unpack it where it is an NN Archive, and tell its format.

    Args:
        model: a path, or the name of a model that comes with edgerun.
        backends: those that are installed; their formats count beside those that edgerun knows.

    Raises:
        ModelUnreadable: there is no such file, or it is damaged, or of no known format.
        ModelUnsafe: an archive that is larger than any model, or has more members.
    """
    path = models.find(model)
    file, removed = unpacked(path)
    try:
        format = sniff(file, [format for backend in backends for format in backend.formats])
    except BaseException:
        removed()
        raise
    return Identified(path, file, format, removed)
