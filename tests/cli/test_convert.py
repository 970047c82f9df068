"""edgerun convert asks the installed backends; the Core ML plugin tests what it writes itself."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from edgerun.detector import Detector
from edgerun.errors import ModelUnreadable
from edgerun.replay import Recorder, ReplayBackend
from edgerun.runtime import installed


class Foreign(ReplayBackend):
    """A stranger's runtime, whose files are recordings *.foreign, and which converts them."""

    name = "foreign"
    formats = ("foreign",)
    conversion_delegate = "cpu"

    def __init__(self, asked):
        self.asked = asked

    def convert(self, path, target, preprocess, card):
        if path.stem == "odd":
            raise ModelUnreadable(f"{path} uses what ONNX has no word for.", hint="ask its author")
        if path.stem == "broken":
            raise ZeroDivisionError("a mistake of the plugin")
        self.asked.append((path, target, preprocess, card))
        target.write_bytes(json.dumps(dict(card or {})).encode())
        return target


@pytest.fixture
def asked(monkeypatch):
    """What the made-up backend was asked to convert."""
    calls = []
    registry = installed.registry()
    registry = replace(registry, backends=[*registry.backends, Foreign(calls)])
    monkeypatch.setattr(installed, "registry", lambda: registry)
    return calls


@pytest.fixture
def recording(tmp_path, model, squares):
    """A recording of the detector of red, green and blue."""
    with Detector.load(model) as detector:
        recorder = Recorder(detector.session)
        recorder.run(detector.feed(squares))
        recorder.save(tmp_path / "m.foreign")
    return tmp_path / "m.foreign"


def test_a_backend_of_any_plugin_converts_with_the_card_as_it_is_loaded(edgerun, recording, tmp_path, asked):
    out = tmp_path / "m.onnx"
    answer = json.loads(
        edgerun("convert", recording, out, "--preprocess", "graph", "--resize", "stretch", "--json").stdout
    )
    assert answer["written"] == str(out)
    assert answer["bytes"] == out.stat().st_size
    assert answer["card"] is True
    ((path, target, preprocess, card),) = asked
    assert (path, target, preprocess) == (recording, out, "graph")
    assert card["resize"] == "stretch"
    assert list(card["labels"]) == ["red", "green", "blue"]


def test_what_a_backend_refuses_is_said_in_its_own_words(edgerun, recording, tmp_path, asked):
    odd = shutil.copy(recording, tmp_path / "odd.foreign")
    assert "no word for" in edgerun("convert", odd, tmp_path / "m.onnx", exit_code=3).output
    assert not asked


def test_a_mistake_of_a_backend_is_an_error_with_a_hint(edgerun, recording, tmp_path, asked):
    broken = shutil.copy(recording, tmp_path / "broken.foreign")
    words = " ".join(edgerun("convert", broken, tmp_path / "m.onnx", exit_code=3).output.split())
    assert "cannot be converted: a mistake of the plugin" in words
    assert "export it to ONNX" in words
    assert not asked


def test_a_format_that_no_backend_converts_is_refused(edgerun, model, tmp_path, asked):
    words = " ".join(edgerun("convert", model, tmp_path / "n.onnx", exit_code=3).output.split())
    assert "is onnx; what can be converted is" in words
    assert "foreign" in words
    assert not asked


def test_without_a_backend_that_converts_the_plugin_is_named(edgerun, model, tmp_path, monkeypatch):
    registry = replace(installed.registry(), backends=[])
    monkeypatch.setattr(installed, "registry", lambda: registry)
    words = " ".join(edgerun("convert", model, tmp_path / "n.onnx", exit_code=3).output.split())
    assert "Converting needs the plugin edgerun-coreml" in words
    assert 'pip install "edgerun[coreml]"' in words
