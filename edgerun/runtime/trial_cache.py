"""Outputs of trial runs, kept between loads: a trial run is a whole inference, and always the same one.

    <folder>/trials/    a file for each run, see `edgerun.runtime.cache` for the folder

An entry is found again only by the very bytes of the model and by the same image, fed in the same way, on the same
machine, by the same version of edgerun, of the plugin and of its runtime, on the same delegate. What is damaged counts
as absent. An entry:

    64 hexadecimal digits and a line feed: SHA-256 of all that follows
    a line of JSON: {"key": …, "outputs": [[name, dtype, shape], …]}
    the arrays' bytes, one after the other

Nothing in it is executed or unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgerun import __version__, delegates
from edgerun.contract import Delegate
from edgerun.runtime import cache
from edgerun.tensors import AnyArray, Arrays

__all__ = ["TrialCache"]

FORMATS = ("onnx", "ort", "tflite", "mlpackage", "mlmodel", "executorch", "torchscript")
"""Of which it is known which files a model is made of, so that a change of any is seen."""

MAX_MODEL: Final = 512 * cache.MEGABYTE
"""Bytes of a model; to hash a larger one may take longer than a run."""

MAX_OUTPUTS: Final = 32 * cache.MEGABYTE
"""Bytes of the outputs of one run; YOLOv8n's take 2.8 MB."""

MAX_ENTRY: Final = MAX_OUTPUTS + cache.MEGABYTE
"""Bytes of an entry."""

MAX_SHELF: Final = 200 * cache.MEGABYTE
"""Bytes of all entries, unless EDGERUN_CACHE_LIMIT allows less."""

MAX_CLOCK_STEP: Final = 0.02
"""Seconds between two times that a file system tells apart: 4 to 10 ms on Linux, 15.6 ms on Windows."""

DIGITS: Final = 64
"""Of a SHA-256."""


@dataclass(frozen=True)
class TrialCache:
    """What one opened model answered to trial runs.

    Attributes:
        file: the model.
        setting: all else that its answers depend on.
        began: when its opening began, in seconds since the epoch: a file that has changed since is not looked up.
    """

    file: Path
    setting: tuple[str, ...]
    began: float

    @staticmethod
    def of(
        file: Path, format: str, backend: str, versions: Sequence[str], delegate: Delegate, in_force: str, began: float
    ) -> TrialCache | None:
        """The cache of an opened model; None where an old answer could be taken for a new one.

        That is, where the format or a version is not known well enough, or the delegate has a library of its own or is
        another device, whose driver may change.

        Args:
            file: the model.
            format: of it.
            backend: its name.
            versions: of the plugin and of its runtime; "" for one that is not known.
            delegate: that was asked for.
            in_force: the name of the one that is in force.
            began: see above.
        """
        on_processor = delegates.on_processor(delegate) and "library" not in delegate.options
        if format not in FORMATS or not all(versions) or not on_processor:
            return None
        options = sorted(f"{name}={value}" for name, value in delegate.options.items() if name != "cache")
        place = (backend, *versions, delegate.name, in_force, *options, *cache.machine().values())
        return TrialCache(file, (__version__, *place), began)

    @cached_property
    def _model(self) -> str:
        """SHA-256 of everything that the model is made of; "" where that is too large, or has changed meanwhile."""
        total = hashlib.sha256()
        try:
            parts = cache.parts(self.file)
            if sum(part.stat().st_size for part in parts) > MAX_MODEL:
                return ""
            for part in parts:
                total.update(f"\n{part.relative_to(self.file.parent).as_posix()}\n".encode())
                total.update(cache.sha256(part))
            last_change = max(map(_last_change, parts))
        except (OSError, ValueError):
            return ""
        return total.hexdigest() if last_change < self.began - MAX_CLOCK_STEP else ""

    def answer(self, request: str, sample: Arrays, run: Callable[[], Arrays]) -> Arrays:
        """The raw outputs of a trial run: those that are kept, else those of the run, which then are.

        Not kept is what is too large or holds texts, and where the folder cannot be written.

        Args:
            request: which image is shown, and how it is fed.
            sample: arrays that differ where the feeds do in what `request` does not say.
            run: makes the run.
        """
        if not self._model:
            return run()
        key = self._key(request, sample)
        path = cache.folder() / "trials" / f"{key}.run"
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):  # absent, or damaged
            return _kept(path, key)
        outputs = run()
        if _is_worth_keeping(outputs):
            with suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_whole(path, _written(key, outputs))
                _evict(path)
        return outputs

    def _key(self, request: str, sample: Arrays) -> str:
        total = hashlib.sha256("\n".join([self._model, *self.setting, request]).encode())
        for name in sorted(sample):
            array = sample[name]
            total.update(f"\n{name}\n{array.dtype.str} {array.shape}\n".encode())
            total.update(np.ascontiguousarray(array).tobytes())
        return total.hexdigest()


