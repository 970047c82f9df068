"""From a path to a session: what a runtime compiles is kept, apart for everything that it depends on, and told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from edgerun import Detector, frame
from edgerun.contract import Coverage, Delegate, Health, Placed
from edgerun.errors import (
    CardInvalid,
    DecoderUnknown,
    DelegateIncomplete,
    DelegateUnavailable,
    InputError,
    ModelError,
)
from edgerun.formats.identify import Identified
from edgerun.runtime import cpu_cores as threads
from edgerun.runtime import installed, opening
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


# --------------------------------------------------------------------------- what is opened is closed again


class Counted(Session):
    """Counts how often it is closed."""

    def close(self):
        self.closed = getattr(self, "closed", 0) + 1


@pytest.fixture
def counted(backend, load, monkeypatch):
    """All sessions that were opened since; `backend.really` is the delegate that they say is in force."""
    sessions = []

    def open_(path, delegate, threads):
        sessions.append(Counted(getattr(backend, "really", None) or delegate.name))
        return sessions[-1]

    monkeypatch.setattr(backend, "open", open_)
    return sessions


def closed(sessions):
    return [getattr(session, "closed", 0) for session in sessions]


def test_a_session_whose_delegate_is_refused_is_closed(load, backend, counted):
    backend.really = "cpu"
    with pytest.raises(DelegateUnavailable, match="openvino was asked for, but cpu is in force"):
        load("openvino:device=GPU")
    assert closed(counted) == [1]


def test_each_session_of_a_list_that_is_refused_is_closed_and_the_one_in_force_stays_open(load, backend, counted):
    backend.really = "cpu"
    detector = load(["tensorrt", "openvino", "cpu"])
    assert closed(counted) == [1, 1, 0]
    detector.close()
    assert closed(counted) == [1, 1, 1]


def test_a_session_that_cannot_be_strict_is_closed(load, backend, counted, monkeypatch):
    told = Coverage("assigned", "it says so", (Placed("Conv", "cpu", "a"),))
    monkeypatch.setattr(Counted, "coverage", lambda self: told)
    with pytest.raises(DelegateIncomplete):
        load("tensorrt", strict=True)
    assert closed(counted) == [1]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"labels": ["one", "two", "three"]}, DecoderUnknown),
        ({"classes": ["nobody"]}, InputError),
        ({"imgsz": 32}, CardInvalid),
        ({"max_det": 0}, InputError),
    ],
)
def test_a_session_whose_model_is_refused_is_closed(load, counted, options, error):
    with pytest.raises(error):
        load("cpu", **options)
    assert closed(counted) == [1]


def test_a_session_that_fails_while_it_warms_up_is_closed(load, counted, monkeypatch):
    load("cpu").close()  # its trial runs are kept, so the next run is the one that warms up
    monkeypatch.setattr(Counted, "run", lambda self, feeds: 1 / 0)
    with pytest.raises(ModelError, match="division by zero"):
        load("cpu", warm_up=True)
    assert closed(counted) == [1, 1]


def test_a_detector_is_closed_once_however_it_is_left(load, counted):
    detector = load("cpu")
    detector.close()
    detector.close()
    with load("cpu"):
        pass
    with pytest.raises(ZeroDivisionError), load("cpu"):
        raise ZeroDivisionError
    assert closed(counted) == [1, 1, 1]


def test_what_was_unpacked_is_deleted_when_a_model_is_closed_and_when_it_is_refused(load, monkeypatch, counted):
    removed = []
    opened = open_model(load.path, registry=load.registry, delegate="cpu")
    replace(opened, removed=lambda: removed.append("closed")).close()
    assert (removed, closed(counted)) == (["closed"], [1])
    found = Identified(load.path, load.path, "mine", lambda: removed.append("refused"))
    monkeypatch.setattr(opening.in_memory, "identify", lambda model, backends: found)
    with pytest.raises(DelegateUnavailable):
        open_model(load.path, registry=load.registry, delegate="qnn")
    assert removed == ["closed", "refused"]


def test_an_option_that_a_user_gives_stays_beside_the_folder_of_what_is_compiled(load, backend):
    load("tensorrt:precision=FP16")
    told = dict(backend.told[-1])
    assert Path(told.pop("cache")).name
    assert told == {"precision": "FP16"}
