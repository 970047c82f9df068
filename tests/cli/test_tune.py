"""The command as a user types it; the search itself is tested in tests/tools/tune."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgerun.runtime.tuned_choice import Choice
from edgerun.tools.tune import model as tuned_model
from edgerun.tools.tune.result import LATE, Finding, Tuning
from edgerun.tools.tune.runner import Candidate


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGERUN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def found(monkeypatch):
    """Replaces what tuning finds; gives what it was asked."""
    asked = {}

    def put(**changed):
        reference = Candidate("fake", "cpu", 2)
        choice = Choice("fake", "npu", 2, 1, 2.5, str(reference), "2026-11-20", True, (64, 96))
        findings = (
            Finding(Candidate("fake", "npu", 2), "fastest", seconds=(0.004,) * 9, ratio=2.5, pixels=0.25, score=0.001),
            Finding(reference, "slower", seconds=(0.01,) * 9, ratio=1.0, pixels=0.0, score=0.0),
            Finding(Candidate("fake", "gpu", 2), "wrong", "3 of 90 boxes agree with the reference"),
            Finding(Candidate("fake", "tpu", 2), "failed", "its process was killed by SIGSEGV"),
        )
        plain = {
            "reference": reference, "findings": findings, "batches": {}, "choice": choice, "clear": True, "rounds": 9,
            "spent": 12.3, "interrupted": False, "model": "m.fake", "written": "/cache/tune/x.json",
        }  # fmt: skip
        monkeypatch.setattr(
            tuned_model, "tune", lambda model, **given: asked.update(given) or Tuning(**{**plain, **changed})
        )
        return asked

    return put


def lines(text):
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_table_names_the_fastest_and_what_is_wrong(edgerun, found):
    found()
    shown = lines(edgerun("tune", "m.fake").stdout)
    assert "npu 2 4.00 4.00 – 4.00 2.50 fastest the same boxes, at most 0.25 pixels and 0.001 of score apart" in shown
    assert "cpu 2 10.00 10.00 – 10.00 1.00 slower the same boxes" in shown
    assert "gpu 2 wrong 3 of 90 boxes agree with the reference" in shown
    assert "tpu 2 failed its process was killed by SIGSEGV" in shown
    assert "choice npu with 2 threads, 2.50 × the speed of the reference" in shown
    assert 'written /cache/tune/x.json; --delegate auto, or delegate="auto", takes it' in shown


def test_doubt_is_said(edgerun, found):
    found(clear=False)
    assert "not beyond doubt" in edgerun("tune", "m.fake").stdout
    findings = (Finding(Candidate("fake", "npu", 1), "fastest"), Finding(Candidate("fake", "npu", 2), "level"))
    found(clear=False, findings=findings)
    assert "no clear winner" in edgerun("tune", "m.fake").stdout


def test_an_interrupted_search_says_what_it_keeps(edgerun, found):
    found(interrupted=True)
    assert "interrupted: what had been measured by then is kept" in edgerun("tune", "m.fake").stdout
    found(interrupted=True, choice=None, written="")
    assert "none" in edgerun("tune", "m.fake", exit_code=130).stdout


def test_a_busy_machine_is_told(edgerun, found):
    found(load=0.0)
    assert "tune again" not in edgerun("tune", "m.fake").stdout
    found(load=1000.0)
    assert "other programs kept this machine busy (load 1000.0, " in edgerun("tune", "m.fake").stdout


def test_a_dry_run_says_so(edgerun, found):
    asked = found(written="")
    assert "nothing, by --dry-run" in edgerun("tune", "m.fake", "--dry-run").stdout
    assert asked["write"] is False


def test_a_choice_without_a_rival_is_not_called_written(edgerun, found):
    cpu, npu = Candidate("fake", "cpu", 2), Candidate("fake", "npu", 2)
    found(findings=(Finding(cpu, "fastest", seconds=(0.01,)), Finding(npu, "untried", LATE)), written="")
    assert "written nothing: the time was up before another way was measured; give a larger --budget" in lines(
        edgerun("tune", "m.fake").stdout
    )


def test_options_reach_the_search(edgerun, found):
    asked = found()
    edgerun(
        "tune", "m.fake", "--budget", "7", "--images", "photos", "--threads", "2", "--delegate", "cpu", "--conf", "0.5"
    )
    assert (asked["budget"], asked["images"], asked["threads"], asked["delegate"]) == (7, "photos", 2, "cpu")
    assert asked["write"] is True


def test_pictures_a_run_are_shown(edgerun, found):
    found(batches={1: (0.004,) * 3, 4: (0.002,) * 3})
    assert "4 2.00" in lines(edgerun("tune", "m.fake").stdout)


def test_json_is_one_document(edgerun, found):
    found()
    document = json.loads(edgerun("tune", "m.fake", "--json").stdout)
    assert document["choice"]["delegate"] == "npu"
    assert [entry["verdict"] for entry in document["candidates"]] == ["fastest", "slower", "wrong", "failed"]


def test_a_model_is_tuned_and_auto_takes_it(process, model, folder):
    """In a pipe, without a progress bar, each candidate in a process of its own."""
    pytest.importorskip("edgerun_onnxruntime", reason="edgerun-onnxruntime is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    environment = {"EDGERUN_CACHE": str(folder), "EDGERUN_PLUGINS": "onnxruntime"}
    ran = process("tune", model, "--json", "--budget", "2", "--threads", "1", "--delegate", "cpu", **environment)
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert document["choice"]["delegate"] == "cpu"
    assert document["clear"]
    assert Path(document["written"]).is_file()
    shown = process("inspect", model, "--delegate", "auto", **environment).stdout
    assert "auto: tuned on" in shown


def test_an_archive_is_tuned_and_auto_takes_it(process, packed, folder):
    pytest.importorskip("edgerun_onnxruntime", reason="edgerun-onnxruntime is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    environment = {"EDGERUN_CACHE": str(folder), "EDGERUN_PLUGINS": "onnxruntime"}
    before = process("inspect", packed, "--delegate", "auto", **environment).stdout
    assert "edgerun tune" in before
    assert packed.name in "".join(before.split("edgerun tune")[1:])
    ran = process("tune", packed, "--json", "--budget", "2", "--threads", "1", "--delegate", "cpu", **environment)
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert document["choice"]["delegate"] == "cpu"
    assert document["model"] == str(packed)
    assert "auto: tuned on" in process("inspect", packed, "--delegate", "auto", **environment).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["no_such_model.onnx"], 3, "no_such_model.onnx"),
        (["--budget", "0"], 2, "budget"),
        (["--delegate", "gppu"], 3, "gppu"),
        (["--backend", "tensorflow"], 3, "tensorflow"),
        (["--images", "no_such_folder"], 3, "no_such_folder"),
    ],
)
def test_what_is_typed_wrong_is_one_sentence(edgerun, model, arguments, code, words):
    typed = arguments if arguments[0].endswith(".onnx") else [str(model), *arguments]
    ran = edgerun("tune", *typed, exit_code=code)
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr
