"""edgerun doctor, from the outside."""

from __future__ import annotations

import json

import pytest

from edgerun.contract import Health
from edgerun.runtime.registry import Failure
from edgerun.tools.doctor import examine
from edgerun.tools.doctor.checkup import BackendCheck, Checkup, DelegateCheck, Missing

CHECKS = (
    BackendCheck(
        "fake",
        ("fake",),
        Health(ok=True, version="7.1", warnings=("two flavours",)),
        (
            DelegateCheck("npu", available=False, ok=False, detail="no such chip"),
            DelegateCheck("tpu", available=False, ok=False, detail="no such chip"),
            DelegateCheck("gpu", available=True, ok=False, detail="it fell back to cpu"),
            DelegateCheck("cpu", available=True, ok=True, milliseconds=3.0),
        ),
    ),
    BackendCheck("lame", ("lame",), Health(ok=False, reason="lib.so is missing", hint="apt install lib")),
)
BROKEN = Failure("broken", "edgerun-broken", "Plugin broken cannot be imported: ImportError", "Traceback of its own")


@pytest.fixture
def ward(monkeypatch):
    """Replaces what the doctor finds."""

    def put(checks=CHECKS, failures=(), missing=()):
        checkup = Checkup({"edgerun": "1"}, tuple(checks), tuple(failures), tuple(missing), ("fake: two flavours",))
        monkeypatch.setattr(examine, "examine", lambda: checkup)

    return put


def test_each_delegate_has_its_finding_and_errors_make_the_answer_no(edgerun, ward):
    ward(failures=[BROKEN], missing=[Missing(("tflite",), 'pip install "edgerun[tflite]"')])
    lines = [line.split() for line in edgerun("doctor", exit_code=1).stdout.splitlines()]
    assert ["fake", "7.1", "npu", "tpu", "not", "here", "no", "such", "chip"] in lines
    assert ["gpu", "fails", "it", "fell", "back", "to", "cpu"] in lines
    assert ["cpu", "computes"] in lines
    assert ["lame", "broken", "lib.so", "is", "missing;", "apt", "install", "lib"] in lines
    assert ["tflite", "pip", "install", '"edgerun[tflite]"'] in lines
    assert ["fake:", "two", "flavours"] in lines
    assert ["Plugin", "broken", "cannot", "be", "imported:", "ImportError", "(edgerun-broken)"] in lines


def test_a_broken_plugins_traceback_is_shown_on_demand(edgerun, ward):
    ward(failures=[BROKEN])
    assert "Traceback of its own" not in edgerun("doctor", exit_code=1).stdout
    assert "Traceback of its own" in edgerun("doctor", "--debug", exit_code=1).stdout


def test_no_errors_is_0(edgerun, ward):
    ward(checks=[BackendCheck("fake", ("fake",), Health(ok=True, version="7"), (CHECKS[0].trials[3],))])
    assert "no errors" in edgerun("doctor").stdout


def test_json_is_made_of_the_same(edgerun, ward):
    ward()
    found = json.loads(edgerun("doctor", "--json", exit_code=1).stdout)
    assert found["ok"] is False
    assert found["backends"][0]["trials"][2] == {
        "delegate": "gpu",
        "available": True,
        "ok": False,
        "detail": "it fell back to cpu",
        "milliseconds": 0.0,
    }
    assert found["errors"] == ["fake on gpu: it fell back to cpu", "lame cannot run here: lib.so is missing"]


def test_this_machine_is_examined(process):
    pytest.importorskip("edgerun_onnxruntime", reason="edgerun-onnxruntime is not installed")
    ran = process("doctor", "--json", EDGERUN_PLUGINS="onnxruntime")
    found = json.loads(ran.stdout)
    assert ran.returncode == (0 if found["ok"] else 1)
    by_name = {check["backend"]: check for check in found["backends"]}
    assert by_name["replay"]["trials"][0]["ok"]
    assert {trial["delegate"]: trial["ok"] for trial in by_name["onnxruntime"]["trials"]}["cpu"]


def test_a_house_without_runtimes_is_told_what_to_install(process):
    ran = process("doctor", EDGERUN_PLUGINS="none")
    assert ran.returncode == 1
    assert 'no runtime is installed: pip install "edgerun[onnx]"' in ran.stdout
