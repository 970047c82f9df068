"""A table of operators has the form of docs/ops.md, or is refused with its fault."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edgerun.contract import TellsSupport, support_table
from edgerun.contract.support_table import read_table
from edgerun.errors import PluginError
from edgerun.runtime import installed

HEAD = """
delegate = "mine"
format = "onnx"
title = "A chip"
version = "1"
source = "https://example.org"
date = "2026-01-02"
"""


@pytest.fixture
def table(tmp_path):
    """Reads a table of these lines."""

    def read(text: str):
        path = tmp_path / "mine.toml"
        path.write_text(HEAD + text)
        return read_table(path)

    return read


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("[operators", "table declaration"),
        ("", "operators"),
        ("[operators]\nOp = ['nobody']", "nobody"),
        ("[rules]\nr = { text = 'a rule', colour = 3 }\n[operators]\nOp = []", "colour"),
        ("[rules]\nr = { text = 'a rule', dtypes = 'int8' }\n[operators]\nOp = []", "dtypes"),
    ],
)
def test_a_table_that_is_wrong_is_named_with_its_fault(table, text, culprit):
    with pytest.raises(PluginError, match=re.escape(culprit)):
        table(text)


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PluginError, match=r"absent\.toml"):
        read_table(tmp_path / "absent.toml")


def test_a_table_that_is_not_there_is_said_in_words(tmp_path):
    with pytest.raises(PluginError, match=r"nowhere\.toml cannot be used: No such file or directory\."):
        read_table(tmp_path / "nowhere.toml")


def shipped():
    backends = [backend for backend in installed.registry().backends if isinstance(backend, TellsSupport)]
    return [path for backend in backends for path in backend.support_tables()]


@pytest.mark.parametrize("path", shipped(), ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_a_table_that_is_shipped_keeps_to_the_schema(path):
    import tomllib

    content = tomllib.loads(path.read_text())
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads((Path(support_table.__file__).with_name("support.schema.json")).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema)
    table = read_table(path)
    assert table.delegate == path.stem
    used = {name for names in content["operators"].values() for name in names} | set(content.get("every", ()))
    assert used == set(content.get("rules", ()))


def test_the_table_in_the_documentation_is_one(tmp_path):
    page = Path(support_table.__file__).parents[2] / "docs" / "ops.md"
    if not page.is_file():
        pytest.skip("the documentation is not beside the package")
    path = tmp_path / "documented.toml"
    path.write_text(page.read_text().partition("```toml\n")[2].partition("```")[0])
    assert read_table(path).operators["Resize"][1].attribute == "mode"