def _last_change(path: Path) -> float:
    """Of its content or of its entry in the folder, in seconds since the epoch."""
    status = path.stat()
    return max(status.st_mtime, status.st_ctime)


def _is_worth_keeping(outputs: Arrays) -> bool:
    plain = all(array.dtype.kind in "biuf" for array in outputs.values())
    return plain and sum(array.nbytes for array in outputs.values()) <= min(cache.limit(), MAX_OUTPUTS)


# ------------------------------------------------------------------------------------------------ an entry


def _written(key: str, outputs: Arrays) -> bytes:
    listed = [[name, array.dtype.str, list(array.shape)] for name, array in outputs.items()]
    head = json.dumps({"key": key, "outputs": listed}).encode()
    body = b"\n".join([head, b"".join(np.ascontiguousarray(array).tobytes() for array in outputs.values())])
    return b"\n".join([hashlib.sha256(body).hexdigest().encode(), body])


def _kept(path: Path, key: str) -> Arrays:
    """The arrays of an entry, which counts as used now.

    Raises:
        OSError: there is none.
        ValueError, KeyError, TypeError, RecursionError: it is damaged.
    """
    if path.stat().st_size > MAX_ENTRY:
        raise ValueError("larger than any entry")
    outputs = _read(path.read_bytes(), key)
    os.utime(path)
    return outputs


def _read(entry: bytes, key: str) -> Arrays:
    """The arrays of an entry.

    Raises:
        ValueError, KeyError, TypeError, RecursionError: it is damaged, or another one.
    """
    digits, body = entry[:DIGITS], memoryview(entry)[DIGITS + 1 :]
    if hashlib.sha256(body).hexdigest().encode() != digits:
        raise ValueError("damaged")
    end = entry.index(b"\n", DIGITS + 1)
    head = json.loads(entry[DIGITS + 1 : end])
    if head["key"] != key:
        raise ValueError("another entry")
    outputs: Arrays = {}
    at = end + 1
    for name, dtype, shape in head["outputs"]:
        outputs[name] = _array(entry, at, np.dtype(dtype), shape)
        at += outputs[name].nbytes
    if at != len(entry):
        raise ValueError("of another length")
    return outputs


def _array(entry: bytes, at: int, dtype: np.dtype[Any], shape: list[int]) -> AnyArray:
    """One array, of its own memory."""
    if dtype.kind not in "biuf":
        raise ValueError(dtype)
    count = int(np.prod(shape, dtype=np.int64))
    return np.frombuffer(entry, dtype, count, at).reshape(shape).copy()


def _write_whole(path: Path, content: bytes) -> None:
    """By way of a draft, so that no reader meets half an entry."""
    number, draft = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".draft")
    try:
        with os.fdopen(number, "wb") as stream:
            stream.write(content)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _evict(newest: Path) -> None:
    """Delete the entries that were not used for longest until the rest keeps to the limit; never the newest."""
    known = []
    for path in newest.parent.iterdir():
        with suppress(OSError):  # another process may delete it meanwhile
            status = path.stat()
            known.append((status.st_mtime_ns, path, status.st_size))
    total = sum(size for _, _, size in known)
    most = min(cache.limit(), MAX_SHELF)
    for _, path, size in sorted(known):
        if total <= most:
            return
        if path != newest:
            path.unlink(missing_ok=True)
            total -= size
