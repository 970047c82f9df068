"""edgerun inspect, from the outside."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from edgerun import replay
from edgerun.tensors import TensorSpec


@pytest.fixture
def strange(tmp_path):
    """A recording whose outputs nobody reads."""
    path = tmp_path / "strange.npz"
    inputs, outputs = [TensorSpec("images", (1, 3, 64, 64))], [TensorSpec("odd", (1, 5, 7))]
    replay.write(path, inputs, outputs, {}, [(0, {"odd": np.zeros((1, 5, 7), np.float32)})])
    return path


def cells(text, name):
    """The columns of the line of the card that begins with a name."""
    (line,) = [line for line in text.splitlines() if line.strip().startswith(f"{name} ")]
    return re.split(r" {2,}", line.strip())


def test_inputs_outputs_decoder_and_thresholds_are_shown(edgerun, model):
    text = edgerun("inspect", model, "--conf", "0.4").stdout
    assert "images float32 [1, 3, 64, 96]" in text
    assert "output0 float32 [1, 7, 126]" in text
    assert re.search(r"^decoder +yolov8: 126 rows are one anchor per cell", text, re.MULTILINE)
    assert re.search(r"^conf +0\.4 \(argument\)$", text, re.MULTILINE)
    assert re.search(r"^iou +0\.7 \(default\)$", text, re.MULTILINE)
    assert re.search(r"^runs on +onnxruntime [\d.]+, delegate cpu, \d+ threads?$", text, re.MULTILINE)
    assert re.search(r"^coverage +\d+ nodes on cpu \(assigned: ONNX Runtime's assignment\)$", text, re.MULTILINE)


def test_every_field_of_the_card_is_shown_with_its_source(edgerun, model):
    text = edgerun("inspect", model, "--color", "bgr", "--why").stdout
    assert cells(text, "labels") == ["labels", "3: red, green, blue", "ultralytics metadata"]
    assert cells(text, "color") == ["color", "bgr", "argument"]
    assert cells(text, "scale") == ["scale", "1/255", "ultralytics metadata"]
    assert cells(text, "height") == ["height", "64", "the file's input"]
    assert cells(text, "nms") == ["nms", "class", "default"]


def test_labels_that_nobody_says_are_not_guessed_but_asked_for(edgerun, colours):
    (_, shown, hint) = cells(edgerun("inspect", colours(metadata={}), "--why").stdout, "labels")
    assert shown == "none"
    assert "--labels coco" in hint


def test_the_runners_up_say_why_not(edgerun, model):
    text = edgerun("inspect", model, "--why").stdout
    assert cells(text, "tfod") == ["tfod", "no", "it needs four outputs"]


def test_json_is_made_of_the_same(edgerun, model):
    seen = json.loads(edgerun("inspect", model, "--json", "--conf", "0.4").stdout)
    assert seen["conf"] == {"value": 0.4, "source": "argument"}
    assert seen["card"]["labels"] == ["red", "green", "blue"]
    assert seen["card"]["sources"]["labels"] == "ultralytics metadata"
    assert seen["others"]["tfod"] == {"sure": "no", "why": "it needs four outputs"}


def test_a_refused_model_is_shown_all_the_same(edgerun, strange):
    result = edgerun("inspect", strange, "--why", exit_code=3)
    assert "odd float32 [1, 5, 7]" in result.stdout
    assert cells(result.stdout, "tfod") == ["tfod", "no", "it needs four outputs"]
    assert result.stderr.startswith("error: No decoder reads these outputs")
    assert "--decoder" in result.stderr


def test_a_refused_model_is_one_document(edgerun, strange):
    seen = json.loads(edgerun("inspect", strange, "--json", exit_code=3).stdout)
    assert seen["error"]["type"] == "DecoderUnknown"
    assert seen["outputs"] == ["odd float32 [1, 5, 7]"]
    assert seen["others"]["yolov8"]["why"]


def test_a_format_that_is_recognised_and_not_run_gets_its_next_step(edgerun, tmp_path):
    path = tmp_path / "best.pt"
    path.write_bytes(b"\x80\x02ctorch\n")
    result = edgerun("inspect", path, exit_code=3)
    assert "PyTorch checkpoint" in result.stderr
    assert "export it" in result.stderr
    assert result.stdout == ""


def test_a_runtime_that_is_absent_gets_its_next_step(process, model):
    ran = process("inspect", model, EDGERUN_PLUGINS="none")
    assert ran.returncode == 3
    assert ran.stdout == ""
    assert ran.stderr.splitlines() == [
        "error: No installed plugin runs onnx models.",
        '  hint: pip install "edgerun[onnx]"',
    ]


def test_a_sidecar_is_written_once_and_read_back(edgerun, model):
    result = edgerun("inspect", model, "--conf", "0.3", "--write-sidecar")
    assert f"sidecar written: {model}.edgerun.json" in result.stdout
    again = edgerun("inspect", model).stdout
    assert re.search(r"^conf +0\.3 \(sidecar\)$", again, re.MULTILINE)
    assert f"{model}.edgerun.json" in again
    refused = edgerun("inspect", model, "--write-sidecar", exit_code=3)
    assert "exists already" in refused.stderr
    assert "--force" in refused.stderr
    edgerun("inspect", model, "--conf", "0.6", "--write-sidecar", "--force")
    assert "conf" in edgerun("inspect", model).stdout
    assert json.loads(edgerun("inspect", model, "--json").stdout)["conf"]["value"] == 0.6


def test_json_says_where_the_sidecar_lies(edgerun, model):
    assert (
        json.loads(edgerun("inspect", model, "--write-sidecar", "--json").stdout)["written"] == f"{model}.edgerun.json"
    )


def test_a_refused_model_gets_no_sidecar(edgerun, strange):
    edgerun("inspect", strange, "--write-sidecar", exit_code=3)
    assert not list(strange.parent.glob("*.edgerun.json"))


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_terminal_is_never_overrun(edgerun, model, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = edgerun("inspect", model).stdout.splitlines()
    assert max(map(len, lines)) <= columns
    assert "ultralytics metadata" in " ".join(lines) or columns == 60


def test_lines_in_a_pipe_are_never_folded(process, model):
    ran = process("inspect", model, "--why", COLUMNS="")
    assert any(len(line) > 100 for line in ran.stdout.splitlines())
    assert not [line for line in ran.stdout.splitlines() if line.endswith(" ")]


def test_a_pipe_and_no_color_get_no_escapes(process, model):
    for environment in ({}, {"NO_COLOR": "1"}):
        assert "\x1b" not in process("inspect", model, **environment).stdout


@pytest.mark.zoo
def test_every_real_model_is_shown_or_refused_in_a_sentence(edgerun, shared):
    for path in sorted((shared / "models" / "onnx").iterdir()):
        from typer.testing import CliRunner

        from edgerun.cli import app

        result = CliRunner().invoke(app, ["inspect", str(path), "--json"])
        assert result.exit_code in (0, 3), path
        seen = json.loads(result.stdout)
        assert ("error" in seen) == (result.exit_code == 3)
        assert "itself failed" not in result.stderr, path


def test_what_the_file_needs_is_shown(edgerun, model):
    assert re.search(r"^needs +ONNX Runtime 1\.9: IR version 8$", edgerun("inspect", model).stdout, re.MULTILINE)
    seen = json.loads(edgerun("inspect", model, "--json").stdout)
    assert seen["needs"] == [{"what": "ONNX Runtime 1.9", "why": "IR version 8", "must": True}]


@pytest.mark.parametrize("columns", ["80", ""])
def test_the_verdict_comes_first_and_a_settled_model_fits_a_screen(edgerun, model, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    lines = edgerun("inspect", model).stdout.splitlines()
    assert lines[0] == "read as yolov8: detects 3 classes (red, green, blue), in images of 96 x 64"
    assert len(lines) <= 25
    assert not any("tfod" in line for line in lines)
    assert "--why" in lines[-1]


def test_what_pixels_depend_on_is_said_with_its_source_even_where_nobody_says_it(edgerun, model):
    text = edgerun("inspect", model, "--color", "bgr").stdout
    (fed,) = [line for line in text.splitlines() if line.startswith("fed ")]
    assert "color bgr (argument)" in fed
    assert "scale 1/255" in fed
    assert "resize letterbox" in fed


@pytest.mark.parametrize("columns", ["80", ""])
def test_a_refusal_begins_with_its_reason_and_names_the_nearest(edgerun, strange, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    lines = edgerun("inspect", strange, exit_code=3).stdout.splitlines()
    assert lines[0].startswith("refused ")
    assert "No decoder reads these outputs" in " ".join(lines[:3])
    assert len(lines) <= 25


def test_the_nearest_decoders_come_first():
    from edgerun.cli.inspect_page import nearest_first
    from edgerun.contract import Match, Sure

    verdicts = [
        ("far", Match(Sure.NO, "it needs four outputs")),
        ("shared", Match(Sure.NO, "rows that are no grid")),
        ("shared too", Match(Sure.NO, "rows that are no grid")),
        ("near", Match(Sure.NO, "9 classes are not 10 labels")),
        ("sure", Match(Sure.LIKELY, "a grid")),
    ]
    assert [name for name, _ in nearest_first(verdicts)] == ["sure", "near", "shared", "shared too", "far"]


@pytest.mark.zoo
@pytest.mark.parametrize("folder", ["onnx", "tflite"])
def test_every_real_model_fits_a_screen(edgerun, shared, monkeypatch, folder):
    monkeypatch.setenv("COLUMNS", "80")
    from typer.testing import CliRunner

    from edgerun.cli import app

    for path in sorted((shared / "models" / folder).iterdir()):
        result = CliRunner().invoke(app, ["inspect", str(path)])
        lines = result.stdout.splitlines() or result.stderr.splitlines()[-2:]
        assert len(lines) <= 25, path
        assert lines[0].startswith("read as " if result.exit_code == 0 else ("refused ", "error: ")), path
        assert max(map(len, result.stdout.splitlines()), default=0) <= 80, path
