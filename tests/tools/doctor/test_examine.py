"""The doctor lets every runtime compute and says what it finds."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from edgerun.contract import Delegate, Health
from edgerun.runtime import installed, isolation
from edgerun.runtime.registry import Failure, Registry
from edgerun.tensors import TensorSpec
from edgerun.tools.doctor import examine, examiners

WELL = Health(ok=True, version="7")


@dataclass
class Session:
    delegate: str
    answer: object
    inputs = (TensorSpec("x", (1, 4)),)
    closed: bool = False

    def run(self, feeds):
        return {"y": self.answer(feeds["x"])}

    def close(self):
        self.closed = True


class Backend:
    """A runtime of which everything can go wrong."""

    name = "fake"
    formats = ("fake",)
    specimen = Path("double.fake")

    def __init__(self, answer=lambda x: x + x, *, health=WELL, offers=None, in_force=None):
        self.answer, self.well, self.in_force = answer, health, in_force
        self.offers = [Delegate("cpu")] if offers is None else offers
        self.sessions = []

    def health(self):
        if isinstance(self.well, Exception):
            raise self.well
        return self.well

    def delegates(self):
        if isinstance(self.offers, Exception):
            raise self.offers
        return self.offers

    def open(self, path, delegate, threads):
        self.sessions.append(Session(self.in_force or delegate.name, self.answer))
        return self.sessions[-1]


def examined(*backends, failures=()):
    return examine.examine(Registry(backends=list(backends), failures=list(failures)), examiners.in_process)


def test_a_runtime_that_computes_is_well():
    backend = Backend(offers=[Delegate("npu", False, "no such chip"), Delegate("cpu")])
    checkup = examined(backend)
    assert checkup.ok
    npu, cpu = checkup.checks[0].trials
    assert (npu.available, npu.ok, npu.detail) == (False, False, "no such chip")
    assert cpu.ok
    assert cpu.milliseconds > 0
    assert all(session.closed for session in backend.sessions)


@pytest.mark.parametrize(
    "answer", [lambda x: x * 0, lambda x: x + x + 1, lambda x: (x + x).ravel(), lambda x: x * np.nan]
)
def test_wrong_numbers_are_an_error(answer):
    checkup = examined(Backend(answer))
    assert not checkup.ok
    assert checkup.errors == (f"fake on cpu: {checkup.checks[0].trials[0].detail}",)
    assert "is right" in checkup.errors[0]


def test_half_floats_are_right():
    assert examined(Backend(lambda x: (x.astype(np.float16) * 2).astype(np.float32))).ok


def test_a_silent_fallback_is_an_error():
    assert examined(Backend(offers=[Delegate("npu")], in_force="cpu")).errors == ("fake on npu: it fell back to cpu",)


def test_a_runtime_that_raises_is_an_error_and_the_next_delegate_is_tried():
    def answer(x):
        if len(backend.sessions) == 1:
            raise RuntimeError("no memory\non the chip")
        return x + x

    backend = Backend(answer, offers=[Delegate("npu"), Delegate("cpu")])
    first, second = examined(backend).checks[0].trials
    assert not first.ok
    assert first.detail == "RuntimeError: no memory"
    assert second.ok
    assert all(session.closed for session in backend.sessions)


def test_an_ill_runtime_is_an_error_with_its_reason():
    checkup = examined(Backend(health=Health(ok=False, reason="lib.so is missing", hint="apt install lib")))
    assert checkup.errors == ("fake cannot run here: lib.so is missing",)
    assert checkup.checks[0].trials == ()


def test_promises_that_a_plugin_breaks_are_errors_not_crashes():
    for broken in (Backend(health=ValueError("oh")), Backend(offers=ValueError("oh"))):
        checkup = examined(broken)
        assert not checkup.ok
        assert "ValueError: oh" in checkup.errors[0]


def test_warnings_of_a_runtime_are_shown_and_are_no_error():
    checkup = examined(Backend(health=Health(ok=True, version="7", warnings=("two flavours clash",))))
    assert checkup.ok
    assert "fake: two flavours clash" in checkup.warnings


def test_a_broken_plugin_is_an_error():
    failure = Failure("broken", "edgerun-broken", "Plugin broken cannot be imported: ImportError", "trace")
    checkup = examined(Backend(), failures=[failure])
    assert checkup.errors == ("Plugin broken cannot be imported: ImportError (edgerun-broken)",)


def test_no_runtime_at_all_is_an_error_with_what_to_install():
    (error,) = examine.examine(Registry(backends=installed.registry().backends[:1]), examiners.in_process).errors
    assert 'pip install "edgerun[onnx]"' in error


def test_formats_that_nobody_runs_come_with_what_to_install():
    missing = {entry.install: entry.formats for entry in examined(Backend()).missing}
    assert missing['pip install "edgerun[onnx]"'] == ("onnx", "ort")
    assert missing['pip install "edgerun[tflite]"'] == ("tflite",)


def test_two_opencvs_are_a_warning(monkeypatch):
    monkeypatch.setattr(examine, "_installed", lambda name: name in ("opencv-python", "opencv-python-headless"))
    assert any("opencv-python and opencv-python-headless" in warning for warning in examined(Backend()).warnings)


def test_the_result_is_plain():
    plain = json.loads(json.dumps(examined(Backend()).to_dict()))
    assert plain["ok"] is True
    assert plain["backends"][0]["trials"][0]["ok"] is True
    assert set(plain["machine"]) == {"edgerun", "python", "platform", "cores", "numpy", "opencv", "cache"}


# ------------------------------------------------------------------------------- in a process of its own


def test_what_is_built_in_is_examined_in_a_process_of_its_own():
    registry = Registry(backends=installed.registry().backends[:1])
    (check,) = examine.examine(registry).checks
    assert check.backend == "replay"
    assert [(trial.delegate, trial.ok) for trial in check.trials] == [("cpu", True)]


CHILD = """
import json, os, sys, time
def tell(**step): print(json.dumps(step), flush=True)
skip = sys.argv[2:]
health = dict(ok=True, version="7", reason="", hint="", warnings=[])
"""


@pytest.fixture
def child(monkeypatch, tmp_path):
    """Replaces the child process by a script."""

    def play(script):
        path = tmp_path / "child.py"
        path.write_text(CHILD + script)

        def command(module, arguments):
            return [sys.executable, str(path), *arguments]

        monkeypatch.setattr(isolation, "command", command)
        return examine.examine(Registry(backends=[Backend()])).checks[0]

    return play


def test_a_crash_is_a_finding_and_the_next_delegate_follows(child):
    check = child(
        """
