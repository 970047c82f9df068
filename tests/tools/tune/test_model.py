"""A model is tuned with real sessions, and what was found is written down for `delegate="auto"`."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest

from edgerun import Detector, frame
from edgerun.contract import Delegate, Health
from edgerun.errors import InputError
from edgerun.hookspecs import hookimpl
from edgerun.runtime import cache, installed, tuned_choice
from edgerun.runtime.registry import Registry
from edgerun.tensors import TensorSpec
from edgerun.tools.tune.in_process import InProcessRunner
from edgerun.tools.tune.model import tune
from edgerun.tools.tune.result import LATE


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGERUN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


COST = {"npu": 0.001, "swift": 0.002, "cpu": 0.005, "liar": 0.0005}


class Session:
    """A detector of bright cells: boxes on a grid, of which the class scores are the cell's red, green and blue."""

    metadata = MappingProxyType({"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32"})
    inputs = (TensorSpec("images", (1, 3, 64, 96)),)
    outputs = (TensorSpec("output0", (1, 7, 126)),)

    def __init__(self, asked, clock):
        self.asked, self.clock = asked, clock
        self.delegate = "cpu" if asked == "liar" else asked

    def run(self, feeds):
        picture = feeds["images"]
        rows = []
        for stride in (8, 16, 32):
            cells = picture.reshape(3, 64 // stride, stride, 96 // stride, stride).mean((2, 4)).reshape(3, -1)
            y, x = np.mgrid[: 64 // stride, : 96 // stride].reshape(2, -1) * stride + stride / 2
            rows.append(np.stack([x, y, 0 * x + stride, 0 * x + stride, *cells]))
        output = np.concatenate(rows, 1).astype(np.float32)[None]
        if self.asked == "npu":
            output[:, 0] = np.clip(output[:, 0] + 20, 0, 90)  # a fast one whose boxes are off
        self.clock.spend(COST[self.asked])
        return {"output0": output}

    def coverage(self):
        return None

    def close(self):
        pass


class Backend:
    name, formats, specimen = "mine", ("mine",), Path("double.mine")

    def __init__(self, clock):
        self.clock = clock
        self.offers = [Delegate("npu"), Delegate("broken"), Delegate("liar"), Delegate("swift"), Delegate("cpu")]
        self.version = "7"
        self.opened = []

    def health(self):
        return Health(ok=True, version=self.version)

    def delegates(self):
        return self.offers

    def open(self, path, delegate, threads):
        self.opened.append((delegate.name, threads))
        if delegate.name == "broken":
            raise RuntimeError("libbroken.so: undefined symbol")
        return Session(delegate.name, self.clock)


@pytest.fixture
def backend(monkeypatch, noisy_clock):
    """A runtime whose delegates are right, wrong, broken and lying, on a clock of its own."""
    clock = noisy_clock(7)
    monkeypatch.setattr(frame, "time", SimpleNamespace(perf_counter=clock.read))
    return Backend(clock)


@pytest.fixture
def registry(backend):
    class Plugin:
        @hookimpl
        def edgerun_register_backends(self):
            return [backend]

    registry = Registry.load(installed.BUILTIN, entry_points=())
    registry.admit("mine", Plugin())
    return registry


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "bright.mine"
    path.write_bytes(b"a model of a runtime of one's own")
    return path


@pytest.fixture
def tuning(model, registry, backend):
    def run(**options):
        opener = lambda way: InProcessRunner(model, way, {}, [], registry)  # noqa: E731
        return tune(model, budget=1, registry=registry, opener=opener, clock=backend.clock.read, **options)

    return run


def test_real_sessions_are_checked_and_measured(tuning):
    found = tuning(threads=2)
    by_name = {finding.candidate.delegate: finding for finding in found.findings}
    assert found.choice.delegate == "swift"
    assert found.choice.ratio == pytest.approx(2.5, rel=0.2)
    assert by_name["npu"].verdict == "wrong"
    assert "boxes agree with the reference" in by_name["npu"].detail
    assert by_name["broken"].verdict == "failed"
    assert "libbroken.so: undefined symbol" in by_name["broken"].detail
    assert by_name["liar"].verdict == "failed"
    assert "cpu" in by_name["liar"].detail
    assert json.loads(json.dumps(found.to_dict()))["choice"]["delegate"] == "swift"


def test_the_choice_is_written_and_auto_takes_it(tuning, model, registry, backend):
    before = Detector.load(model, registry=registry, delegate="auto", threads=2)
    assert before.session.delegate == "npu"  # the runtime's order
    assert "not tuned here" in before.report().delegate_reason
    found = tuning()
    assert Path(found.written).is_file()
    after = Detector.load(model, registry=registry, delegate="auto")
    assert (after.session.delegate, backend.opened[-1]) == ("swift", ("swift", found.choice.threads))
    assert f"auto: tuned on {found.choice.date}, {found.choice.ratio:.2f} × faster than cpu" in str(after.report())
    assert Detector.load(model, registry=registry, delegate="auto", threads=7).report().threads == 7
    assert Detector.load(model, registry=registry).session.delegate == "npu"  # without "auto" nothing changes
    assert Detector.load(model, registry=registry, delegate="cpu").session.delegate == "cpu"


def test_where_only_the_reference_was_measured_nothing_is_written(model, registry, folder, noisy_clock, fake_runner):
    """A budget that the reference alone uses up would hand every later "auto" the slow reference."""
    clock = noisy_clock(1)

    class Ponderous(fake_runner):
        def answers(self, batch=1):
            self.clock.now += 5
            return super().answers(batch)

    found = tune(model, budget=1, registry=registry, opener=partial(Ponderous, clock), clock=clock.read, threads=4)
    assert found.choice.delegate == "cpu"
    assert {finding.detail for finding in found.findings if finding.verdict == "untried"} == {LATE}
    assert found.alone
    assert found.written == ""
    assert not list(folder.glob("tune/*"))


def test_a_dry_run_writes_nothing(tuning, folder):
    assert tuning(write=False).written == ""
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_one_sentence_before_any_work(tuning, folder, backend):
    folder.write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        tuning()
    assert not backend.opened
    assert tuning(write=False).choice is not None


@pytest.mark.parametrize("change", ["model", "version", "machine", "offers"])
def test_what_was_tuned_for_something_else_is_not_taken(tuning, model, registry, backend, monkeypatch, change):
    tuning()
    if change == "model":
        model.write_bytes(b"another one")
    elif change == "version":
        backend.version = "8"
    elif change == "machine":
        monkeypatch.setattr(cache, "machine", lambda: {"processor": "another"})
    else:
        backend.offers = [Delegate("swift"), Delegate("cpu")]
    loaded = Detector.load(model, registry=registry, delegate="auto")
    assert loaded.report().delegate_reason.startswith("auto: ")
    assert "the runtime's order" in loaded.report().delegate_reason
    assert loaded.session.delegate == ("swift" if change == "offers" else "npu")


@pytest.mark.parametrize(
    "damage",
    [
        {"choice": None},
        {"choice": {"backend": "mine"}},
        {"choice": {"backend": "mine", "delegate": 7, "threads": 1, "batch": 1, "ratio": 2, "reference": "", "date": "",
                    "clear": True, "size": [1, 1]}},
        {"choice": {"backend": "mine", "delegate": "swift", "threads": -1, "batch": 1, "ratio": 2, "reference": "",
                    "date": "", "clear": True, "size": [1, 1]}},
        {"edgerun_tune": 99},
    ],
)  # fmt: skip
def test_a_damaged_entry_is_as_good_as_none(tuning, model, registry, damage):
    path = Path(tuning().written)
    path.write_text(json.dumps({**json.loads(path.read_text()), **damage}))
    loaded = Detector.load(model, registry=registry, delegate="auto")
    assert loaded.session.delegate == "npu"
    assert "the runtime's order" in loaded.report().delegate_reason


def test_an_entry_that_is_no_json_warns_and_the_model_loads(tuning, model, registry):
    Path(tuning().written).write_bytes(b"\x00\x01")
    with pytest.warns(UserWarning, match="damaged and ignored"):
        loaded = Detector.load(model, registry=registry, delegate="auto")
    assert loaded.session.delegate == "npu"


def test_a_tuned_delegate_that_no_longer_opens_is_not_hidden(tuning, model, registry, backend, monkeypatch):
    tuning()
    opened = backend.open

    def ill(path, delegate, threads):
        if delegate.name == "swift":
            raise RuntimeError("out of memory")
        return opened(path, delegate, threads)

    monkeypatch.setattr(backend, "open", ill)
    with pytest.warns(UserWarning, match="swift was tuned and cannot be opened"):
        loaded = Detector.load(model, registry=registry, delegate="auto")
    assert loaded.session.delegate == "npu"
    assert "out of memory" in loaded.report().delegate_reason


@pytest.mark.parametrize("budget", [0, -1, 1e9, math.nan])
def test_an_absurd_budget_is_refused(model, registry, budget):
    with pytest.raises(InputError, match="budget"):
        tune(model, budget=budget, registry=registry)


def test_a_choice_says_how_much_it_gains():
    choice = tuned_choice.Choice("mine", "swift", 2, 1, 1.434, "cpu with 2 threads", "2026-11-20", True, (64, 96))
    assert str(choice) == "tuned on 2026-11-20, 1.43 × faster than cpu with 2 threads"


def test_auto_takes_the_pictures_a_run_that_were_tuned(colours, squares):
    pytest.importorskip("edgerun_onnxruntime", reason="edgerun-onnxruntime is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    path = colours(batch=None, metadata={"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32"})
    backend = installed.registry().backend("onnxruntime")
    versions, offers = {"onnxruntime": backend.health().version}, {"onnxruntime": installed.registry().offers(backend)}
    choice = tuned_choice.Choice(
        "onnxruntime", "cpu:spinning=off", 1, 2, 1.5, "cpu with 2 threads", "2026-11-20", True, (1, 1)
    )
    tuned_choice.keep(path, choice, versions, offers, [])
    plain = Detector.load(path, backend="onnxruntime")
    auto = Detector.load(path, backend="onnxruntime", delegate="auto")
    assert (plain.batch, auto.batch) == (8, 2)
    report = auto.report()
    assert (report.threads, report.delegate_options["spinning"]) == (1, "off")
    assert [found.to_list() for found in auto([squares] * 3)] == [found.to_list() for found in plain([squares] * 3)]
