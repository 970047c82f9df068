"""The page of the sidecar lists every field as the card's table has it; each sidecar that a page shows is read."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edgerun.card import ModelCard, kinds, sidecar
from edgerun.card.fields import TABLE
from edgerun.cli import app

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "sidecar.md"
PAGES = [ROOT / "README.md", ROOT / "plugins" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHOWN = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, text in enumerate(re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL), 1)
]


def test_every_field_is_on_the_page_as_the_table_has_it():
    rows = re.findall(r"^\| `([\w$]+)` \| (.*?) \| (.*?) \|$", PAGE.read_text(), re.MULTILINE)
    told = {name: (takes, means) for name, takes, means in rows}
    assert list(told) == ["edgerun", *(field.name for field in TABLE), "sources", "$schema"]
    for field in TABLE:
        takes, means = told[field.name]
        assert means == field.help
        if isinstance(field.kind, kinds.Choice):
            assert takes == ", ".join(f'`"{word}"`' for word in field.kind.words)


@pytest.mark.parametrize("text", SHOWN)
def test_a_sidecar_that_a_page_shows_is_read(text):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    jsonschema.validate(json.loads(text), json.loads(sidecar.SCHEMA.read_text()))
    card = ModelCard()
    for name, value in sidecar.parse(text).items():
        card = card.with_field(name, value, "sidecar")
        assert card.sources[name] == "sidecar"


def test_the_command_of_the_page_writes_what_a_model_is_then_read_by(tmp_path, monkeypatch):
    shutil.copy(ROOT / "edgerun" / "models" / "codes.onnx", tmp_path)
    monkeypatch.chdir(tmp_path)
    (line,) = re.findall(r"```bash\nedgerun (.*?)\n```", PAGE.read_text())
    ran = CliRunner().invoke(app, shlex.split(line))
    assert ran.exit_code == 0, ran.output
    assert json.loads(Path("codes.onnx.edgerun.json").read_text())["conf"] == 0.4
    assert "conf 0.4 (sidecar)" in " ".join(CliRunner().invoke(app, ["inspect", "codes.onnx"]).stdout.split())


@pytest.mark.parametrize(
    ("text", "words"),
    [("{}", 'it does not say "edgerun": 1'), ('{"edgerun": 2}', 'it says "edgerun": 2, where 1 is expected')],
)
def test_a_sidecar_without_the_version_is_told_what_it_lacks(text, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        sidecar.parse(text)
