"""The document is read by pytest-benchmark itself, and its figures are those that it would compute."""

from __future__ import annotations

import json

import pytest

from edgerun.tools.bench.benchmark_json import as_benchmarks, distinct, stats

TIMES = [0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 9.0]


def test_figures_are_those_of_pytest_benchmark():
    theirs = pytest.importorskip("pytest_benchmark.stats", reason="pytest-benchmark is not installed").Stats()
    for seconds in TIMES:
        theirs.update(seconds)
    ours, same = stats(TIMES), set(theirs.fields) - {"q1", "q3", "iqr"}  # it has a definition of quartiles of its own
    assert set(theirs.fields) <= set(ours)
    for name in same:
        assert ours[name] == pytest.approx(getattr(theirs, name)), name


def test_quartiles_are_those_of_linear_interpolation():
    found = stats([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (found["q1"], found["q3"], found["iqr"]) == (2, 4, 2)
    assert stats([1.0])["stddev"] == 0


def test_its_own_loader_and_table_read_it(simulated, tmp_path, capsys, monkeypatch):
    cli = pytest.importorskip("pytest_benchmark.cli", reason="pytest-benchmark is not installed")
    document = as_benchmarks(simulated({"slow.onnx": 0.02, "fast.onnx": 0.01}, rounds=12))
    file = tmp_path / "0001_bench.json"
    file.write_text(json.dumps(document))
    arguments = ["--storage", f"file://{tmp_path}", "compare", str(file), "--csv", str(tmp_path / "table")]
    monkeypatch.setattr("sys.argv", ["pytest-benchmark", *arguments])
    cli.main()
    table = capsys.readouterr().out
    assert "Failed to load" not in table
    for part in ("frame", "preprocess", "inference", "postprocess"):
        assert f"benchmark '{part}'" in table
    rows = (tmp_path / "table.csv").read_text()
    assert rows.count("slow.onnx") == rows.count("fast.onnx") == 4


def test_what_it_has_no_key_for_stands_beside(simulated):
    document = as_benchmarks(simulated({"slow.onnx": 0.02, "fast.onnx": 0.01}, rounds=12))
    slow, fast = document["benchmarks"][:2]
    assert (slow["extra_info"]["place"], fast["extra_info"]["place"]) == (2, 1)
    assert slow["extra_info"]["against_fastest"]["verdict"] == "slower"
    assert slow["extra_info"]["file_bytes"] == 1000
    assert slow["extra_info"]["memory_growth"] == 12
    assert slow["extra_info"]["p95"] >= slow["stats"]["median"]
    assert len(slow["stats"]["data"]) == slow["stats"]["rounds"] == 12
    assert document["edgerun"]["no_energy"] == "none here"


def test_a_model_that_is_named_twice_is_two():
    assert distinct(["a", "b", "a", "a"]) == ["a", "b", "a (2)", "a (3)"]
