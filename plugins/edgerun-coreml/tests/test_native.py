"""Core ML itself, with a proxy in Core ML's place: coremltools' MLModel runs for real, our translation computes."""

from __future__ import annotations

import importlib
import shutil
import warnings
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from model_files import array, doubling, image, model, number, package, passing, pipeline, suppression, write

import edgerun_coreml
from edgerun.contract import Delegate
from edgerun.errors import BackendUnavailable, DelegateIncomplete, DelegateUnavailable, ModelUnreadable
from edgerun.runtime.delegate_choice import candidates, demand
from edgerun_coreml import native
from edgerun_coreml.backend import CoreMLBackend


class Proxy:
    """What coremltools calls in the place of Core ML's framework."""

    engine: ClassVar[bool] = True
    opened: ClassVar[list[tuple[str, str]]] = []
    seen: ClassVar[list[dict]] = []

    def __init__(self, path, compute_units, function_name, hints, asset):
        if "refused" in path:
            raise RuntimeError("Error compiling model")
        self.opened.append((path, compute_units))
        self.model = edgerun_coreml.load(path, threads=1)

    def predict(self, data, state):
        self.seen.append(data)
        return self.model.predict(data)

    @staticmethod
    def maximum_supported_specification_version():
        return 10

    def get_compiled_model_path(self):
        return "compiled.mlmodelc"

    @staticmethod
    def get_all_compute_devices():
        return [device("CPU"), device("GPU"), *([device("NeuralEngine")] if Proxy.engine else [])]

    @staticmethod
    def get_compute_plan(path, units):
        assert path == "compiled.mlmodelc"
        return Plan()


def device(kind):
    """An object whose class is called as coremltools calls it."""
    return type(f"ML{kind}ComputeDevice", (), {})()


class Plan:
    """Core ML's plan: the convolution and the if around it for the Neural Engine, "topk" for the CPU."""

    def __init__(self):
        self.model_structure = SimpleNamespace(program=None, neuralnetwork=None, pipeline=None)
        inner = SimpleNamespace(operations=[self.operation("ios17.conv", "inner")])
        operations = [
            self.operation("const", "weight"),
            self.operation("ios17.conv", "first"),
            self.operation("ios17.topk", "best"),
            self.operation("ios17.cond", "either", [inner]),
        ]
        function = SimpleNamespace(block=SimpleNamespace(operations=operations))
        self.model_structure.program = SimpleNamespace(functions={"main": function})

    @staticmethod
    def operation(kind, name, blocks=()):
        return SimpleNamespace(operator_name=kind, outputs=[SimpleNamespace(name=name)], blocks=blocks)

    @staticmethod
    def get_compute_device_usage_for_mlprogram_operation(operation):
        able = ["CPU"] if "topk" in operation.operator_name else ["NeuralEngine", "CPU"]
        devices = [device(kind) for kind in able]
        return SimpleNamespace(preferred_compute_device=devices[0], supported_compute_devices=devices)


def wished(text):
    return candidates(text, CoreMLBackend().delegates(), "coreml")[0][0]


@pytest.fixture
def mac(monkeypatch):
    pytest.importorskip("PIL")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = importlib.import_module("coremltools.models.model")
        except ImportError:
            pytest.skip("coremltools is not installed")
    for part in ("model", "compute_plan", "compute_device"):
        monkeypatch.setattr(importlib.import_module(f"coremltools.models.{part}"), "_MLModelProxy", Proxy)
    monkeypatch.setattr(module, "_is_macos", lambda: True)
    monkeypatch.setattr(module, "_macos_version", lambda: (26, 0))
    monkeypatch.setattr(native, "on_macos", lambda: True)
    monkeypatch.setattr(Proxy, "opened", [])
    monkeypatch.setattr(Proxy, "seen", [])
    return Proxy


def test_on_a_mac_core_ml_comes_first_and_the_translation_stays_at_hand(mac):
    offers = CoreMLBackend().delegates()
    assert [offer.name for offer in offers] == ["coreml", "ane", "gpu", "cpu", "onnxruntime", "onnxruntime-fp16"]
    assert all(offer.available for offer in offers)
    assert "coremltools" in CoreMLBackend().health().version


def test_on_a_mac_without_coremltools_the_translation_computes(monkeypatch):
    monkeypatch.setattr(native, "on_macos", lambda: True)
    monkeypatch.setattr(native, "find_spec", lambda name: None)
    first, *_, last = CoreMLBackend().delegates()
    assert first.name == "onnxruntime"
    assert (last.available, last.reason) == (False, "pip install coremltools pillow")


@pytest.mark.parametrize(
    ("delegate", "units"),
    [
        ("coreml", "ALL"),
        ("ane", "CPU_AND_NE"),
        ("gpu", "CPU_AND_GPU"),
        ("cpu", "CPU_ONLY"),
        ("coreml:units=ane", "CPU_AND_NE"),
    ],
)
def test_a_delegate_chooses_the_compute_units(mac, tmp_path, delegate, units):
    # a copy: coremltools writes the manifest of a package anew when it opens it
    path = shutil.copytree(CoreMLBackend.specimen, tmp_path / "double.mlpackage")
    session = CoreMLBackend().open(path, wished(delegate), 1)
    assert session.delegate == delegate.partition(":")[0]
    assert mac.opened == [(str(path), units)]
    result = session.run({"x": np.float32([[1, 2, 3, 4]])})
    assert result["y"].tolist() == [[2, 4, 6, 8]]
    session.close()
    with pytest.raises(RuntimeError, match="closed"):
        session.run({"x": np.zeros((1, 4), np.float32)})