tell(health=health); tell(offers=["npu", "cpu"])
for name in ("npu", "cpu"):
    if name in skip: continue
    tell(begun=name)
    if name == "npu": os.abort()
    tell(trial=dict(delegate=name, available=True, ok=True, detail="", milliseconds=1.0))
"""
    )
    npu, cpu = check.trials
    assert (npu.ok, npu.detail) == (False, "its process was killed by SIGABRT")
    assert cpu.ok


def test_a_crash_on_import_is_a_finding(child):
    check = child("os.abort()")
    assert not check.health.ok
    assert check.health.reason == "its process was killed by SIGABRT"


def test_a_runtime_that_never_answers_is_a_finding(child, monkeypatch):
    monkeypatch.setattr(examiners, "PATIENCE_SECONDS", 1.5)
    check = child('tell(health=health); tell(offers=["cpu"]); tell(begun="cpu"); time.sleep(60)')
    assert check.trials[0].detail == "its process gave no answer within 1.5 seconds"


@pytest.mark.parametrize("before", ["", 'tell(offers=["cpu"]); tell(begun="cpu"); tell(trial=CPU);'])
def test_a_crash_between_or_after_the_delegates_is_a_finding(child, before):
    """Some drivers crash when the process ends."""
    cpu = 'CPU = dict(delegate="cpu", available=True, ok=True, detail="", milliseconds=1.0)'
    check = child(f"{cpu}\ntell(health=health); {before} os.abort()")
    assert check.health.ok
    assert (check.trials[-1].ok, check.trials[-1].detail) == (False, "its process was killed by SIGABRT")


def test_a_child_that_fails_otherwise_tells_its_last_line(child):
    check = child('raise SystemExit("no such thing")')
    assert check.health.reason == "its process ended with code 1: no such thing"


@pytest.mark.parametrize("health", [WELL, Health(ok=False, reason="it is broken")])
def test_what_a_runtime_does_on_this_machine_alone_is_a_warning(health):
    class Knowing(Backend):
        def machine_notes(self):
            return ("sums are cut off here",)

    found = examine.examine(Registry(backends=[Knowing(health=health)]), examiners.in_process)
    assert found.warnings == (("fake: sums are cut off here",) if health.ok else ())
