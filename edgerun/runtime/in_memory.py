"""Models that are bytes and no files, such as decrypted ones: they get a path, and never touch a disk.

Runtimes and readers open paths, and some map them. On Linux a file may lie in memory alone (memfd_create(2)); a link to
it, in a temporary folder of its own, gives it a name. Other processes of the same user can read it, as they can read
the memory of this one. No runtime of ours takes more than a path there.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, TypeAlias

from edgerun.contract import Backend
from edgerun.errors import InputError, ModelUnreadable
from edgerun.formats.identify import Identified, identify
from edgerun.formats.known import SUFFIXES
from edgerun.formats.sniff import sniff

__all__ = ["Content", "hold", "identified"]

Content: TypeAlias = bytes | bytearray | memoryview | IO[bytes]
"""A model as its bytes, or as an open file that gives them."""


def identified(model: str | Path | Content, format: str | None, backends: Sequence[Backend]) -> Identified:
    """A model whose format is known, from a path, the name of one of ours, or memory.

    Raises:
        InputError: a format is said of a file, or the open file gives no bytes.
        ModelUnreadable: see `edgerun.formats.identify` and `hold`.
    """
    if not isinstance(model, (str, Path)):
        return hold(model, format, [name for backend in backends for name in backend.formats])
    if format is not None:
        raise InputError(
            "format is said of models in memory alone.", hint="leave it out: the bytes of the file tell it"
        )
    return identify(model, backends)


def hold(model: Content, format: str | None, offered: Iterable[str]) -> Identified:
    """Give the bytes of a model a path, which lasts until it is closed.

    Args:
        model: the bytes, or an open file.
        format: of the model; None tells it by the bytes.
        offered: formats of installed backends.

    Raises:
        InputError: the file is open as text, or nothing is left to read in it.
        ModelUnreadable: the bytes are no model, an archive, or of another format than they are said to be; or this
            system has no files in memory.
    """
    content = _bytes_of(model)
    _refuse_archive(content)
    descriptor = _file_of(content)
    folder, is_open = Path(tempfile.mkdtemp(prefix="edgerun-")), [descriptor]

    def release() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        while is_open:
            os.close(is_open.pop())

    try:
        path, found = _named(folder, f"/proc/{os.getpid()}/fd/{descriptor}", format, offered)
        return Identified(path, path, found, release)
    except BaseException:
        release()
        raise


def _bytes_of(model: Content) -> bytes | bytearray | memoryview:
    if isinstance(model, (bytes, bytearray, memoryview)):
        return model
    content = model.read()
    if not isinstance(content, bytes):
        raise InputError("The model's file is open as text, and a model is bytes.", hint='open it with mode "rb"')
    return content


def _refuse_archive(content: bytes | bytearray | memoryview) -> None:
    if len(content) == 0:
        raise ModelUnreadable("The model in memory is empty (0 bytes).", hint="go back to the file's start: seek(0)")
    if tarfile.is_tarfile(io.BytesIO(content)):
        raise ModelUnreadable(
            "The model in memory is an archive, which would be unpacked to a disk.", hint="give the model that is in it"
        )


def _file_of(content: bytes | bytearray | memoryview) -> int:
    """The descriptor of a file in memory that holds this."""
    if not hasattr(os, "memfd_create"):
        raise ModelUnreadable(
            "A model is loaded from memory on Linux alone.", hint="write it to a file, and load that by its path"
        )
    descriptor = os.memfd_create("edgerun-model")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    return descriptor


def _named(folder: Path, target: str, format: str | None, offered: Iterable[str]) -> tuple[Path, str]:
    """A link to the file, whose suffix is that of its format; and the format."""
    link = folder / ("model" if format is None else f"model{_suffix(format)}")
    link.symlink_to(target)
    found = sniff(link, offered)
    if format not in (None, found):
        raise ModelUnreadable(f"The model in memory is said to be {format}, and is {found}.", hint="leave format out")
    return link.rename(link.with_name(f"model{_suffix(found)}")), found


def _suffix(format: str) -> str:
    return next((suffix for suffix, named in SUFFIXES.items() if named == format), f".{format}")