@pytest.mark.parametrize("color", ["RGB", "BGR", "GRAYSCALE", "GRAYSCALE_FLOAT16"])
def test_pictures_reach_core_ml_as_pil_images_and_both_ways_give_the_same(mac, tmp_path, color):
    channels = 3 if color in ("RGB", "BGR") else 1
    shape = (1, channels, 2, 4)
    path = package(
        tmp_path / "m.mlpackage",
        model(passing("p", "out", shape), [image("p", 4, 2, color)], [image("out", 4, 2, color)]),
    )
    given = np.arange(8 * channels, dtype=np.float32).reshape(shape)
    results = [
        CoreMLBackend().open(path, Delegate(name), 1).run({"p": given})["out"] for name in ("coreml", "onnxruntime")
    ]
    np.testing.assert_array_equal(results[0], given)
    np.testing.assert_array_equal(results[1], given)
    assert mac.seen[0]["p"].mode == {"RGB": "RGB", "BGR": "RGB", "GRAYSCALE": "L", "GRAYSCALE_FLOAT16": "F"}[color]


def test_a_picture_that_was_scaled_is_refused(mac, tmp_path):
    path = package(
        tmp_path / "m.mlpackage", model(passing("p", "out", (1, 3, 2, 4)), [image("p", 4, 2)], [image("out", 4, 2)])
    )
    session = CoreMLBackend().open(path, Delegate("cpu"), 1)
    with pytest.raises(RuntimeError, match=r"whole numbers in 0\.\.255"):
        session.run({"p": np.full((1, 3, 2, 4), 0.5, np.float32)})


def test_thresholds_reach_core_ml_as_numbers(mac, tmp_path):
    inputs = [array("scores", 2, 3), array("boxes", 2, 4), number("iouThreshold"), number("confidenceThreshold")]
    content = pipeline([suppression(3)], inputs, [array("confidence"), array("coordinates")])
    session = CoreMLBackend().open(write(tmp_path / "m.mlmodel", content), Delegate("coreml"), 1)
    feeds = {"scores": np.float32(np.eye(3)[:2]), "boxes": np.float32([[0.2] * 4, [0.8, 0.8, 0.1, 0.1]])}
    session.run(feeds | {"iouThreshold": np.array([0.5]), "confidenceThreshold": np.array([0.25])})
    assert (mac.seen[0]["iouThreshold"], mac.seen[0]["confidenceThreshold"]) == (0.5, 0.25)
    assert type(mac.seen[0]["iouThreshold"]) is float


def test_what_core_ml_refuses_is_told_with_its_reason(mac, tmp_path):
    path = package(tmp_path / "refused.mlpackage", model(doubling(), [array("x", 1, 4)], [array("y", 1, 4)]))
    with pytest.raises(
        ModelUnreadable, match=r"Core ML cannot open refused\.mlpackage: .*Error compiling model"
    ) as caught:
        CoreMLBackend().open(path, Delegate("coreml"), 1)
    assert 'delegate="onnxruntime"' in caught.value.hint


def opened(tmp_path, wish):
    path = shutil.copytree(CoreMLBackend.specimen, tmp_path / "double.mlpackage")
    return CoreMLBackend().open(path, wished(wish), 1)


def test_the_plan_says_exactly_what_is_not_on_the_neural_engine_and_why(mac, tmp_path):
    session = opened(tmp_path, "ane")
    coverage = session.coverage()
    assert (coverage.evidence, coverage.source) == ("assigned", "Core ML's plan: 3 on the Neural Engine, 1 on the CPU")
    assert coverage.nodes == {"ane": 3, "cpu": 1}
    (outside,) = coverage.outside("ane")
    assert (outside.operator, outside.name, outside.why) == ("ios17.topk", "best", "the Neural Engine cannot")
    with pytest.raises(DelegateIncomplete, match=r"1 of 4 nodes of m run on cpu, not on ane: ios17\.topk"):
        demand(session.coverage(), session.delegate, "m")


@pytest.mark.parametrize(
    ("wish", "nodes"),
    [
        ("coreml", {"coreml": 4}),
        ("coreml:units=ane", {"coreml": 3, "cpu": 1}),
        ("gpu", {"ane": 3, "cpu": 1}),
        ("cpu", {"ane": 3, "cpu": 1}),
    ],
)
def test_operations_count_for_the_units_that_were_asked_for(mac, tmp_path, wish, nodes):
    assert opened(tmp_path, wish).coverage().nodes == nodes


def test_where_core_ml_prefers_another_unit_that_is_said(mac, tmp_path):
    whys = {entry.why for entry in opened(tmp_path, "cpu").coverage().outside("cpu")}
    assert whys == {"Core ML prefers it there, though the CPU could"}


def test_without_a_plan_nothing_is_claimed_and_strict_refuses(mac, monkeypatch, tmp_path):
    def refuse(path, units):
        raise RuntimeError("macOS 14.4 is needed")

    monkeypatch.setattr(mac, "get_compute_plan", refuse)
    session = opened(tmp_path, "ane")
    assert session.coverage().evidence == "none"
    with pytest.raises(DelegateIncomplete, match=r"cannot be told: Core ML gives no plan of it: macOS 14\.4"):
        demand(session.coverage(), session.delegate, "m")


def test_a_mac_without_a_neural_engine_is_not_said_to_have_one(mac, monkeypatch, tmp_path):
    monkeypatch.setattr(mac, "engine", False)
    with pytest.raises(DelegateUnavailable, match="This Mac has no Neural Engine"):
        opened(tmp_path, "ane")


def test_an_archive_is_left_to_the_translation(mac, tmp_path):
    content = model(doubling(), [array("x", 1, 4)], [array("y", 1, 4)])
    path = write(tmp_path / "m.mlmodel", content)
    with pytest.raises(BackendUnavailable, match="does not open the archive"):
        CoreMLBackend().open(path, Delegate("coreml"), 1)
