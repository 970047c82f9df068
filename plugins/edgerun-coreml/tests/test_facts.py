from __future__ import annotations

import json

import numpy as np
from model_files import array, classifier, doubling, image, model, number, passing, pipeline, suppression, write

from edgerun.tensors import TensorSpec
from edgerun_coreml.facts import Facts, as_array
from edgerun_coreml.file.package import open_model


def facts(tmp_path, content, **options):
    return Facts.of(open_model(write(tmp_path / "m.mlmodel", content)), **options)


def test_pictures_are_float32_channels_first(tmp_path):
    seen = facts(tmp_path, model(passing("p", "out", (1, 3, 2, 4)), [image("p", 4, 2)], [image("out", 4, 2)]))
    assert seen.inputs() == [TensorSpec("p", (1, 3, 2, 4), "float32")]
    assert seen.outputs() == [TensorSpec("out", (1, 3, 2, 4), "float32")]


def test_sizes_that_vary_are_unknown(tmp_path):
    several = image("p", 4, 2, sizes=((4, 2), (8, 2)))
    ranged = image("q", 4, 2, ranges=((4, 4), (2, -1)))
    features = [several, ranged, array("x", 1, 4, ranges=((1, 1), (1, 9)), dtype="INT32")]
    seen = facts(tmp_path, model(doubling(), features, [array("y", 1, 4)]))
    assert [spec.shape for spec in seen.inputs()] == [(1, 3, 2, None), (1, 3, None, 4), (1, None)]
    assert seen.inputs()[2].dtype == "int32"


def test_sizes_that_vary_are_told_as_the_file_has_them(tmp_path):
    several = image("p", 4, 2, sizes=((4, 2), (8, 2)))
    ranged = image("q", 4, 2, ranges=((4, 4), (2, -1)))
    seen = facts(tmp_path, model(doubling(), [several, ranged, array("x", 1, 4)], [array("y", 1, 4)]))
    assert json.loads(seen.metadata()["coreml.flexible"]) == {
        "p": {"enumerated": [[4, 2], [8, 2]]},
        "q": {"ranges": [[4, 4], [2, None]]},
    }
    fixed = facts(tmp_path, model(doubling(), [array("x", 1, 4)], [array("y", 1, 4)]))
    assert "coreml.flexible" not in fixed.metadata()


def test_optional_inputs_are_left_to_their_defaults(tmp_path):
    seen = facts(tmp_path, model(doubling(), [array("x", 1, 4), array("b", 1, optional=True)], [array("y", 1, 4)]))
    assert [spec.name for spec in seen.inputs()] == ["x"]


def test_outputs_of_unknown_shape_leave_all_to_the_runtime(tmp_path):
    assert facts(tmp_path, model(doubling(), [array("x", 1, 4)], [array("y")])).outputs() == []


def test_the_authors_keys_stay_as_they_are_and_ours_have_a_prefix(tmp_path):
    metadata = {"userDefined": {"names": "{0: 'person'}"}, "author": "Somebody"}
    seen = facts(tmp_path, model(doubling(), [image("p", 4, 2, "BGR")], [array("y", 1, 4)], metadata=metadata))
    told = seen.metadata()
    assert told["names"] == "{0: 'person'}"
    assert told["coreml.author"] == "Somebody"
    assert told["coreml.image_color"] == "bgr"
    assert (told["coreml.image_width"], told["coreml.image_height"]) == ("4", "2")
    assert told["coreml.kind"] == "mlProgram"
    assert "coreml.labels" not in told


def test_the_rules_of_a_suppression_are_told(tmp_path):
    thresholds = [number("iouThreshold"), number("confidenceThreshold", optional=True)]
    content = pipeline(
        [suppression(2)], [array("scores", 8, 2), array("boxes", 8, 4), *thresholds], [array("confidence")]
    )
    seen = facts(tmp_path, content)
    rules = json.loads(seen.metadata()["coreml.suppression"])
    assert (rules["confidence"], rules["coordinates"], rules["iou"], rules["conf"]) == (
        "confidence",
        "coordinates",
        0.5,
        0.25,
    )
    assert json.loads(seen.metadata()["coreml.labels"]) == ["class 0", "class 1"]
    assert [spec.name for spec in seen.inputs()] == ["scores", "boxes", "iouThreshold", "confidenceThreshold"]
    assert seen.inputs()[2] == TensorSpec("iouThreshold", (1,), "float64")
    assert seen.card()["outputs"] == {"confidence": "confidence", "coordinates": "coordinates"}
    assert seen.card()["suppressed"] is True


def test_thresholds_under_other_names_are_left_to_the_model(tmp_path):
    nms = suppression(2, iouThresholdInputFeatureName="overlap")
    seen = facts(tmp_path, pipeline([nms], [array("scores", 8, 2), number("overlap")], [array("confidence")]))
    assert [spec.name for spec in seen.inputs()] == ["scores"]


def test_probabilities_are_an_array_in_the_order_of_the_labels(tmp_path):
    seen = facts(tmp_path, classifier(["cat", "dog"]), labels=("cat", "dog"))
    assert [spec.shape for spec in seen.outputs()] == [(1, 2)]
    feature = seen.interface.outputs[1]
    assert as_array({"cat": 0.25, "dog": 0.75}, feature).tolist() == [[0.25, 0.75]]
    assert as_array({"cat": 0.25, "dog": 0.75}, feature).dtype == np.float32
