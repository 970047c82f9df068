from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Evidence, Frame, Graph, Node, Sure, TensorSpec
from edgerun.decoders import tfod
from edgerun.tensors import Quantization

(TFOD,) = tfod.DECODERS

VALUES = {
    "boxes": np.array([[[0.1, 0.2, 0.5, 0.6], [0, 0, 1, 0.5]]], np.float32),
    "classes": np.array([[3, 0]], np.float32),
    "scores": np.array([[0.9, 0.4]], np.float32),
    "count": np.array([2], np.float32),
}


@pytest.fixture
def evidence():
    def build(names, image=None, **fields):
        """`names`: role -> name of the output."""
        outputs = {name: VALUES[role] for role, name in names.items()}
        specs = [TensorSpec(name, array.shape) for name, array in outputs.items()]
        image = image or TensorSpec("image", (1, 64, 64, 3))
        card = ModelCard(height=64, width=64, sources=dict.fromkeys(fields, "tflite metadata"), **fields)
        return Evidence([image], specs, image, card, {}, lambda kind: outputs)

    return build


def roles(match):
    assert match.sure is Sure.CERTAIN, match.why
    return {role: name for name, role in match.conventions["outputs"].items()}


@pytest.mark.parametrize(
    "names",
    [
        {"boxes": "detection_boxes", "classes": "classes", "scores": "scores", "count": "num_detections"},
        # the names of boxes and count, or of classes and scores, are mixed up
        {"boxes": "num_detections", "classes": "classes", "scores": "scores", "count": "detection_boxes"},
        {"boxes": "boxes", "classes": "detection_scores", "scores": "detection_classes", "count": "num_detections"},
        # and some say nothing at all
        {"count": "call:0", "scores": "call:1", "classes": "call:2", "boxes": "call:3"},
    ],
)
def test_outputs_are_bound_by_what_they_hold_where_their_names_do_not_tell(evidence, names):
    assert roles(TFOD.matches(evidence(names))) == names


def test_classes_and_scores_may_come_without_an_axis_for_the_image(evidence):
    names = {"count": "call:0", "scores": "call:1", "classes": "call:2", "boxes": "call:3"}
    known = evidence(names)
    outputs = {name: array if array.ndim == 3 else array.reshape(-1) for name, array in known.probe("blank").items()}
    specs = [TensorSpec(name, array.shape) for name, array in outputs.items()]
    assert roles(TFOD.matches(replace(known, outputs=specs, probe=lambda kind: outputs))) == names


def test_the_operators_own_names_count_whatever_the_values(evidence):
    post = "TFLite_Detection_PostProcess"
    names = {"classes": f"{post}:1", "boxes": post, "count": f"{post}:3", "scores": f"{post}:2"}
    assert roles(TFOD.matches(evidence(names))) == names


@pytest.mark.parametrize(
    ("role", "corners"), [("boxes", [0.2, 0.1, 0.6, 0.5]), ("boxes x1y1x2y2", [0.1, 0.2, 0.5, 0.6])]
)
def test_boxes_are_y_first_unless_their_role_says_otherwise(evidence, role, corners):
    bound = {"b": role, "c": "classes", "s": "scores", "n": "count"}
    known = evidence({"boxes": "b", "classes": "c", "scores": "s", "count": "n"}, outputs=bound)
    assert TFOD.matches(known).sure is Sure.CERTAIN
    found = TFOD.matches(known).decode(known.probe("blank"), Frame(64, 64, 0.5, known.card))
    np.testing.assert_allclose(found.boxes, [corners])
    assert found.classes.tolist() == [3]


def test_rows_beyond_the_count_are_left_out(evidence):
    known = evidence(
        {"boxes": "b", "classes": "c", "scores": "s", "count": "n"},
        outputs={"b": "boxes", "c": "classes", "s": "scores", "n": "count"},
    )
    outputs = {**known.probe("blank"), "n": np.array([1], np.float32)}
    assert len(TFOD.matches(known).decode(outputs, Frame(64, 64, 0.1, known.card))) == 1


def test_quantised_bytes_take_the_picture_as_it_is(evidence):
    image = TensorSpec("image", (1, 64, 64, 3), "uint8", Quantization((1 / 128,), (127,)))
    names = {role: role for role in VALUES}
    conventions = TFOD.matches(evidence(names, image)).conventions
    assert (conventions["scale"], conventions["mean"], conventions["std"]) == (1.0, 127.0, 128.0)


