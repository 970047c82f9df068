"""What README.md says of installation and of the house model is what the project's files say."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from edgerun.runtime.registry import INSTALL

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
LINES = re.findall(r"^\| (`\..*?) \| `(pip install .*?)` \|$", README, re.MULTILINE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def environment():
    spec = importlib.util.spec_from_file_location("environment", ROOT / "scripts" / "environment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_format_has_a_line_that_installs_the_core_and_its_plugin_from_the_clone():
    extras = {re.search(r"\[(\w+)]", hint)[1] for hint in INSTALL.values()}
    told = set()
    for _, line in LINES:
        core, folder = re.findall(r"-e (\S+)", " ".join(shlex.split(line)))
        extra = re.fullmatch(r"\.\[(\w+)]", core)[1]
        told.add(extra)
        plugin = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]["name"]
        assert [re.match(r"[\w-]+", wanted)[0] for wanted in PROJECT["optional-dependencies"][extra]] == [plugin]
    assert told == extras


def test_the_demo_installs_the_same_for_the_formats_that_it_is_asked_for(environment):
    lines = {shlex.split(line)[-1] for _, line in LINES}
    core, *plugins = environment.distributions("demo", "all")
    assert set(plugins) == lines and core == ".[onnx,tflite,coreml,executorch,torchscript]"
    assert environment.distributions("demo") == [".[onnx]", "plugins/edgerun-onnxruntime"]
    assert environment.distributions("demo", "tflite") == [
        ".[onnx,tflite]", "plugins/edgerun-onnxruntime", "plugins/edgerun-tflite"
    ]  # fmt: skip
    assert "no format tflight: FORMATS is all, or some of onnx" in environment.main(ROOT, "demo", "onnx,tflight")


def test_make_demo_hands_the_formats_on(tmp_path):
    ran = subprocess.run(
        ["make", "-n", "demo", "FORMATS=tflite,coreml", f"VENV={tmp_path}"], cwd=ROOT, capture_output=True, text=True
    )
    assert f"scripts/environment.py {tmp_path} demo tflite,coreml" in ran.stdout, ran.stderr


def test_licence_and_figure_of_the_house_model_are_those_of_its_card():
    card = (ROOT / "edgerun" / "models" / "codes.md").read_text()
    licence, figure, photos = re.search(r"\((Apache-2\.0); AP50 (\.\d+) on (\d+) photos\)", README).groups()
    assert f"Licence: {licence}." in card
    (row,) = re.findall(rf"^\| {photos} photos.*$", card, re.MULTILINE)
    assert row.split("|")[4].strip() == figure
