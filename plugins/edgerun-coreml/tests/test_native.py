"""Core ML itself, with a proxy in Core ML's place: coremltools' MLModel runs for real, our translation computes."""

from __future__ import annotations

import importlib
import shutil
import warnings
from typing import ClassVar

import numpy as np
import pytest
from model_files import array, doubling, image, model, number, package, passing, pipeline, suppression, write

import edgerun_coreml
from edgerun.contract import Delegate
from edgerun.errors import BackendUnavailable, ModelUnreadable
from edgerun_coreml import native
from edgerun_coreml.backend import CoreMLBackend


class Proxy:
    """What coremltools calls in the place of Core ML's framework."""

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


@pytest.fixture
def mac(monkeypatch):
    pytest.importorskip("PIL")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = importlib.import_module("coremltools.models.model")
        except ImportError:
            pytest.skip("coremltools is not installed")
    monkeypatch.setattr(module, "_MLModelProxy", Proxy)
    monkeypatch.setattr(module, "_is_macos", lambda: True)
    monkeypatch.setattr(module, "_macos_version", lambda: (26, 0))
    monkeypatch.setattr(native, "on_macos", lambda: True)
    monkeypatch.setattr(Proxy, "opened", [])
    monkeypatch.setattr(Proxy, "seen", [])
    return Proxy


def test_on_a_mac_core_ml_comes_first_and_the_translation_stays_at_hand(mac):
    offers = CoreMLBackend().delegates()
    assert [offer.name for offer in offers] == ["all", "ane", "gpu", "cpu", "onnxruntime", "onnxruntime-fp16"]
    assert all(offer.available for offer in offers)
    assert "coremltools" in CoreMLBackend().health().version


def test_on_a_mac_without_coremltools_the_translation_computes(monkeypatch):
    monkeypatch.setattr(native, "on_macos", lambda: True)
    monkeypatch.setattr(native, "find_spec", lambda name: None)
    first, *_, last = CoreMLBackend().delegates()
    assert first.name == "onnxruntime"
    assert (last.available, last.reason) == (False, "pip install coremltools pillow")


@pytest.mark.parametrize(
    ("delegate", "units"), [("all", "ALL"), ("ane", "CPU_AND_NE"), ("gpu", "CPU_AND_GPU"), ("cpu", "CPU_ONLY")]
)
def test_a_delegate_chooses_the_compute_units(mac, tmp_path, delegate, units):
    # a copy: coremltools writes the manifest of a package anew when it opens it
    path = shutil.copytree(CoreMLBackend.specimen, tmp_path / "double.mlpackage")
    session = CoreMLBackend().open(path, Delegate(delegate), 1)
    assert session.delegate == delegate
    assert mac.opened == [(str(path), units)]
    result = session.run({"x": np.float32([[1, 2, 3, 4]])})
    assert result["y"].tolist() == [[2, 4, 6, 8]]
    assert session.coverage().evidence == "none"
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
        CoreMLBackend().open(path, Delegate(name), 1).run({"p": given})["out"] for name in ("all", "onnxruntime")
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
    session = CoreMLBackend().open(write(tmp_path / "m.mlmodel", content), Delegate("all"), 1)
    feeds = {"scores": np.float32(np.eye(3)[:2]), "boxes": np.float32([[0.2] * 4, [0.8, 0.8, 0.1, 0.1]])}
    session.run(feeds | {"iouThreshold": np.array([0.5]), "confidenceThreshold": np.array([0.25])})
    assert (mac.seen[0]["iouThreshold"], mac.seen[0]["confidenceThreshold"]) == (0.5, 0.25)
    assert type(mac.seen[0]["iouThreshold"]) is float


def test_what_core_ml_refuses_is_told_with_its_reason(mac, tmp_path):
    path = package(tmp_path / "refused.mlpackage", model(doubling(), [array("x", 1, 4)], [array("y", 1, 4)]))
    with pytest.raises(
        ModelUnreadable, match=r"Core ML cannot open refused\.mlpackage: .*Error compiling model"
    ) as caught:
        CoreMLBackend().open(path, Delegate("all"), 1)
    assert 'delegate="onnxruntime"' in caught.value.hint


def test_an_archive_is_left_to_the_translation(mac, tmp_path):
    content = model(doubling(), [array("x", 1, 4)], [array("y", 1, 4)])
    path = write(tmp_path / "m.mlmodel", content)
    with pytest.raises(BackendUnavailable, match="does not open the archive"):
        CoreMLBackend().open(path, Delegate("all"), 1)
