"""edgerun ops, from the outside."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "chip.toml"
    operators = "\n".join(f"{op} = []" for op in ("AveragePool", "Reshape", "Concat", "Pow", "ReduceMean", "Identity"))
    path.write_text(
        'delegate = "chip"\nformat = "onnx"\ntitle = "A chip"\nversion = "2"\nsource = "https://example.org"\n'
        'date = "2026-01-02"\nnotes = ["Needs a fan."]\n'
        "[rules]\nnight = { text = 'only | by night' }\n"
        f"[operators]\n{operators}\nMul = ['night']\n"
    )
    return path


def test_all_delegates_are_compared(edgerun, model):
    text = edgerun("ops", model).stdout
    assert "coreml" in text
    assert "qnn" in text
    assert "the runtime decides" in text


def test_one_delegate_is_shown_with_its_source_and_the_first_offender(edgerun, model, table):
    text = edgerun("ops", model, "--for", "chip", "--table", table, exit_code=1).stdout
    assert "2, read 2026-01-02" in text
    assert "https://example.org" in text
    assert "Add" in text.split("first")[1]
    assert "Add is not in the list" in text
    assert "only | by night" in text
    assert "note: Needs a fan." in text


def test_a_model_that_is_supported_whole_ends_well(edgerun, model, table):
    table.write_text(table.read_text() + "Add = []\n")
    assert "all " in edgerun("ops", model, "--table", table).stdout


def test_json_is_one_document(edgerun, model, table):
    found = json.loads(edgerun("ops", model, "--table", table, "--json", exit_code=1).stdout)
    assert found["evidence"] == "static"
    assert found["first"]["op"] == "Add"
    assert 0 < found["before_first"] < 1
    every = json.loads(edgerun("ops", model, "--json").stdout)
    assert {"coreml", "nnapi", "qnn", "xnnpack"} <= {entry["documentation"]["delegate"] for entry in every["delegates"]}


def test_an_archive_is_opened_as_the_model_in_it(edgerun, model, packed, table):
    found = json.loads(edgerun("ops", packed, "--table", table, "--json", exit_code=1).stdout)
    plain = json.loads(edgerun("ops", model, "--table", table, "--json", exit_code=1).stdout)
    assert found.pop("model") == str(packed)
    assert plain.pop("model") == str(model)
    assert found == plain


def test_markdown_is_a_table(edgerun, model, table):
    text = edgerun("ops", model, "--table", table, "--markdown", exit_code=1).stdout
    assert text.startswith("# colours.onnx for chip\n")
    assert "| operator | count | supported | why not | on condition, not checked |" in text
    assert "only \\| by night" in text
    assert edgerun("ops", model, "--markdown").stdout.startswith("| delegate |")


@pytest.mark.parametrize("arguments", [("--for", "nobody"), ("--table", "absent.toml")])
def test_what_is_typed_wrong_is_one_sentence_with_the_next_step(edgerun, model, arguments):
    error = edgerun("ops", model, *arguments, exit_code=3).stderr
    assert error.startswith("error: ")
    assert "hint: " in error
    assert "use one of: coreml" in error or "docs/ops.md" in error


def test_a_file_that_is_no_model_is_named(edgerun, photo):
    assert "error: " in edgerun("ops", photo, exit_code=3).stderr


def test_a_format_without_tables_has_no_answer(edgerun, model, monkeypatch):
    monkeypatch.setattr("edgerun.tools.ops.tables.tables", lambda _: [])
    error = edgerun("ops", model, exit_code=3).stderr
    assert "No table says which operators of onnx models a delegate takes." in error
    assert "--table" in error
