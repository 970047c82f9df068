"""From a path to a session: what a runtime compiles is kept, apart for everything that it depends on, and told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from edgerun import Detector, frame
from edgerun.contract import Delegate, Health
from edgerun.errors import DelegateUnavailable
from edgerun.runtime import cpu_cores as threads
from edgerun.runtime import installed
from edgerun.runtime.opening import open_model
from edgerun.runtime.registry import Registry
from edgerun.tensors import TensorSpec


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGERUN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


OUTPUT = np.random.default_rng(3).uniform(
    [[8], [8], [6], [6], [0], [0]], [[56], [56], [40], [40], [1], [1]], (1, 6, 84)
)
OUTPUT = OUTPUT.astype(np.float32)
"""Boxes somewhere, of two classes."""


@dataclass
class Session:
    delegate: str
    runs: int = 0
    inputs = (TensorSpec("images", (1, 3, 64, 64)),)
    outputs = (TensorSpec("output0", (1, 6, 84)),)
    metadata = {"names": "{0: 'a', 1: 'b'}", "stride": "32"}  # noqa: RUF012 - only read

    def run(self, feeds):
        self.runs += 1
        return {"output0": OUTPUT.copy()}

    def coverage(self):
        return None

    def close(self):
        pass


class Backend:
    """A runtime that compiles into a folder, as TensorRT does."""

    name, formats, specimen, version = "mine", ("mine",), Path("double.mine"), "7"

    def __init__(self):
        self.told = []

    def health(self):
        return Health(ok=True, version=self.version)

    def delegates(self):
        return [
            Delegate("tensorrt", takes={"cache": (), "precision": ("FP32", "FP16")}),
            Delegate("openvino", takes={"cache": (), "device": ()}),
            Delegate("cpu"),
        ]

    def open(self, path, delegate, threads):
        self.told.append(delegate.options)
        if delegate.options.get("device") == "NPU":
            raise DelegateUnavailable("there is no NPU")
        engine = Path(delegate.options["cache"]) / "engine" if "cache" in delegate.options else None
        if engine is not None and not engine.exists():
            engine.write_bytes(path.read_bytes())
        return Session(delegate.name)


@pytest.fixture
def backend():
    return Backend()


@pytest.fixture
def load(backend, tmp_path):
    registry = Registry.load(installed.BUILTIN, entry_points=())
    registry.backends.append(backend)
    path = tmp_path / "model.mine"
    path.write_bytes(b"weights")

    def start(delegate="tensorrt", **options):
        return Detector.load(path, registry=registry, delegate=delegate, decoder="yolov8", **options)

    start.path, start.registry = path, registry
    return start


def test_a_first_load_that_compiled_is_told_and_the_next_one_is_spared_it(load, backend, folder):
    first, second = load().report(), load().report()
    assert (first.opening.compiled, second.opening.compiled) == (True, False)
    assert first.opening.cache == second.opening.cache == str(backend.told[0]["cache"])
    assert Path(first.opening.cache).is_relative_to(folder / "compiled")
    assert "in which the model was compiled; that is kept for later loads in" in str(first)
    assert "with what was compiled before in" in str(second)
    assert first.to_dict()["opening"]["compiled"] is True
    assert "cache" not in first.delegate_options  # nobody asked for it


@pytest.mark.parametrize("change", ["weights", "version", "options", "machine"])
def test_what_was_compiled_for_something_else_is_not_taken(load, backend, monkeypatch, change):
    first = load().report().opening.cache
    wish = "tensorrt"
    if change == "weights":
        load.path.write_bytes(b"other weights")
    elif change == "version":
        backend.version = "8"
    elif change == "options":
        wish = "tensorrt:precision=FP16"
    else:
        monkeypatch.setattr(threads, "available", lambda: 99)
    later = load(wish).report().opening
    assert later.compiled
    assert later.cache != first


def test_a_folder_that_the_user_names_is_the_users(load, backend, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    report = load(f"tensorrt:cache={own}").report()
    assert backend.told[-1]["cache"] == str(own)
    assert report.opening.cache == ""


@pytest.mark.parametrize("wish", ["cpu", "openvino", "openvino:device=CPU"])
def test_what_computes_on_the_processor_keeps_nothing(load, backend, folder, wish):
    report = load(wish).report()
    assert "cache" not in backend.told[-1]
    assert (report.opening.cache, report.opening.compiled) == ("", False)
    assert not (folder / "compiled").exists()


def test_openvino_on_a_gpu_keeps_what_it_compiled(load):
    assert load("openvino:device=GPU").report().opening.compiled


def test_a_delegate_that_does_not_start_leaves_no_folder_behind(load, folder):
    with pytest.raises(DelegateUnavailable, match="there is no NPU"):
        load("openvino:device=NPU")
    assert not list((folder / "compiled").iterdir())


def test_a_cache_that_cannot_be_written_is_a_warning_and_the_model_loads(load, folder):
    folder.write_text("in the way")
    with pytest.warns(UserWarning, match="compiled models are not kept"):
        assert load().report().opening.cache == ""


def test_opening_tells_its_time(load):
    opened = open_model(load.path, registry=load.registry, delegate="cpu")
    assert opened.opening.seconds >= 0
    assert opened.threads == threads.available()


def test_warming_up_is_one_run_before_the_first_picture(load):
    cold, warm = load(), load(warm_up=True)
    assert warm.session.runs == cold.session.runs + 1
    cold.warm_up()
    assert warm.session.runs == cold.session.runs


def test_a_report_warns_of_detectors_that_ran_at_once_with_too_many_threads(load, monkeypatch):
    monkeypatch.setattr(frame, "LOAD", threads.Load())
    cores = threads.available()
    first, second = load("cpu", threads=cores), load("cpu", threads=cores)
    picture = np.zeros((64, 64, 3), np.uint8)
    first(picture), second(picture)
    assert not first.report().warnings  # in turns they do not disturb each other
    outer = second.session.run

    def at_once(feeds):
        first(picture)
        return outer(feeds)

    second.session.run = at_once
    second(picture)
    (warning,) = first.report().warnings
    assert f"2 detectors ran at once in this process with {2 * cores} threads on {cores} cores" in warning


def test_a_runtime_that_computes_something_else_than_the_file_says_is_told(tmp_path):
    class Saturating(Backend):
        def open(self, path, delegate, threads):
            session = super().open(path, delegate, threads)
            session.inexact = "sums are cut off"
            return session

    path = tmp_path / "model.mine"
    path.write_bytes(b"weights")
    registry = Registry.load(installed.BUILTIN, entry_points=())
    registry.backends.append(Saturating())
    with pytest.warns(UserWarning, match="^sums are cut off$"):
        detector = Detector.load(path, registry=registry, delegate="cpu", decoder="yolov8")
    assert "sums are cut off" in detector.report().warnings
