"""edgerun plugins, from the outside."""

from __future__ import annotations

import json

import pytest

from edgerun import __version__
from edgerun.runtime import installed
from edgerun.runtime.registry import Failure, Registry


def test_edgerun_itself_is_listed_with_what_it_brings(edgerun):
    text = edgerun("plugins").stdout
    assert f"edgerun  (edgerun {__version__})" in text
    assert "yolov8-transposed" in text
    assert "replay; ok" in text


def test_json_tells_what_each_brings(edgerun):
    content = json.loads(edgerun("plugins", "--json").stdout)
    by_name = {plugin["name"]: plugin for plugin in content["plugins"]}
    assert by_name["edgerun"]["distribution"] == "edgerun"
    assert "tfod" in by_name["edgerun"]["decoders"]
    assert "ultralytics" in by_name["edgerun"]["dialects"]
    assert by_name["replay"]["hooks"] == ["edgerun_register_backends"]
    replay = by_name["replay"]["backends"]["replay"]
    assert replay["formats"] == ["replay"]
    assert replay["health"]["ok"] is True


def test_a_runtime_is_listed_with_its_distribution(edgerun):
    pytest.importorskip("edgerun_onnxruntime", reason="edgerun-onnxruntime is not installed")
    content = json.loads(edgerun("plugins", "--json").stdout)
    (plugin,) = [plugin for plugin in content["plugins"] if plugin["name"] == "onnxruntime"]
    assert plugin["distribution"] == "edgerun-onnxruntime"
    assert plugin["backends"]["onnxruntime"]["formats"] == ["onnx", "ort"]


def test_a_plugin_that_is_left_out_is_listed_with_the_reason(edgerun, monkeypatch):
    broken = Failure(
        "broken", "edgerun-broken", "Plugin broken cannot be imported: ImportError", "Traceback of its own"
    )
    monkeypatch.setattr(installed, "registry", lambda: Registry(failures=[broken]))
    text = edgerun("plugins").stdout
    assert "error: Plugin broken cannot be imported: ImportError (edgerun-broken)" in text
    assert "Traceback" not in text
    assert "Traceback of its own" in edgerun("plugins", "--debug").stdout
    (failure,) = json.loads(edgerun("plugins", "--json").stdout)["failures"]
    assert failure["plugin"] == "broken"
