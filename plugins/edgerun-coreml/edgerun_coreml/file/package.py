"""Opening a model's files: ``.mlpackage`` folders, zipped packages, and single ``.mlmodel`` files.

Only the manifest, the root model and the weights it names are read, and only from inside the package: links,
paths that climb out and anything that is not a regular file are refused.
"""

from __future__ import annotations

import json
import os
import stat
import zipfile
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from edgerun_coreml.errors import ModelDamaged, ModelUnsupported
from edgerun_coreml.file.blob import BlobFile
from edgerun_coreml.file.schema import model_schema
from edgerun_coreml.file.wire import Message, parse

Array = npt.NDArray[Any]

MAX_MANIFEST: Final = 1 << 20
MAX_UNZIPPED: Final = 512 << 20
MAX_RATIO: Final = 100
MAX_ENTRIES: Final = 10_000
MODEL_PATH: Final = "@model_path/"


class Files(Protocol):
    """The files of a package by their path inside it; reading yields bytes as uint8 [N]."""

    def read(self, path: PurePosixPath) -> Array:
        """A file's bytes. Raises :class:`ModelDamaged` if there is none to read inside the package."""
        ...


class Folder:
    """Files under a real folder, memory-mapped."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, path: PurePosixPath) -> Array:
        """A file's bytes, uint8 [N]."""
        place = self._root
        for part in checked(path).parts:
            place = place / part
            try:
                mode = place.lstat().st_mode
            except (OSError, ValueError) as error:
                raise ModelDamaged(f"{self._root.name}: {path} is missing") from error
            if stat.S_ISLNK(mode):
                raise ModelDamaged(f"{self._root.name}: {path} goes through a link, which is not followed")
        return map_file(place)


class Archive:
    """Files inside a zip archive, wherever in it the package lies; read into memory, within limits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise ModelDamaged(f"{path.name}: not a zip archive that can be read: {error}") from error
        names = self._zip.namelist()
        if len(names) > MAX_ENTRIES:
            raise ModelDamaged(f"{path.name}: more than {MAX_ENTRIES} entries")
        roots = sorted((n for n in names if PurePosixPath(n).name == "Manifest.json"), key=lambda n: n.count("/"))
        roots = [name for name in roots if not name.startswith("__MACOSX")]
        if not roots:
            raise ModelDamaged(f"{path.name}: holds no Manifest.json, so it is not a zipped .mlpackage")
        self._root = PurePosixPath(roots[0]).parent

    def read(self, path: PurePosixPath) -> Array:
        """A file's bytes, uint8 [N]."""
        name = str(self._root / checked(path))
        try:
            info = self._zip.getinfo(name)
            if info.file_size > MAX_UNZIPPED or info.file_size > MAX_RATIO * max(info.compress_size, 1 << 16):
                raise ModelDamaged(f"{self._path.name}: {path} would unpack to {info.file_size} bytes")
            with self._zip.open(info) as stream:
                data = stream.read(info.file_size + 1)
        except KeyError as error:
            raise ModelDamaged(f"{self._path.name}: {path} is missing") from error
        except ModelDamaged:
            raise
        except Exception as error:  # zlib, lzma, struct and zipfile each have errors of their own
            raise ModelDamaged(f"{self._path.name}: {path} cannot be unpacked: {error}") from error
        return np.frombuffer(data, np.uint8)


class Nothing:
    """The files of a lone ``.mlmodel``, which has none beside it."""

    def read(self, path: PurePosixPath) -> Array:
        """A file's bytes, uint8 [N]."""
        raise ModelDamaged(f"the model refers to {path}, but a lone .mlmodel file has no other files")


class ModelFile:
    """An opened model: its parsed ``spec`` (message ``Model``) and access to its weight files."""

    def __init__(self, path: Path, spec: Message, files: Files, base: PurePosixPath) -> None:
        self.path, self.spec = path, spec
        self._files, self._base = files, base
        self.weights = cache(self._weights)

    def _weights(self, file_name: str) -> BlobFile:
        """The weight file that the program calls ``@model_path/…``. Raises :class:`ModelDamaged`."""
        if not file_name.startswith(MODEL_PATH):
            raise ModelDamaged(f"weights at {file_name!r}: only paths below {MODEL_PATH} are read")
        path = self._base / checked(PurePosixPath(file_name.removeprefix(MODEL_PATH)))
        return BlobFile(self._files.read(path), str(path))


def checked(path: PurePosixPath) -> PurePosixPath:
    """The path, if it stays below its root on every system; :class:`ModelDamaged` otherwise."""
    text = str(path)
    if path.is_absolute() or ".." in path.parts or not path.parts or any(c in text for c in "\\:\0"):
        raise ModelDamaged(f"the path {text!r} does not stay inside the package")
    return path


def map_file(path: Path) -> Array:
    """A regular file's bytes as a read-only memory map, uint8 [N]. Raises :class:`ModelDamaged`."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise ModelDamaged(f"{path.name}: cannot be read: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):  # looked at before a stream is made: there is none of a folder
            raise ModelDamaged(f"{path.name}: not a regular file")
        if status.st_size == 0:
            raise ModelDamaged(f"{path.name}: empty")
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return np.memmap(stream, np.uint8, "r")
    finally:
        os.close(descriptor)


def open_model(path: str | Path) -> ModelFile:
    """Open a ``.mlpackage`` folder, a zip archive of one, or a ``.mlmodel`` file.

    Raises :class:`ModelDamaged` for what cannot be read, :class:`ModelUnsupported` for a compiled
    ``.mlmodelc``.
    """
    path = Path(path)
    if path.is_dir():
        refuse_compiled(path)
        return _open_package(path, Folder(path))
    data = map_file(path)
    if data[:4].tobytes() == b"PK\x03\x04":
        return _open_package(path, Archive(path))
    return ModelFile(path, parse_model(data), Nothing(), PurePosixPath("."))


def refuse_compiled(path: Path) -> None:
    """Raise :class:`ModelUnsupported` if the folder is a compiled model, as Xcode and iOS apps hold."""
    if any((path / name).exists() for name in ("coremldata.bin", "model.mil", "model.espresso.net")):
        raise ModelUnsupported(
            f"{path.name} is a compiled model (.mlmodelc): its source, an .mlpackage or .mlmodel, is needed"
        )


def parse_model(data: Any) -> Message:
    """Parse a model file's bytes into the message ``Model``, and see that it has a model in it."""
    spec = parse(data, model_schema().message("Model"))
    if spec.specificationVersion < 1 or not spec.which("Type"):
        raise ModelDamaged("this is not a Core ML model: it has no specification version or no model")
    return spec


def _open_package(path: Path, files: Files) -> ModelFile:
    root = PurePosixPath("Data") / _root_model(files.read(PurePosixPath("Manifest.json")))
    return ModelFile(path, parse_model(files.read(root)), files, root.parent)


def _root_model(manifest: Array) -> PurePosixPath:
    """The path of the root model below ``Data``, as the manifest gives it."""
    if manifest.size > MAX_MANIFEST:
        raise ModelDamaged("Manifest.json: too large")
    try:
        content = json.loads(manifest.tobytes())
        path = content["itemInfoEntries"][content["rootModelIdentifier"]]["path"]
        if not isinstance(path, str):
            raise TypeError("a path must be a string")
        return checked(PurePosixPath(path))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ModelDamaged(f"Manifest.json: does not name a root model ({why})") from error
