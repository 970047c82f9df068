from __future__ import annotations

import json

import pytest

from edgerun.cli import bench
from edgerun.tools.bench.bench import ROUNDS


@pytest.mark.usefixtures("onnxruntime")
def test_the_page_shows_models_side_by_side(edgerun, model, photo):
    result = edgerun("bench", model, model, "--images", photo, "--rounds", "3", "--threads", "1")
    assert "3 rounds" in result.stdout
    times, costs = (line for line in result.stdout.splitlines() if line.split()[:1] in (["place"], ["model"]))
    for word in ("frame ms", "p95", "p99", "preprocess", "inference", "postprocess"):
        assert word in times
    for word in ("file MB", "open ms", "first frame ms", "peak MB", "growth MB"):
        assert word in costs
    assert "(2)" in result.stdout
    assert "1 thread" in result.stdout
    assert "equal within noise" in result.stdout  # three rounds tell nothing
    assert "clock" in result.stdout


@pytest.mark.usefixtures("onnxruntime")
def test_json_is_in_the_form_of_pytest_benchmark(edgerun, model):
    document = json.loads(edgerun("bench", model, "--rounds", "2", "--json").stdout)
    assert [entry["group"] for entry in document["benchmarks"]] == ["frame", "preprocess", "inference", "postprocess"]
    frame = document["benchmarks"][0]
    assert frame["name"] == str(model)
    assert frame["stats"]["rounds"] == 2
    assert frame["extra_info"]["file_bytes"] == model.stat().st_size


@pytest.mark.usefixtures("onnxruntime")
def test_a_model_that_is_not_there_is_one_sentence(edgerun, tmp_path):
    result = edgerun("bench", tmp_path / "none.onnx", exit_code=3)
    assert "none.onnx" in result.stderr
    assert "hint: " in result.stderr


def test_a_folder_without_images_is_refused(edgerun, model, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "error: " in edgerun("bench", model, "--images", tmp_path / "empty", exit_code=3).stderr


def test_help_names_the_number_of_rounds_that_is_used():
    assert bench.ROUNDS == ROUNDS
