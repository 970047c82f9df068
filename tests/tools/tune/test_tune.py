"""The fastest right way is found, what is wrong is out and named, and nothing here waits for a real clock."""

from __future__ import annotations

import json
import math
import random
from functools import partial
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest

from edgerun import Detector, detector
from edgerun.contract import Delegate, Health
from edgerun.errors import DecoderUnknown, DelegateUnavailable, EdgerunError, InputError, ModelUnreadable
from edgerun.hookspecs import hookimpl
from edgerun.runtime import cache, installed, tuned_choice
from edgerun.runtime.registry import Registry
from edgerun.tensors import TensorSpec
from edgerun.tools.tune.candidates import candidates
from edgerun.tools.tune.in_process import InProcessRunner
from edgerun.tools.tune.model import tune
from edgerun.tools.tune.result import LATE
from edgerun.tools.tune.runner import Candidate, Facts
from edgerun.tools.tune.search import search


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGERUN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Noise:
    """A clock that only runs move, on two cores that other programs use too: see tests/test_race.py."""

    def __init__(self, seed):
        self.now, self.random = 0.0, random.Random(seed)
        self.phase = self.random.uniform(0, 2 * math.pi)
        self.busy_from = self.busy_until = 0.0

    def clock(self):
        return self.now

    def spend(self, seconds):
        if self.now >= self.busy_until:
            self.busy_from = self.now + self.random.expovariate(1 / 2.8)
            self.busy_until = self.busy_from + self.random.expovariate(1 / 0.5)
        seconds *= self.random.lognormvariate(0, 0.1) * (1 + 0.25 * math.sin(self.now / 20 + self.phase))
        if self.now >= self.busy_from:
            seconds *= self.random.uniform(1.3, 2)
        self.now += seconds
        return seconds


# --------------------------------------------------------------------------------- delegates of known speed

RIGHT = {
    "boxes": np.array([[10, 10, 50, 60], [100, 20, 180, 90], [30, 120, 80, 170]], np.float32),
    "scores": np.array([0.9, 0.7, 0.5], np.float32),
    "classes": np.array([1, 2, 3]),
}
WRONG = {**RIGHT, "boxes": RIGHT["boxes"] + 60}
OFFERS = {
    "fake": [Delegate("npu"), Delegate("gpu"), Delegate("xnnpack"), Delegate("cpu"), Delegate("tpu", False, "none")]
}
SPEEDS = {
    ("npu", 4): 0.004, ("gpu", 4): 0.011, ("xnnpack", 4): 0.012, ("xnnpack", 2): 0.010, ("xnnpack", 1): 0.016,
    ("npu", 2): 0.004, ("npu", 1): 0.004, ("cpu", 4): 0.03, ("cpu", 2): 0.045, ("cpu", 1): 0.08,
}  # fmt: skip
"""The NPU is by far the fastest, and wrong."""


class FakeLane:
    opened = 0

    def __init__(self, noise, candidate, batch=1):
        self.noise, self.candidate = noise, candidate
        self.facts = Facts(0.5, False, batch, (64, 96))
        noise.now += 0.5
        FakeLane.opened += 1
        self.closed = False

    def answers(self, batch=1):
        return [WRONG if self.candidate.delegate == "npu" or batch == 8 else RIGHT]

    def measure(self, runs, batch=1):
        share = SPEEDS[self.candidate.delegate, self.candidate.threads]
        share *= {1: 1.0, 2: 0.8, 4: 0.6, 8: 0.1}[batch]
        return [self.noise.spend(share * batch) / batch for _ in range(runs)]

    def close(self):
        assert not self.closed
        self.closed = True
        FakeLane.opened -= 1


class Slow(FakeLane):
    """As the others, with a reference that is ten times as slow."""

    def measure(self, runs, batch=1):
        times = super().measure(runs, batch)
        return [10 * seconds for seconds in times] if self.candidate.delegate == "cpu" else times


def simulated(seed, budget=60.0, speeds=None, lane=FakeLane, **options):
    noise = Noise(seed)
    found = candidates(OFFERS, 4)
    return search(found, partial(lane, noise), budget=budget, clock=noise.clock, seed=seed, **options)


def test_of_forty_trials_at_least_thirty_eight_find_the_fastest_right_way_and_none_the_wrong_one():
    results = [simulated(seed) for seed in range(40)]
    assert sum((found.choice.delegate, found.choice.threads) == ("xnnpack", 2) for found in results) >= 38
    assert all(found.choice.delegate != "npu" for found in results)
    for found in results:
        (wrong,) = [finding for finding in found.findings if finding.candidate == Candidate("fake", "npu", 4)]
        assert wrong.verdict == "wrong"
        assert "off by 60 pixels" in wrong.detail
        assert not wrong.seconds  # what is wrong is not even measured
        assert found.spent <= 62
    assert FakeLane.opened == 0


