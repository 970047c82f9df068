"""A model in a process of its own: its times, its memory, and errors that come through."""

from __future__ import annotations

import cv2
import pytest

from edgerun.errors import InputError, ModelUnreadable
from edgerun.tools.bench import sampler
from edgerun.tools.bench.sampler import PARTS, ProcessSampler

NAMES = {"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32"}


@pytest.mark.usefixtures("onnxruntime")
def test_it_takes_the_time_of_a_frame_and_its_parts(colours, squares, tmp_path):
    path, image = colours(metadata=NAMES), tmp_path / "squares.png"
    cv2.imwrite(str(image), squares)
    opened = ProcessSampler(str(path), {"threads": 1}, [str(image)])
    try:
        taken, memory = opened.sample(3), opened.memory()
    finally:
        opened.close()
    assert set(taken) == set(PARTS)
    assert taken["frame"] >= sum(taken[part] for part in PARTS if part != "frame") * 0.99
    known = opened.facts
    assert (known.backend, known.threads, known.file_bytes) == ("onnxruntime", 1, path.stat().st_size)
    assert known.opening > 0
    assert known.first_frame > 0
    if memory.now is not None:
        assert 10e6 < memory.now <= memory.peak * 1.01


@pytest.mark.usefixtures("onnxruntime")
def test_an_error_of_the_child_comes_through(tmp_path, colours):
    with pytest.raises((InputError, ModelUnreadable), match=r"none\.onnx"):
        ProcessSampler(str(tmp_path / "none.onnx"), {})
    with pytest.raises(InputError, match="cannot be handed"):
        ProcessSampler(str(colours(metadata=NAMES)), {"inputs": {"size": object()}})


def test_memory_is_in_bytes_where_linux_tells_it(tmp_path, monkeypatch):
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmHWM:\t    3000 kB\nVmRSS:\t    2000 kB\nThreads:\t1\n")
    monkeypatch.setattr(sampler, "STATUS", status)
    assert sampler.memory_of_this_process() == {"now": 2_048_000, "peak": 3_072_000}


def test_memory_is_unknown_where_nothing_tells_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sampler, "STATUS", tmp_path / "none")
    monkeypatch.setattr("sys.platform", "win32")
    assert sampler.memory_of_this_process() == {"now": None, "peak": None}
