"""Core ML as a backend of edgerun, off a Mac."""

from __future__ import annotations

import numpy as np
import pytest
from mil_program import Program
from model_files import (
    array,
    classifier,
    doubling,
    image,
    model,
    named,
    number,
    package,
    passing,
    pipeline,
    suppression,
    write,
)

from edgerun import Detector
from edgerun.contract import ConvertsToOnnx, Delegate
from edgerun.errors import DelegateUnavailable, ModelUnreadable
from edgerun.testing import BackendConformance
from edgerun_coreml import native
from edgerun_coreml.backend import TRANSLATED, CoreMLBackend, TranslatedSession

TRANSLATE = Delegate("onnxruntime")


@pytest.fixture(autouse=True)
def _off_a_mac(monkeypatch):
    monkeypatch.setattr(native, "on_macos", lambda: False)


class TestConformance(BackendConformance):
    runtime_modules = ("onnxruntime", "coremltools")

    @pytest.fixture
    def backend(self):
        return CoreMLBackend()


def test_off_a_mac_the_translation_comes_first_and_says_what_it_is():
    first, *others = CoreMLBackend().delegates()
    assert (first.name, first.available, first.reason) == ("onnxruntime", True, TRANSLATED)
    native_ones = {offer.name: offer for offer in others if not offer.available}
    assert set(native_ones) == {"coreml", "ane", "gpu", "cpu"}
    assert native_ones["ane"].reason == "native on macOS only"


def test_the_report_says_who_computes():
    with pytest.raises(DelegateUnavailable, match="ane: native on macOS only"):
        Detector.load(CoreMLBackend.specimen, delegate="ane")


def session(tmp_path, content, delegate=TRANSLATE):
    return CoreMLBackend().open(write(tmp_path / "m.mlmodel", content), delegate, 1)


def test_pictures_are_taken_as_floats_in_the_declared_order(tmp_path):
    opened = session(
        tmp_path, model(passing("p", "out", (1, 3, 2, 4)), [image("p", 4, 2, "BGR")], [array("out", 1, 3, 2, 4)])
    )
    given = np.arange(24, dtype=np.float32).reshape(1, 3, 2, 4)
    np.testing.assert_array_equal(opened.run({"p": given})["out"], given)


def test_a_picture_of_another_size_is_refused(tmp_path):
    opened = session(tmp_path, model(passing("p", "out", (1, 3, None, None)), [image("p", 4, 2)], [array("out")]))
    with pytest.raises(RuntimeError, match="is 5 x 2, the model takes 4 x 2"):
        opened.run({"p": np.zeros((1, 3, 2, 5), np.float32)})


def test_shapes_that_the_file_leaves_out_come_from_the_runtime(tmp_path):
    opened = session(tmp_path, model(doubling(), [array("x", 1, 4)], [array("y")]))
    assert [spec.shape for spec in opened.outputs] == [(1, 4)]


def test_thresholds_may_be_fed_or_left_to_the_model(tmp_path):
    inputs = [array("scores", 2, 3), array("boxes", 2, 4), number("iouThreshold"), number("confidenceThreshold")]
    opened = session(tmp_path, pipeline([suppression(3)], inputs, [array("confidence"), array("coordinates")]))
    feeds = {"scores": np.float32([[0.5, 0, 0], [0.3, 0, 0]]), "boxes": np.float32([[0.2] * 4, [0.8, 0.8, 0.1, 0.1]])}
    assert opened.run(feeds)["confidence"].shape == (2, 3)
    assert opened.run(feeds | {"confidenceThreshold": np.array([0.4])})["confidence"].shape == (1, 3)


def test_a_classifier_gives_its_probabilities(tmp_path):
    opened = session(tmp_path, classifier(["cat", "dog", "bird"]))
    (spec,) = opened.outputs
    result = opened.run({"x": np.float32([[0.25, 0.5, 0.25]])})
    assert spec.shape == (1, 3)
    assert result[spec.name].tolist() == [[0.25, 0.5, 0.25]]
    assert opened.metadata["coreml.labels"] == '["cat", "dog", "bird"]'


def test_the_bare_model_is_at_hand(tmp_path):
    opened = session(tmp_path, model(doubling(), [array("x", 1, 4)], [array("y", 1, 4)]))
    assert isinstance(opened, TranslatedSession)
    assert opened.model.predict({"x": [[1.0, 2, 3, 4]]})["y"].tolist() == [[2, 4, 6, 8]]
    opened.close()
    with pytest.raises(RuntimeError, match="closed"):
        _ = opened.model


def test_fp16_is_rounded_where_that_is_asked_for(tmp_path):
    program = Program()
    x = program.input("x", "fp16", (1,))
    big = program.op("mul", ("fp16", (1,)), x=x, y=x)
    named(program, (program.op("real_div", ("fp16", (1,)), x=big, y=x), "y", "fp16", (1,)))
    content, feeds = model(program, [array("x", 1)], [array("y", 1)]), {"x": np.float32([1000])}
    assert session(tmp_path, content).run(feeds)["y"][0] == 1000
    assert np.isinf(session(tmp_path, content, Delegate("onnxruntime-fp16")).run(feeds)["y"][0])


def test_nodes_are_counted_as_onnx_runtime_assigned_them(tmp_path):
    coverage = session(tmp_path, model(doubling(), [array("x", 1, 4)], [array("y", 1, 4)])).coverage()
    if coverage.evidence != "none":  # ONNX Runtime before 1.24 cannot tell
        assert coverage.evidence == "assigned"
        assert coverage.nodes == {"onnxruntime": 1}


def test_a_damaged_file_is_unreadable_with_its_name_and_the_next_step(tmp_path):
    folder = package(tmp_path / "cut.mlpackage", b"\x08\x07")
    with pytest.raises(ModelUnreadable, match=r"cut.mlpackage is damaged: .*no model") as caught:
        CoreMLBackend().open(folder, TRANSLATE, 1)
    assert "export it again" in caught.value.hint


def test_everything_that_is_not_supported_is_named(tmp_path):
    tree = {"specificationVersion": 1, "description": {}, "treeEnsembleRegressor": {}}
    with pytest.raises(ModelUnreadable, match=r"m\.mlmodel asks for what is not supported") as caught:
        session(tmp_path, pipeline([tree] * 10, [], []))
    assert "model 8 of the pipeline" in caught.value.message
    assert "and 2 more" in caught.value.message


def test_without_a_runtime_health_says_so(monkeypatch):
    monkeypatch.setattr("edgerun_coreml.backend.find_spec", lambda name: None)
    health = CoreMLBackend().health()
    assert not health.ok
    assert "onnxruntime" in health.reason
    assert not any(offer.available for offer in CoreMLBackend().delegates())


def test_it_converts_for_edgerun_and_names_what_it_cannot(tmp_path):
    backend, target = CoreMLBackend(), tmp_path / "m.onnx"
    assert isinstance(backend, ConvertsToOnnx)
    sound = write(tmp_path / "m.mlmodel", model(doubling(), [array("x", 1, 4)], [array("y", 1, 4)]))
    assert backend.convert(sound, target, "card", None) == target
    assert target.stat().st_size > 0
    tree = {"specificationVersion": 1, "description": {}, "treeEnsembleRegressor": {}}
    with pytest.raises(ModelUnreadable, match=r"m\.mlmodel cannot be converted: not supported: ") as caught:
        backend.convert(write(tmp_path / "m.mlmodel", tree), target, "card", None)
    assert "run it on a Mac" in caught.value.hint