def test_what_is_wrong_with_all_cores_is_not_tried_with_fewer():
    found = search(
        [Candidate("fake", "cpu", 4), Candidate("fake", "npu", 4), Candidate("fake", "npu", 2)],
        partial(FakeLane, noise := Noise(1)),
        clock=noise.clock,
    )
    assert [finding.verdict for finding in found.findings] == ["fastest", "wrong", "untried"]
    assert found.findings[2].detail == "it is wrong with 4 threads"


def test_a_model_that_is_refused_is_refused_as_ever():
    def refuses(noise, way):
        raise DecoderUnknown("No decoder reads these outputs.", hint="name one")

    with pytest.raises(DecoderUnknown, match="No decoder reads"):
        simulated(1, lane=refuses)


def test_where_all_fail_alike_that_is_said_once():
    def fails(noise, way):
        raise ModelUnreadable("m.onnx is damaged", hint="copy it again")

    with pytest.raises(ModelUnreadable, match=r"^m\.onnx is damaged"):
        simulated(1, lane=fails)


def test_the_ratio_is_that_of_the_known_speeds():
    found = simulated(1)
    assert found.reference == Candidate("fake", "cpu", 4)
    assert found.choice.ratio == pytest.approx(3.0, rel=0.15)
    by_name = {str(finding.candidate): finding for finding in found.findings}
    assert by_name["cpu with 4 threads"].ratio == pytest.approx(1.0)
    assert by_name["gpu with 4 threads"].ratio == pytest.approx(2.7, rel=0.15)
    assert found.findings[0].verdict == "fastest"
    low, middle, high = found.findings[0].quartiles
    assert low <= middle <= high


def test_a_delegate_that_computes_elsewhere_is_not_tried_with_fewer_threads():
    ways = [str(way) for way in candidates(OFFERS, 4)]
    assert "gpu with 4 threads" in ways
    assert "gpu with 2 threads" not in ways
    assert not any(way.startswith("tpu") for way in ways)  # not available
    assert [way for way in ways if way.startswith("cpu")] == [f"cpu with {n} thread{'s' * (n > 1)}" for n in (4, 2, 1)]


def test_each_value_of_an_option_is_tried_with_all_cores():
    offers = {
        "fake": [
            Delegate("openvino", takes={"device": (), "precision": ("FP32", "FP16"), "cache": ()}),
            Delegate("cpu", takes={"spinning": ("on", "off")}),
            Delegate("coreml", False, "no Mac", takes={"units": ("all", "ane")}),
        ]
    }
    assert [(way.delegate, way.threads) for way in candidates(offers, 2)] == [
        ("openvino", 2),
        ("cpu", 2),
        ("openvino:device=GPU", 2),
        ("openvino:device=NPU", 2),
        ("openvino:precision=FP32", 2),
        ("openvino:precision=FP16", 2),
        ("cpu:spinning=on", 2),
        ("cpu:spinning=off", 2),
        ("openvino", 1),
        ("cpu", 1),
    ]


@pytest.mark.parametrize(
    ("cores", "counts"),
    [(1, [1]), (2, [2, 1]), (6, [6, 4, 3, 2, 1]), (12, [12, 8, 6, 4, 2, 1]), (16, [16, 8, 4, 2, 1])],
)
def test_threads_are_all_cores_half_of_them_and_powers_of_two(cores, counts):
    assert [way.threads for way in candidates({"fake": [Delegate("cpu")]}, cores)] == counts


def test_one_that_met_other_work_at_first_sight_is_looked_at_again():
    class Unlucky(FakeLane):
        looks = 0

        def measure(self, runs, batch=1):
            times = super().measure(runs, batch)
            if self.candidate == Candidate("fake", "xnnpack", 2) and Unlucky.looks < 2:
                Unlucky.looks += 1  # the first look takes two calls
                return [20 * seconds for seconds in times]
            return times

    found = simulated(1, lane=Unlucky)
    assert (found.choice.delegate, found.choice.threads) == ("xnnpack", 2)


def test_what_is_hopeless_with_more_threads_is_not_tried_with_fewer():
    found = simulated(1)
    by_name = {str(finding.candidate): finding for finding in found.findings}
    assert by_name["cpu with 2 threads"].verdict == "slower"
    slow = simulated(1, lane=Slow)
    by_name = {str(finding.candidate): finding for finding in slow.findings}
    assert by_name["cpu with 1 thread"].verdict == "untried"
    assert "times as long as the fastest at first sight" in by_name["cpu with 1 thread"].detail


def test_what_the_user_names_is_all_that_is_tried():
    assert candidates(OFFERS, 4, delegates=["cpu"], threads=3) == [Candidate("fake", "cpu", 3)]


def test_the_number_of_pictures_a_run_is_chosen_too_and_checked():
    found = simulated(2, lane=partial(FakeLane, batch=8))
    assert found.choice.batch == 4  # 8 would be faster, and gives other boxes
    assert set(found.batches) == {1, 2, 4}


