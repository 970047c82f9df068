"""From a picture to boxes through Core ML files, and through what they are converted to."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from model_files import array, colours, doubling, model, package, write
from typer.testing import CliRunner

from edgerun import Detector
from edgerun.cli import app
from edgerun.errors import DecoderUnknown

SQUARE = (slice(16, 24), slice(40, 48))
"""One cell of the detector, rows and columns."""


@pytest.fixture
def red():
    """A picture of 96 x 64, blue-green-red, with one red cell and one green one that is weaker."""
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[SQUARE] = (0, 0, 255)
    picture[48:56, 0:8] = (0, 100, 0)
    return picture


@pytest.mark.parametrize(("color", "labels"), [("RGB", ["first", "second"]), ("BGR", ["third", "second"])])
def test_boxes_and_labels_come_out_in_the_picture(tmp_path, red, color, labels):
    path = package(tmp_path / "m.mlpackage", colours(color))
    with Detector.load(path) as detector:
        found = detector(red)
        assert list(found.label) == labels
        np.testing.assert_allclose(found.xyxy, [[40, 16, 48, 24], [0, 48, 8, 56]], atol=1e-4)
        np.testing.assert_allclose(found.score, [1, 100 / 255], atol=1e-6)


def test_a_larger_picture_fills_the_input_where_nobody_says_otherwise(tmp_path, red):
    wider = np.kron(red, np.ones((4, 8, 1), np.uint8))
    with Detector.load(package(tmp_path / "m.mlpackage", colours())) as detector:
        np.testing.assert_allclose(detector(wider).xyxy[0], [320, 64, 384, 96], atol=1e-3)
        assert "scaleFill" in detector.card.source("resize")


def test_the_report_tells_where_everything_comes_from(tmp_path):
    with Detector.load(package(tmp_path / "m.mlpackage", colours())) as detector:
        report = detector.report()
    assert (report.conf.value, report.conf.source) == (0.25, "coreml metadata")
    assert (report.iou.value, report.iou.source) == (0.5, "coreml metadata")
    assert report.decoder == "coreml-nms"
    assert "the same program, computed by ONNX Runtime, not by Core ML" in str(report)
    assert report.card.suppressed


def test_a_threshold_given_to_load_reaches_the_models_own_suppression(tmp_path, red):
    path = package(tmp_path / "m.mlpackage", colours())
    weak = red // 8
    with Detector.load(path) as detector:
        assert len(detector(weak)) == 0
    with Detector.load(path, conf=0.02) as detector:
        assert list(detector(weak).label) == ["first", "second"]


def test_the_exporters_metadata_fills_the_rest_of_the_card(tmp_path):
    metadata = {"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32", "task": "detect", "imgsz": "[64, 96]"}
    with Detector.load(package(tmp_path / "m.mlpackage", colours(**metadata))) as detector:
        card = detector.card
    assert (card.resize, card.source("resize")) == ("letterbox", "ultralytics metadata")
    assert (card.scale, card.source("scale")) == (1.0, "coreml metadata")


@pytest.mark.parametrize("preprocess", ["card", "graph"])
def test_converted_it_gives_the_same_boxes(tmp_path, red, preprocess):
    path = package(tmp_path / "m.mlpackage", colours("BGR"))
    larger = np.kron(red, np.ones((3, 5, 1), np.uint8))
    out = tmp_path / "m.onnx"
    ran = CliRunner().invoke(
        app,
        ["convert", str(path), str(out), "--preprocess", preprocess, "--resize", "letterbox", "--fill", "0", "--json"],
    )
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["card"] is True
    onnx.checker.check_model(onnx.load(out), full_check=True)
    with Detector.load(path, resize="letterbox", fill=0) as original, Detector.load(out) as converted:
        expected, found = original(larger), converted(larger)
        assert converted.card.resize == "letterbox"
        assert (converted.conf, converted.iou, converted.labels) == (original.conf, original.iou, original.labels)
    assert list(found.label) == list(expected.label) == ["third"]  # the weak one is blurred away
    np.testing.assert_array_equal(found.xyxy, expected.xyxy)
    np.testing.assert_array_equal(found.score, expected.score)


def test_what_is_not_a_detector_is_converted_with_a_note(tmp_path):
    shape = (1, 3, 64, 96)
    path = write(tmp_path / "m.mlmodel", model(doubling(shape), [array("x", *shape)], [array("y", *shape)]))
    with pytest.raises(DecoderUnknown):
        Detector.load(path)
    ran = CliRunner().invoke(app, ["convert", str(path), str(tmp_path / "m.onnx")])
    assert ran.exit_code == 0
    assert "not a detector that edgerun reads" in ran.stdout


def test_a_file_that_is_there_is_not_overwritten_unasked(tmp_path):
    path, out = package(tmp_path / "m.mlpackage", colours()), tmp_path / "m.onnx"
    out.write_text("precious")
    ran = CliRunner().invoke(app, ["convert", str(path), str(out)])
    assert ran.exit_code == 3
    assert "is there already" in ran.output
    assert out.read_text() == "precious"
    assert CliRunner().invoke(app, ["convert", str(path), str(out), "--force"]).exit_code == 0


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_model_is_never_written_over_by_what_it_is_converted_to(tmp_path, force):
    shape = (1, 3, 64, 96)
    path = write(tmp_path / "m.mlmodel", model(doubling(shape), [array("x", *shape)], [array("y", *shape)]))
    content = path.read_bytes()
    ran = CliRunner().invoke(app, ["convert", str(path), str(path), *force])
    assert ran.exit_code == 3
    assert "is not named like an ONNX model" in ran.output
    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path):
    path = package(tmp_path / "m.mlpackage", colours())
    (tmp_path / "folder.onnx").mkdir()
    for out, words in [("folder.onnx", "is a folder"), ("nowhere/m.onnx", "cannot be written: No such file")]:
        ran = CliRunner().invoke(app, ["convert", str(path), str(tmp_path / out), "--force"])
        assert ran.exit_code == 3
        assert words in " ".join(ran.output.split())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder.onnx", "m.mlpackage"]


def test_only_core_ml_models_are_converted(tmp_path):
    path, out = package(tmp_path / "m.mlpackage", colours()), tmp_path / "m.onnx"
    assert CliRunner().invoke(app, ["convert", str(path), str(out)]).exit_code == 0
    ran = CliRunner().invoke(app, ["convert", str(out), str(tmp_path / "n.onnx")])
    assert ran.exit_code == 3
    assert "is onnx; what can be converted is mlmodel, mlpackage" in ran.output


def test_after_closing_the_detector_refuses(tmp_path, red):
    detector = Detector.load(package(tmp_path / "m.mlpackage", colours()))
    detector.close()
    detector.close()
    with pytest.raises(Exception, match="closed"):
        detector(red)