def test_the_operators_count_counts_boxes_of_several_rows(evidence):
    """LiteRT 2.3, detection_postprocess.cc: with max_classes_per_detection 2 a table has two rows for each box."""
    names = {role: role for role in VALUES}
    known = replace(evidence(names), metadata={"tflite.postprocess": '{"rows_of_each": 2}'})
    outputs = {**known.probe("blank"), "count": np.array([1], np.float32)}
    found = TFOD.matches(known).decode(outputs, Frame(64, 64, 0.1, known.card))
    assert found.classes.tolist() == [3, 0]
    plain = TFOD.matches(evidence(names)).decode(outputs, Frame(64, 64, 0.1, known.card))
    assert plain.classes.tolist() == [3]


def test_rows_of_classes_that_there_are_not_are_an_earlier_frames(evidence):
    """LiteRT at 044e7a1, detection_postprocess.cc: of max_classes_per_detection rows it fills num_classes, if fewer."""
    names = {role: role for role in VALUES}
    known = replace(evidence(names), metadata={"tflite.postprocess": '{"rows_of_each": 2, "classes": 1}'})
    outputs = {**known.probe("blank"), "count": np.array([1], np.float32)}
    found = TFOD.matches(known).decode(outputs, Frame(64, 64, 0.1, known.card))
    np.testing.assert_allclose(found.scores, [0.9])


@pytest.mark.parametrize(("said", "named"), [("", False), (', "calibration": "log"', True)])
def test_a_calibration_of_scores_that_is_not_applied_is_named(evidence, said, named):
    names = {role: role for role in VALUES}
    described = f'{{"outputs": [{{"tensor": "scores"{said}}}]}}'
    match = TFOD.matches(replace(evidence(names), metadata={"tflite.metadata": described}))
    assert match.sure is Sure.CERTAIN
    assert ("calibration of its metadata is not applied" in match.why) is named


GENERIC = {"boxes": "call:0", "classes": "call:1", "scores": "call:2", "count": "call:3"}


def test_yolov5s_own_exporter_puts_x_first(evidence):
    """YOLOv5 v7.0, models/tf.py, hands x1 y1 x2 y2 to combined_non_max_suppression, which keeps the order."""
    known = evidence(GENERIC)
    known = replace(known, card=known.card.with_field("labels", list("abcd"), "ultralytics metadata"))
    found = TFOD.matches(known).decode(known.probe("blank"), Frame(64, 64, 0.5, known.card))
    np.testing.assert_allclose(found.boxes, [[0.1, 0.2, 0.5, 0.6]])


def test_the_order_is_asked_for_where_the_graph_has_not_tensorflows_operator(evidence):
    other = Graph([Node("CombinedNonMaxSuppression")], (), ())
    match = TFOD.matches(replace(evidence(GENERIC), graph=lambda: other))
    first, second = match.unsettled["outputs"]
    assert (first.fields["outputs"]["call:0"], second.fields["outputs"]["call:0"]) == ("boxes", "boxes x1y1x2y2")
    own = Graph([Node("TFLite_Detection_PostProcess")], (), ())
    assert not TFOD.matches(replace(evidence(GENERIC), graph=lambda: own)).unsettled


@pytest.mark.parametrize(("labels", "sure"), [("abc", Sure.NO), ("abcd", Sure.CERTAIN), ("abcde", Sure.CERTAIN)])
def test_a_class_that_no_label_names_speaks_against_it(evidence, labels, sure):
    """A trial run gives class 3, the fourth."""
    match = TFOD.matches(evidence({role: role for role in VALUES}, labels=tuple(labels)))
    assert match.sure is sure, match.why
    assert sure or match.why == "a probe run gives class 3 of 3 labels"


def test_dequantised_numbers_of_classes_are_rounded(evidence):
    known = evidence({role: role for role in VALUES}, labels=tuple("abcd"))
    stored = [
        replace(spec, quantization=Quantization((0.01,), (0,))) if spec.name == "classes" else spec
        for spec in known.outputs
    ]
    outputs = {**known.probe("blank"), "classes": np.array([[2.9951, 0.0049]], np.float32)}
    found = TFOD.matches(replace(known, outputs=stored)).decode(outputs, Frame(64, 64, 0.1, known.card))
    assert found.classes.tolist() == [3, 0]


@pytest.mark.parametrize(("image", "classes"), [("image_tensor:0", [2, 0]), ("image", [3, 1])])
def test_classes_of_a_frozen_graph_count_from_1(evidence, image, classes):
    """Which calls its image so; TFLite's converter calls it otherwise."""
    names = {"boxes": "my_boxes", "classes": "my_classes", "scores": "my_scores", "count": "my_count"}
    known = evidence(names, TensorSpec(image, (1, 64, 64, 3)))
    outputs = {**known.probe("blank"), "my_classes": np.array([[3, 1]], np.float32)}
    match = TFOD.matches(replace(known, probe=lambda kind: outputs))
    assert match.sure is Sure.CERTAIN, match.why
    assert match.decode(outputs, Frame(64, 64, 0.1, known.card)).classes.tolist() == classes
