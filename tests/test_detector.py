"""A detector is loaded, or refused; what it says of itself, and how it is closed. The path of a frame: test_frame."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from edgerun import Detections, Detector, replay
from edgerun.contract import Coverage, Delegate, Placed, TensorSpec
from edgerun.errors import (
    CardInvalid,
    DecoderAmbiguous,
    DecoderUnknown,
    DelegateIncomplete,
    DelegateUnavailable,
    EdgerunError,
    InputError,
    ModelUnreadable,
)
from edgerun.replay import ReplayBackend
from edgerun.runtime import installed

NAMES = {"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32"}
TRUTH = {"red": (16, 0, 32, 16), "green": (64, 16, 80, 32), "blue": (0, 48, 16, 64)}


def best_boxes(found):
    """label -> box of the cell of 16 pixels that is all of that colour."""
    return {row.label: row.box for row in found if row.score > 0.99 and abs(row.box[2] - row.box[0] - 16) < 1e-3}


def test_thresholds_of_the_file_are_taken_and_shown(colours, squares):
    card = {"edgerun": 1, "labels": ["red", "green", "blue"], "conf": 0.9, "iou": 0.3}
    detector = Detector.load(colours(metadata={"edgerun": json.dumps(card)}))
    assert all(row.score >= 0.9 for row in detector(squares))
    report = detector.report()
    assert (report.conf.value, report.conf.source) == (0.9, "edgerun metadata")
    assert "0.9 (edgerun metadata)" in str(report)
    assert Detector.load(detector.path, conf=0.5).report().conf.source == "argument"


def test_an_argument_beats_the_sidecar_which_beats_the_metadata(colours):
    path = colours(metadata={**NAMES, "imgsz": "[64, 96]"})
    assert Detector.load(path).labels == ("red", "green", "blue")
    sidecar = {"edgerun": 1, "labels": ["a", "b", "c"], "conf": 0.4}
    path.with_name(path.name + ".edgerun.json").write_text(json.dumps(sidecar))
    detector = Detector.load(path, conf=0.6)
    assert detector.labels == ("a", "b", "c")
    assert detector.card.conf == 0.6
    assert detector.card.source("labels") == "sidecar"
    assert detector.card.source("conf") == "argument"
    assert detector.card.source("color") == "ultralytics metadata"


def test_labels_are_never_assumed(colours, squares):
    detector = Detector.load(colours(), decoder="yolov8")
    assert detector.labels == ()
    assert {row.label for row in detector(squares)} <= {"0", "1", "2"}


def test_a_closed_detector_says_so(colours, squares):
    with Detector.load(colours(metadata=NAMES)) as detector:
        assert isinstance(detector(squares), Detections)
    with pytest.raises(EdgerunError, match="closed"):
        detector(squares)
    with pytest.raises(EdgerunError, match="closed"):
        detector.profile(squares)
    detector.close()


# ------------------------------------------------------------------------------------------- refusals


def test_two_readings_of_one_output_are_refused_and_named(tmp_path, colours):
    """As many rows as channels: 84 = 4 + 80 classes, and 84 = 64 + 16 + 4 cells of a 64 x 64 input."""
    from onnx import TensorProto, helper, numpy_helper, save

    rng = np.random.default_rng(1)
    values = rng.random((1, 84, 84), np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "zero"], ["none"]),
            helper.make_node("Add", ["values", "none"], ["output0"]),
        ],
        "both",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 84, 84])],
        [numpy_helper.from_array(values, "values"), numpy_helper.from_array(np.float32(0), "zero")],
    )
    path = tmp_path / "both.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    with pytest.raises(DecoderAmbiguous) as refusal:
        Detector.load(path)
    assert "yolov8 (" in str(refusal.value)
    assert 'decoder="yolov8-transposed"' in refusal.value.hint
    assert Detector.load(path, decoder="yolov8").card.decoder == "yolov8"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"conf": 7}, CardInvalid, "conf"),
        ({"conf": "high"}, CardInvalid, "conf"),
        ({"iou": -0.1}, CardInvalid, "iou"),
        ({"max_det": 0}, InputError, "max_det"),
        ({"threads": 0}, InputError, "threads"),
        ({"decoder": "yolo"}, DecoderUnknown, "yolov8"),
        ({"decoder": "yolov5"}, DecoderUnknown, "three anchors"),
        ({"labels": ["one"]}, DecoderUnknown, "gives 1 labels"),
        ({"labels": "no_such_file.txt"}, CardInvalid, "no_such_file.txt"),
        ({"classes": ["cat"]}, InputError, "cat"),
        ({"classes": [80]}, InputError, "80"),
        ({"imgsz": 32}, CardInvalid, "fixed at 64"),
        ({"color": "cmyk"}, CardInvalid, "rgb"),
        ({"delegate": "ane"}, EdgerunError, "ane"),
        ({"delegate": "cuda"}, EdgerunError, "cuda"),
        ({"backend": "tensorflow"}, EdgerunError, "tensorflow"),
        ({"colour": "rgb"}, InputError, "colour"),
        ({"conf": 0.3, "confidence": 0.4}, InputError, "same argument"),
        ({"nms": "some"}, CardInvalid, "nms"),
    ],
)
def test_an_absurd_argument_gets_a_sentence_and_a_next_step(colours, arguments, error, words):
    path = colours(metadata=NAMES)
    with pytest.raises(error, match=words) as refusal:
        Detector.load(path, **arguments)
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("options", "words"),
    [({"conf": 7}, "conf"), ({"iou": 2}, "iou"), ({"max_det": 0}, "max_det"), ({"classes": ["cat"]}, "cat")],
)
def test_a_call_checks_its_arguments_too(colours, squares, options, words):
    detector = Detector.load(colours(metadata=NAMES))
    with pytest.raises(InputError, match=words):
        detector(squares, **options)


def test_a_bare_name_that_is_no_model_is_told_which_names_there_are():
    with pytest.raises(ModelUnreadable, match="barcodes") as refusal:
        Detector.load("barcodes")
    assert "codes" in refusal.value.hint


def test_a_model_without_a_picture_among_its_inputs_is_refused(tmp_path):
    from onnx import TensorProto, helper, save

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 7])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 7])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "flat", [x], [y])
    path = tmp_path / "flat.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    with pytest.raises(ModelUnreadable, match="no input that takes an image"):
        Detector.load(path)


def test_missing_external_weights_are_named(tmp_path):
    from onnx import TensorProto, helper, numpy_helper, save

    x = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 32, 32])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 32, 32])
    weights = numpy_helper.from_array(np.ones((1, 3, 32, 32), np.float32), "weights")
    graph = helper.make_graph([helper.make_node("Add", ["images", "weights"], ["y"])], "far", [x], [y], [weights])
    path = tmp_path / "far.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    save(model, path, save_as_external_data=True, location="far.bin", size_threshold=0)
    (tmp_path / "far.bin").unlink()
    with pytest.raises(ModelUnreadable, match="far"):
        Detector.load(path)


@pytest.mark.parametrize("keep", [0, 1, 40, 400])
def test_a_cut_model_is_refused(colours, keep):
    path = colours(metadata=NAMES)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelUnreadable, match=r"colours\.onnx"):
        Detector.load(path)


def test_a_suffix_that_lies_is_named(colours, squares):
    path = colours(metadata=NAMES, name="colours.tflite")
    with pytest.warns(UserWarning, match="named like a tflite model"):
        detector = Detector.load(path)
    assert best_boxes(detector(squares, nms="none", conf=0.9)) == TRUTH


@pytest.mark.parametrize("layout", ["yolov8", "tfod"])
@pytest.mark.parametrize("first", ["background", "???"])
def test_a_background_before_the_labels_is_left_out_where_the_outputs_do_not_count_it(
    colours, squares, tmp_path, layout, first
):
    (tmp_path / "labelmap.txt").write_text(f"{first}\nred\ngreen\nblue\n")
    path = colours(layout=layout)
    options = {"scale": 1 / 255, "mean": 0.0} if layout == "tfod" else {}
    with Detector.load(path, labels=tmp_path / "labelmap.txt", **options) as detector:
        assert best_boxes(detector(squares, nms="none", conf=0.9)) == TRUTH
        assert detector.card.source("labels") == "argument, less the background"


def test_a_label_file_beside_a_model_is_hinted_at_and_not_taken(colours, tmp_path):
    path = colours()
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")
    with Detector.load(path) as detector:
        assert detector.labels == ()
        (hint,) = [warning for warning in detector.report().warnings if "labels.txt" in warning]
        assert f'labels="{tmp_path / "labels.txt"}"' in hint
    with Detector.load(path, labels=tmp_path / "labels.txt") as detector:
        assert not [warning for warning in detector.report().warnings if "labels.txt" in warning]


def test_a_size_that_the_file_contradicts_is_shown(colours):
    card = Detector.load(colours(metadata={**NAMES, "imgsz": "[640, 96]"})).card
    assert (card.height, card.source("height")) == (64, "the file's input; ultralytics metadata says 640")
    assert card.source("width") == "the file's input"


# ---------------------------------------------------------------------------------------------- delegates


class Simulated(ReplayBackend):
    """Recordings on a machine of made-up delegates.

    "broken" is offered and fails once it is tried; "liar" leaves the work to the processor; "late" tells which node
    runs where after the first run alone; "half" leaves an operator to the processor.
    """

    def delegates(self):
        return [Delegate(name) for name in ("broken", "liar", "late", "half", "cpu")]

    def open(self, path, delegate, threads):
        if delegate.name == "broken":
            raise DelegateUnavailable("The device does not answer.")
        session = super().open(path, delegate, threads)
        run, asked = session.run, delegate.name
        session.delegate = "cpu" if asked == "liar" else asked
        told = None if asked == "late" else Placed("TopK" if asked == "half" else "Add", "cpu", shape=(1, 300))

        def run_and_tell(feeds):
            nonlocal told
            told = told or Placed("Conv", asked)
            return run(feeds)

        session.run = run_and_tell
        session.coverage = lambda: told and Coverage("assigned", "a test", (Placed("Conv", asked), told))
        return session


@pytest.fixture
def simulated(tmp_path):
    rows = np.random.default_rng(0).random((1, 7, 84), np.float32)
    rows[:, :4] *= 64
    specs = [TensorSpec("images", (1, 3, 64, 64))], [TensorSpec("output0", rows.shape)]
    replay.write(tmp_path / "m.npz", *specs, {}, [(0, {"output0": rows})])
    registry = replace(installed.registry(), backends=[Simulated()])
    return lambda **options: Detector.load(tmp_path / "m.npz", registry=registry, **options)


def test_where_nobody_named_a_delegate_the_first_that_can_be_in_force_is_taken_and_says_why(simulated):
    report = simulated().report()
    assert report.delegate == "cpu"
    assert report.delegate_reason == "broken: The device does not answer; replay fell back to it"
    report = simulated(delegate=["broken", "liar", "late"]).report()
    assert report.delegate == "late"
    assert report.delegate_reason.startswith("broken: The device does not answer; liar: Delegate liar was asked for")


def test_a_named_delegate_that_fails_once_it_is_tried_is_the_error(simulated):
    with pytest.raises(DelegateUnavailable, match=r"^The device does not answer\."):
        simulated(delegate="broken")
    with pytest.raises(DelegateUnavailable, match="broken: The device does not answer; liar: Delegate liar was"):
        simulated(delegate=["broken", "liar"])


def test_strict_takes_the_first_delegate_that_runs_all(simulated):
    with pytest.raises(DelegateIncomplete, match=r"1 of 2 nodes of m\.npz run on cpu, not on half: TopK \[1, 300\]"):
        simulated(delegate="half", strict=True)
    report = simulated(delegate=["half", "cpu"], strict=True).report()
    assert (report.delegate, report.strict) == ("cpu", True)
    assert "1 of 2 nodes" in report.delegate_reason


def test_strict_waits_for_the_first_run_where_only_that_tells(simulated):
    assert simulated(delegate="late", strict=True).report().coverage.nodes == {"late": 2}


def test_a_model_that_cannot_be_opened_is_not_blamed_on_the_delegate(simulated, tmp_path):
    (tmp_path / "m.npz").write_bytes((tmp_path / "m.npz").read_bytes()[:200])
    with pytest.raises(ModelUnreadable):
        simulated(delegate=["late", "cpu"])