def test_with_too_little_time_what_was_not_tried_is_said():
    found = simulated(1, budget=2.0)
    untried = [finding for finding in found.findings if finding.verdict == "untried"]
    assert untried
    assert "--budget" in untried[0].detail
    assert found.choice.delegate != "npu"


def test_ctrl_c_keeps_what_was_measured():
    class Interrupted(FakeLane):
        calls = 0

        def measure(self, runs, batch=1):
            Interrupted.calls += 1
            if Interrupted.calls == 30:
                raise KeyboardInterrupt
            return super().measure(runs, batch)

    found = simulated(1, lane=Interrupted)
    assert found.interrupted
    assert found.choice is not None
    assert found.rounds >= 1
    assert FakeLane.opened == 0


def test_ctrl_c_before_anything_was_measured_chooses_nothing():
    class Interrupted(FakeLane):
        def answers(self, batch=1):
            if self.candidate.delegate == "gpu":
                raise KeyboardInterrupt
            return super().answers(batch)

    found = simulated(1, lane=Interrupted)
    assert found.choice is None
    assert found.interrupted
    assert {finding.verdict for finding in found.findings} == {"untried", "wrong"}
    assert FakeLane.opened == 0


def test_ctrl_c_while_the_batch_is_tried_keeps_the_delegate():
    class Interrupted(FakeLane):
        def answers(self, batch=1):
            if batch == 4:
                raise KeyboardInterrupt
            return super().answers(batch)

    found = simulated(1, lane=partial(Interrupted, batch=8))
    assert found.interrupted
    assert (found.choice.delegate, found.choice.threads, found.choice.batch) == ("xnnpack", 2, 1)
    assert FakeLane.opened == 0


def test_a_reference_that_finds_nothing_is_refused_with_the_way_out():
    class Blind(FakeLane):
        def answers(self, batch=1):
            return [{name: column[:0] for name, column in RIGHT.items()}]

    with pytest.raises(InputError, match="could be checked") as refusal:
        simulated(1, lane=Blind)
    assert "--images" in refusal.value.hint
    assert FakeLane.opened == 0


def test_where_nothing_opens_each_reason_is_told():
    def fails(noise, way):
        raise DelegateUnavailable(f"{way.delegate} is ill")

    with pytest.raises(DelegateUnavailable, match=r"cpu with 4 threads: cpu is ill; npu with 4 threads: npu is ill"):
        simulated(1, lane=fails)


def test_one_that_breaks_down_on_the_way_is_out():
    class Fragile(FakeLane):
        runs = 0

        def measure(self, runs, batch=1):
            if self.candidate == Candidate("fake", "xnnpack", 2):
                Fragile.runs += 1
                if Fragile.runs > 4:
                    raise EdgerunError("its process was killed by SIGSEGV")
            return super().measure(runs, batch)

    found = simulated(1, lane=Fragile)
    by_name = {str(finding.candidate): finding for finding in found.findings}
    assert by_name["xnnpack with 2 threads"].verdict == "failed"
    assert by_name["xnnpack with 2 threads"].detail == "its process was killed by SIGSEGV"
    assert found.choice.delegate == "gpu"


# --------------------------------------------------------------------------------- real sessions

COST = {"npu": 0.001, "swift": 0.002, "cpu": 0.005, "liar": 0.0005}


class Session:
    """A detector of bright cells: boxes on a grid, of which the class scores are the cell's red, green and blue."""

    metadata = MappingProxyType({"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32"})
    inputs = (TensorSpec("images", (1, 3, 64, 96)),)
    outputs = (TensorSpec("output0", (1, 7, 126)),)

    def __init__(self, asked, noise):
        self.asked, self.noise = asked, noise
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
        self.noise.spend(COST[self.asked])
        return {"output0": output}

    def coverage(self):
        return None

    def close(self):
        pass


class Backend:
    name, formats, specimen = "mine", ("mine",), Path("double.mine")

    def __init__(self, noise):
        self.noise = noise
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
        return Session(delegate.name, self.noise)


@pytest.fixture
def backend(monkeypatch):
    """A runtime whose delegates are right, wrong, broken and lying, on a clock of its own."""
    noise = Noise(7)
    monkeypatch.setattr(detector, "time", SimpleNamespace(perf_counter=noise.clock))
    return Backend(noise)


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
        return tune(model, budget=1, registry=registry, opener=opener, clock=backend.noise.clock, **options)

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


def test_where_only_the_reference_was_measured_nothing_is_written(model, registry, folder):
    """A budget that the reference alone uses up would hand every later "auto" the slow reference."""
    noise = Noise(1)

    class Ponderous(FakeLane):
        def answers(self, batch=1):
            self.noise.now += 5
            return super().answers(batch)

    found = tune(model, budget=1, registry=registry, opener=partial(Ponderous, noise), clock=noise.clock, threads=4)
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
