from __future__ import annotations

import json
import struct
import zipfile
import zlib

import numpy as np
import pytest

from edgerun import Detector, replay
from edgerun.errors import ModelUnreadable, ModelUnsafe
from edgerun.formats.sniff import sniff
from edgerun.runtime.installed import BUILTIN
from edgerun.runtime.registry import Registry
from edgerun.tensors import Quantization, TensorSpec


@pytest.fixture
def alone():
    """A house with nobody but the built-in."""
    return Registry.load(BUILTIN, entry_points=[])


def test_a_recording_answers_as_the_model_did_without_its_runtime(colours, squares, tmp_path, alone):
    detector = Detector.load(colours(metadata={"names": "['red', 'green', 'blue']", "stride": "32"}))
    pictures = [squares, np.roll(squares, 16, axis=1)]
    detector._frames.session = replay.Recorder(detector.session)
    expected = [detector(picture).to_list() for picture in pictures]
    path = tmp_path / "recording.npz"
    detector._frames.session.save(path)
    assert sniff(path) == "replay"
    played = Detector.load(path, registry=alone)
    assert [played(picture).to_list() for picture in reversed(pictures)] == expected[::-1]


def test_quantised_outputs_keep_their_scale(tmp_path):
    path = tmp_path / "quantised.npz"
    spec = TensorSpec("y", (1, 4), "int8", Quantization((0.5,), (-3,)))
    outputs = {"y": np.arange(4, dtype=np.int8)[None]}
    replay.write(path, [TensorSpec("x", (1, None))], [spec], {"k": "v"}, [(0, outputs)])
    session = replay.ReplaySession(path)
    assert session.outputs == [spec]
    assert session.inputs[0].shape == (1, None)
    assert session.metadata == {"k": "v"}
    np.testing.assert_array_equal(session.run({})["y"], outputs["y"])


def test_the_specimen_is_a_recording_of_doubling(alone):
    backend = alone.backend("replay")
    session = backend.open(backend.specimen, backend.delegates()[0], None)
    x = np.arange(4, dtype=np.float32)[None]
    np.testing.assert_array_equal(session.run({"x": x})["y"], 2 * x)
    assert backend.health().ok


def test_a_recording_that_unpacks_to_too_much_is_not_opened(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("edgerun.json", json.dumps({"replay": 1}))
        archive.writestr("output/0/0.npy", bytes(5_000_000))
    monkeypatch.setattr(replay, "LARGEST", 1_000_000)
    with pytest.raises(ModelUnsafe, match="unpacks to more"):
        replay.ReplaySession(path)


def test_pickled_arrays_are_refused(tmp_path, alone):
    path = tmp_path / "pickle.npz"
    replay.write(path, [TensorSpec("x", (1, 3, 8, 8))], [TensorSpec("y", (1, 1))], {}, [(0, {"y": np.ones((1, 1))})])
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    np.save(tmp_path / "evil.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    members["output/0/0.npy"] = (tmp_path / "evil.npy").read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ModelUnreadable, match=r"pickle\.npz"):
        Detector.load(path, registry=alone)


def test_a_digest_tells_names_and_values_and_not_their_order():
    one, two = np.arange(4, dtype=np.float32), np.arange(4, 8, dtype=np.float32)
    digest = replay.digest
    assert digest({"x": one}) == zlib.crc32(b"x" + struct.pack("<4f", 0, 1, 2, 3)) == digest({"x": one.copy()})
    assert digest({"x": one}) != digest({"y": one})
    assert digest({"x": one}) != digest({"x": two})
    assert digest({"x": one, "y": two}) == digest({"y": two, "x": one})
    assert (
        len({digest({"x": one, "y": two}), digest({"x": two, "y": one}), digest({"x": one}), digest({"y": two})}) == 4
    )


class Reusing:
    """As a runtime that gives the same memory at every run."""

    inputs, outputs, metadata = (TensorSpec("x", (1,)),), (TensorSpec("y", (1,)),), {}

    def __init__(self):
        self.memory = np.zeros(1, np.float32)

    def run(self, feeds):
        self.memory[:] = feeds["x"] * 2
        return {"y": self.memory}


def test_what_was_recorded_stays_when_a_runtime_uses_its_memory_again(tmp_path):
    recorder = replay.Recorder(Reusing())
    for number in (1, 2, 3):
        recorder.run({"x": np.float32([number])})
    recorder.save(tmp_path / "recording.npz")
    played = replay.ReplaySession(tmp_path / "recording.npz")
    assert [played.run({"x": np.float32([number])})["y"].tolist() for number in (3, 1, 2)] == [[6], [2], [4]]
    assert played.run({"x": np.float32([9])})["y"].tolist() == [2]  # another input gets the first
