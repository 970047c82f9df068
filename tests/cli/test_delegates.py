"""Delegates on the command line: what a user types wrong gets one sentence and the next step."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgerun import replay
from edgerun.tensors import TensorSpec


@pytest.fixture
def recording(tmp_path):
    """A detector on the backend that tells nothing."""
    rows = np.random.default_rng(0).random((1, 7, 84), np.float32)
    rows[:, :4] *= 64
    path = tmp_path / "recording.npz"
    specs = [TensorSpec("images", (1, 3, 64, 64))], [TensorSpec("output0", rows.shape)]
    replay.write(path, *specs, {}, [(0, {"output0": rows})])
    return path


@pytest.mark.parametrize(
    ("words", "sentence", "hint"),
    [
        (["--delegate", "cup"], "cup is not a delegate, perhaps cpu was meant.", "use one of: cpu"),
        (["--delegate", "edgetpu"], "edgetpu: onnxruntime does not offer it", "use one of: cpu"),
        (["--delegate", "cpu:units=ane"], "cpu of onnxruntime has no option units; it is one of coreml", "spinning"),
        (["--delegate", "cpu:fast"], "'fast' in the delegate 'cpu:fast' is not an option", "name:option=value"),
        (["--delegate", ""], "'' is not a delegate", "name:option=value"),
        (["--delegate", "/"], "The library / is a folder", ".so"),
        (["--delegate", "/nowhere/libx.so"], "There is no library /nowhere/libx.so", "check the path"),
        (["--delegate", "external"], "it needs the library of a plugin execution provider", "use one of: cpu"),
    ],
)
def test_a_wrong_delegate_gets_one_sentence_and_the_next_step(edgerun, model, words, sentence, hint):
    result = edgerun("inspect", model, *words, exit_code=3)
    error, step = result.stderr.strip().splitlines()
    assert error.startswith("error: ")
    assert sentence in error
    assert step.startswith("  hint: ")
    assert hint in step


def test_strict_on_a_runtime_that_cannot_tell_is_refused(edgerun, recording):
    result = edgerun("detect", recording, recording, "--strict", exit_code=3)
    error, hint = result.stderr.splitlines()
    assert error.startswith(
        "error: Whether all of recording.npz runs on cpu cannot be told: replay does not tell which"
    )
    assert hint == "  hint: leave strict out, or run the model on a runtime that tells"
    refusal = json.loads(edgerun("inspect", recording, "--strict", "--json", exit_code=3).stdout)
    assert refusal["error"]["type"] == "DelegateIncomplete"
    assert refusal["error"]["outside"] == []


def test_of_several_the_first_available_one_is_taken_and_the_note_says_why(edgerun, model):
    text = edgerun("inspect", model, "--delegate", "nnapi", "--delegate", "edgetpu", "--delegate", "cpu").stdout
    (note,) = [line for line in text.splitlines() if line.startswith("note ")]
    assert "nnapi: NNAPI is part of Android alone; edgetpu: " in note


def test_strict_where_all_is_well_and_a_profile(edgerun, model):
    seen = json.loads(edgerun("inspect", model, "--delegate", "cpu", "--strict", "--profile", "--json").stdout)
    assert seen["strict"] is True
    assert seen["coverage"]["evidence"] == "measured"
    assert seen["coverage"]["time"] == {"cpu": 1.0}
    text = edgerun("inspect", model, "--profile").stdout
    assert "nodes on cpu (100% of the time) (measured: ONNX Runtime's profile of 3 runs)" in text


def test_strict_is_measured_where_the_file_does_not_tell(edgerun):
    """Of .ort files ONNX Runtime tells no assignment; its profile does."""
    path = Path(__file__).parents[1] / "data" / "codes_models" / "codes.ort"
    seen = json.loads(edgerun("inspect", path, "--strict", "--json").stdout)
    assert (seen["delegate"], seen["coverage"]["evidence"]) == ("cpu", "measured")
    assert json.loads(edgerun("inspect", path, "--json").stdout)["coverage"]["evidence"] == "none"
