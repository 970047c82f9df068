"""The null backend: it opens recorded outputs and computes nothing.

A recording tests the whole path of a frame with no runtime installed, is the zero against which that path's own
cost is measured, and is a bug report that can be mailed from other hardware.

The file is a zip: `edgerun.json` (inputs, outputs, metadata) and `output/<run>/<index>.npy`, arrays without pickles.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from edgerun.contract import Backend, Coverage, Delegate, Health, Session
from edgerun.errors import ModelUnreadable, ModelUnsafe
from edgerun.hookspecs import hookimpl
from edgerun.tensors import AnyArray, Arrays, Quantization, TensorSpec

__all__ = ["Recorder", "ReplayBackend", "ReplaySession", "digest", "write"]

LARGEST = 1 << 30
"""Bytes that a recording may unpack to."""


def digest(feeds: Mapping[str, AnyArray]) -> int:
    """A number that tells one input from another: CRC-32 of names and bytes."""
    code = 0
    for name in sorted(feeds):
        code = zlib.crc32(np.ascontiguousarray(feeds[name]).tobytes(), zlib.crc32(name.encode(), code))
    return code


def _spec_to_json(spec: TensorSpec) -> dict[str, Any]:
    return {key: value for key, value in asdict(spec).items() if value is not None}


def _spec_from_json(value: Mapping[str, Any]) -> TensorSpec:
    quantization = value.get("quantization")
    if quantization is not None:
        quantization = Quantization(
            tuple(map(float, quantization["scale"])),
            tuple(map(int, quantization["zero_point"])),
            int(quantization["axis"]),
        )
    shape = tuple(None if size is None else int(size) for size in value["shape"])
    return TensorSpec(str(value["name"]), shape, str(np.dtype(value["dtype"])), quantization)


def write(
    path: Path,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    metadata: Mapping[str, str | bytes],
    runs: Sequence[tuple[int, Arrays]],
) -> None:
    """Write a recording.

    Args:
        path: of the new file.
        inputs, outputs, metadata: of the session that was recorded.
        runs: (digest of the feeds, raw outputs) of each run.
    """
    names = list(runs[0][1])
    header = {
        "replay": 1,
        "inputs": [_spec_to_json(spec) for spec in inputs],
        "outputs": [_spec_to_json(spec) for spec in outputs],
        "metadata": {key: value for key, value in metadata.items() if isinstance(value, str)},
        "names": names,
        "digests": [code for code, _ in runs],
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("edgerun.json", json.dumps(header))
        for run, (_, arrays) in enumerate(runs):
            for index, name in enumerate(names):
                buffer = io.BytesIO()
                np.save(buffer, arrays[name], allow_pickle=False)
                archive.writestr(f"output/{run}/{index}.npy", buffer.getvalue())


class Recorder:
    """A session that keeps what the one inside it computes, until `save`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._runs: list[tuple[int, Arrays]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, feeds: Arrays) -> Arrays:
        """Run and keep a copy of the outputs."""
        outputs = self._session.run(feeds)
        self._runs.append((digest(feeds), {name: array.copy() for name, array in outputs.items()}))
        return outputs

    def save(self, path: str | Path, metadata: Mapping[str, str | bytes] | None = None) -> None:
        """Write everything that was run. `metadata` replaces the file's own, such as to add a card."""
        session = self._session
        write(
            Path(path), session.inputs, session.outputs, session.metadata if metadata is None else metadata, self._runs
        )


class ReplaySession:
    """A recording, played back: the outputs of the same input, else those of the first run."""

    delegate = "cpu"

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > LARGEST:
                raise ModelUnsafe(
                    f"The recording {path} unpacks to more than {LARGEST >> 20} MiB.", hint="do not open it"
                )
            header = json.loads(archive.read("edgerun.json"))
            if header.get("replay") != 1:
                raise ModelUnreadable(f"{path} is not a recording of version 1.", hint="record it again")
            self.inputs = [_spec_from_json(spec) for spec in header["inputs"]]
            self.outputs = [_spec_from_json(spec) for spec in header["outputs"]]
            self.metadata: Mapping[str, str | bytes] = header["metadata"]
            self._digests: list[int] = header["digests"]
            self._runs: list[Arrays] = [
                {name: _array(archive, f"output/{run}/{index}.npy") for index, name in enumerate(header["names"])}
                for run in range(len(self._digests))
            ]

    def run(self, feeds: Arrays) -> Arrays:
        """The recorded outputs."""
        run = 0
        if len(self._runs) > 1 and (code := digest(feeds)) in self._digests:
            run = self._digests.index(code)
        return dict(self._runs[run])

    def coverage(self) -> Coverage | None:
        """None: nothing is computed."""
        return None

    def close(self) -> None:
        """Nothing is held."""


def _array(archive: zipfile.ZipFile, name: str) -> AnyArray:
    with archive.open(name) as file:
        array: AnyArray = np.load(io.BytesIO(file.read()), allow_pickle=False)
        return array


class ReplayBackend:
    """Runs recordings."""

    name = "replay"
    formats = ("replay",)
    specimen = Path(__file__).with_name("models") / "double.replay.npz"

    def health(self) -> Health:
        """Always ok: there is no runtime."""
        return Health(ok=True, version="1")

    def delegates(self) -> Sequence[Delegate]:
        """One: reading a file."""
        return (Delegate("cpu"),)

    def open(self, path: Path, delegate: Delegate, threads: int | None) -> Session:
        """Read a recording."""
        return ReplaySession(path)


@hookimpl
def edgerun_register_backends() -> list[Backend]:
    """The null backend."""
    return [ReplayBackend()]
