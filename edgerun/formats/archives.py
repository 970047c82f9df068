"""Archives that hold one model, which is unpacked while it is in use.

Luxonis' NN Archives are tar files with config.json and the model that it names; MediaPipe's bundles are zip files with
the suffix .task and models in them. Only plain files on the top level are taken out, each under its own bare name and
within bounds; links, folders, devices and paths that lead elsewhere are not.
Sources: https://github.com/luxonis/luxonis-ml (Apache-2.0), luxonis_ml/nn_archive/archive_generator.py; mediapipe 1.2.3
(Apache-2.0), tasks/python/metadata.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from edgerun.card import sidecar
from edgerun.errors import ModelUnreadable, ModelUnsafe
from edgerun.formats.known import PACKED, is_packed
from edgerun.formats.known import SUFFIXES as SUFFIXES_OF_MODELS

if TYPE_CHECKING:
    from tarfile import TarFile

__all__ = ["unpacked"]

LARGEST = 2 << 30
"""Bytes that are unpacked of an archive; the largest detectors have a fifth of it."""

MOST = 100
"""Members of an archive."""

MOST_NAMED = 8
"""Models of a bundle that a message names."""

LONGEST = 1 << 20
"""Bytes of a header for a long name."""

SUFFIXES = (".tar", ".tar.xz", ".tar.gz", ".tar.bz2", ".tgz", ".txz")


def unpacked(path: Path) -> tuple[Path, Callable[[], None]]:
    """A model and how to clean up after it: of an archive the model in it, unpacked; else the path as it is.

    A sidecar of the archive goes along.

    Raises:
        ModelUnreadable: a damaged archive, or one without a config.json that names a model in it.
        ModelUnsafe: an archive that is larger than any model.
    """
    if path.suffix.lower() == ".task" and zipfile.is_zipfile(path):
        return _from_bundle(path)
    if not path.is_file() or not _is_tar(path):
        return path, lambda: None
    folder = Path(tempfile.mkdtemp(prefix="edgerun-"))
    removed = partial(shutil.rmtree, folder, ignore_errors=True)
    try:
        _unpack(path, folder)
        model = folder / _named(folder, path)
        if sidecar.path_for(path).is_file():
            shutil.copyfile(sidecar.path_for(path), sidecar.path_for(model))
    except BaseException:
        removed()
        raise
    return model, removed


def _from_bundle(path: Path) -> tuple[Path, Callable[[], None]]:
    """The one model in a bundle of MediaPipe's, unpacked, and how to clean up after it."""
    try:
        with zipfile.ZipFile(path) as bundle:
            members = bundle.infolist()
            models = [member for member in members if Path(member.filename).suffix.lower() in SUFFIXES_OF_MODELS]
            if len(models) != 1 or not _bare(models[0].filename):
                listed = ", ".join(member.filename for member in models[:MOST_NAMED]) or "none"
                raise ModelUnreadable(
                    f"{path} is a bundle of MediaPipe's with {len(models)} models: {listed}.",
                    hint=f"unpack it, and name one: unzip {path.name}",
                )
            return _unzipped(bundle, models[0], path)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as cause:
        raise ModelUnreadable(f"{path} is a damaged bundle: {cause}.", hint="copy or download it again") from cause


def _unzipped(bundle: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> tuple[Path, Callable[[], None]]:
    """A member, unpacked, and how to clean up after it."""
    folder = Path(tempfile.mkdtemp(prefix="edgerun-"))
    removed = partial(shutil.rmtree, folder, ignore_errors=True)
    model = folder / member.filename
    try:
        with bundle.open(member) as source, model.open("wb") as target:
            bounded: Any = _Bounded(source, path)
            shutil.copyfileobj(bounded, target)
        if sidecar.path_for(path).is_file():
            shutil.copyfile(sidecar.path_for(path), sidecar.path_for(model))
    except BaseException:
        removed()
        raise
    return model, removed


def _is_tar(path: Path) -> bool:
    if path.name.lower().endswith(SUFFIXES):
        return True
    with path.open("rb") as file:
        head = file.read(512)
    return is_packed(head)


class _Bounded:
    """A file that gives so many bytes at most: a bomb does not fill the disk."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self._path, self._left = file, path, LARGEST

    def read(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise ModelUnsafe(f"{self._path} unpacks to more than {LARGEST} bytes.", hint="unpack it yourself")
        return self._file.read(size)


def _unpack(path: Path, folder: Path) -> None:
    import tarfile  # with the compressions 4 ms, and few models are packed

    class Member(tarfile.TarInfo):
        """A member whose header is read before what follows it: long names are read into memory, however long."""

        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Member:
            """See `tarfile.TarInfo.frombuf`."""
            member = super().frombuf(buf, encoding, errors)
            if member.type not in tarfile.REGULAR_TYPES and member.size > LONGEST:
                raise ModelUnsafe(
                    f"The archive has a header of {member.size} bytes.", hint="no NN Archive looks like that"
                )
            return member

    try:
        with _opened(path) as file:
            bounded: Any = _Bounded(file, path)
            with tarfile.open(fileobj=bounded, mode="r|", tarinfo=Member) as archive:
                _take_out(archive, path, folder)
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError) as cause:
        raise ModelUnreadable(f"{path} is a damaged archive: {cause}.", hint="copy or export it again") from cause


def _take_out(archive: TarFile, path: Path, folder: Path) -> None:
    """Write the plain files on the top level of an archive into a folder."""
    for number, member in enumerate(archive):
        if number >= MOST:
            raise ModelUnsafe(f"{path} has more than {MOST} members.", hint="no NN Archive looks like that")
        name = member.name.removeprefix("./")
        plain = member.isreg() and not member.issparse() and _bare(name)
        content = archive.extractfile(member) if plain else None
        if content is not None:
            with (folder / name).open("wb") as target:
                shutil.copyfileobj(content, target)


def _bare(name: str) -> bool:
    """Whether a name leads nowhere else on any system."""
    return name == Path(name).name and name not in ("", ".", "..") and not set(name) & set("\\/:\0")


def _opened(path: Path) -> Any:
    """The file, uncompressed while it is read."""
    import bz2
    import gzip
    import lzma

    with path.open("rb") as file:
        head = file.read(8)
    kinds = dict(zip(PACKED, (lzma.open, gzip.open, bz2.open), strict=True))
    opener: Any = next((opener for magic, opener in kinds.items() if head.startswith(magic)), Path.open)
    return opener(path, "rb")


def _named(folder: Path, path: Path) -> str:
    """The name of the model in an unpacked archive."""
    try:
        name = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model"]["metadata"]["path"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as cause:
        raise ModelUnreadable(
            f"{path} is an archive without the config.json of an NN Archive.",
            hint="unpack it, and name the model inside",
        ) from cause
    if not isinstance(name, str) or not _bare(name) or not (folder / name).is_file():
        raise ModelUnreadable(
            f"{path} names the model {str(name)[:100]!r}, which is not in it.", hint="export it again"
        )
    return name
