"""ONNX files that edgerun loads with the same card."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
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
    passing,
    pipeline,
    suppression,
    write,
)
from PIL import Image

import edgerun_coreml
from edgerun_coreml.errors import ModelUnsupported

PIXELS = np.random.default_rng(3).integers(0, 256, (2, 4, 3), np.uint8)


def converted(tmp_path, content, preprocess="card", **options):
    path = write(tmp_path / "m.mlmodel", content)
    out = edgerun_coreml.convert(path, tmp_path / "m.onnx", preprocess, **options)
    proto = onnx.load(out)
    onnx.checker.check_model(proto, full_check=True)
    told = {entry.key: entry.value for entry in proto.metadata_props}
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    return session, json.loads(told["edgerun"]), told


def test_the_graph_computes_what_the_model_computes(tmp_path):
    session, card, _ = converted(tmp_path, model(doubling(), [array("x", 1, 4)], [array("y", 1, 4)]))
    assert session.run(["y"], {"x": np.float32([[1, 2, 3, 4]])})[0].tolist() == [[2, 4, 6, 8]]
    assert card == {"edgerun": 1}


def test_what_the_author_wrote_is_kept_and_what_the_file_settles_is_on_the_card(tmp_path):
    metadata = {"userDefined": {"stride": "32"}, "license": "MIT"}
    content = model(passing("p", "out", (1, 3, 2, 4)), [image("p", 4, 2, "BGR")], [array("out", 1, 3, 2, 4)])
    content["description"]["metadata"] = metadata
    _, card, told = converted(tmp_path, content)
    assert told["stride"] == "32"
    assert told["coreml.license"] == "MIT"
    assert card == {"edgerun": 1, "color": "bgr", "scale": 1.0, "mean": [0.0] * 3, "std": [1.0] * 3}


def test_a_card_that_is_given_wins(tmp_path):
    content = model(passing("p", "out", (1, 3, 2, 4)), [image("p", 4, 2)], [array("out", 1, 3, 2, 4)])
    _, card, _ = converted(tmp_path, content, card={"edgerun": 1, "resize": "stretch", "labels": ["a"]})
    assert (card["resize"], card["labels"], card["color"]) == ("stretch", ["a"], "rgb")


@pytest.mark.parametrize("color", ["RGB", "BGR"])
def test_preprocessing_in_the_graph_takes_bytes_as_they_are(tmp_path, color):
    content = model(passing("p", "out", (1, 3, 2, 4), 0.5), [image("p", 4, 2, color)], [array("out", 1, 3, 2, 4)])
    session, card, _ = converted(tmp_path, content, "graph")
    (given,) = session.get_inputs()
    assert (given.type, given.shape) == ("tensor(uint8)", [1, 2, 4, 3])
    assert (card["color"], card["scale"]) == ("rgb", 1.0)
    expected = edgerun_coreml.load(tmp_path / "m.mlmodel").predict({"p": Image.fromarray(PIXELS)})["out"]
    np.testing.assert_array_equal(session.run(["out"], {"p": PIXELS[None]})[0], expected)


def test_grey_preprocessing_in_the_graph(tmp_path):
    content = model(passing("p", "out", (1, 1, 2, 4)), [image("p", 4, 2, "GRAYSCALE")], [array("out", 1, 1, 2, 4)])
    session, card, _ = converted(tmp_path, content, "graph")
    assert card["color"] == "gray"
    result = session.run(["out"], {"p": PIXELS[None, ..., :1]})[0]
    np.testing.assert_array_equal(result[0, 0], PIXELS[..., 0])


def test_an_array_that_is_a_picture_is_preprocessed_as_the_card_says(tmp_path):
    content = model(passing("x", "out", (1, 3, 2, 4)), [array("x", 1, 3, 2, 4)], [array("out", 1, 3, 2, 4)])
    card = {"color": "bgr", "scale": 1 / 255, "mean": [0.1, 0.2, 0.3], "std": [0.5, 1.0, 2.0]}
    session, _, _ = converted(tmp_path, content, "graph", card=card)
    expected = (PIXELS[..., ::-1] / 255 - card["mean"]) / card["std"]
    result = session.run(["out"], {"x": PIXELS[None]})[0]
    np.testing.assert_allclose(result[0], expected.transpose(2, 0, 1), atol=1e-6)


def test_without_a_picture_the_graph_cannot_preprocess(tmp_path):
    with pytest.raises(ModelUnsupported, match="preprocess='card'"):
        converted(tmp_path, model(doubling(), [array("x", 1, 4)], [array("y", 1, 4)]), "graph")
    with pytest.raises(ValueError, match="'card' or 'graph'"):
        converted(tmp_path, model(doubling(), [array("x", 1, 4)], [array("y", 1, 4)]), "none")


def detector():
    """A picture's first rows are scores and boxes, then suppression."""
    program = Program()
    p = program.input("p", "fp32", (1, 3, 2, 4))
    flat = program.op("reshape", ("fp32", (6, 4)), x=p, shape=np.int32([6, 4]))
    unit = program.op("mul", ("fp32", (6, 4)), x=flat, y=np.float32(1 / 255))
    scores = program.op("slice_by_size", ("fp32", (6, 3)), x=unit, begin=np.int32([0, 0]), size=np.int32([6, 3]))
    named(program, (scores, "scores", "fp32", (6, 3)), (unit, "boxes", "fp32", (6, 4)))
    net = model(program, [image("p", 4, 2)], [array("scores", 6, 3), array("boxes", 6, 4)])
    thresholds = [number("iouThreshold"), number("confidenceThreshold")]
    return pipeline([net, suppression(3)], [image("p", 4, 2), *thresholds], [array("confidence"), array("coordinates")])


@pytest.mark.parametrize("preprocess", ["card", "graph"])
def test_a_pipeline_becomes_one_graph_with_its_thresholds_as_inputs(tmp_path, preprocess):
    session, card, _ = converted(tmp_path, detector(), preprocess)
    assert (card["conf"], card["iou"], card["suppressed"], card["box_units"]) == (0.25, 0.5, True, "unit")
    assert card["labels"] == ["class 0", "class 1", "class 2"]
    bare = edgerun_coreml.load(tmp_path / "m.mlmodel")
    given = PIXELS[None] if preprocess == "graph" else PIXELS.transpose(2, 0, 1)[None].astype(np.float32)
    for iou, conf in ((0.5, 0.25), (0.9, 0.5)):
        data = {"p": Image.fromarray(PIXELS), "iouThreshold": iou, "confidenceThreshold": conf}
        expected = bare.predict(data)
        feeds = {"p": given, "iouThreshold": np.float32([iou]), "confidenceThreshold": np.float32([conf])}
        scores, boxes = session.run(["confidence", "coordinates"], feeds)
        assert len(scores)
        np.testing.assert_allclose(scores, expected["confidence"], atol=1e-7)
        np.testing.assert_allclose(boxes, expected["coordinates"], atol=1e-7)


def test_pictures_between_the_models_of_a_pipeline_keep_bytes_and_order(tmp_path):
    first = model(passing("p", "m", (1, 3, 2, 4), 0.37), [image("p", 4, 2)], [image("m", 4, 2)])
    second = model(passing("m", "out", (1, 3, 2, 4), 2.0), [image("m", 4, 2, "BGR")], [array("out", 1, 3, 2, 4)])
    content = pipeline([first, second], [image("p", 4, 2)], [array("out", 1, 3, 2, 4)])
    session, _, _ = converted(tmp_path, content)
    expected = edgerun_coreml.load(tmp_path / "m.mlmodel").predict({"p": Image.fromarray(PIXELS)})["out"]
    result = session.run(["out"], {"p": PIXELS.transpose(2, 0, 1)[None].astype(np.float32)})[0]
    np.testing.assert_array_equal(result, expected)


def test_a_suppression_alone_is_converted(tmp_path):
    content = suppression(3)
    session, _, _ = converted(tmp_path, content)
    feeds = {"scores": np.float32(np.eye(3)[:2]), "boxes": np.float32([[0.2] * 4, [0.8, 0.8, 0.1, 0.1]])}
    assert session.run(["confidence"], feeds)[0].shape == (2, 3)


def test_a_classifier_keeps_its_probabilities_and_labels(tmp_path):
    session, card, _ = converted(tmp_path, classifier(["cat", "dog"]))
    assert card["labels"] == ["cat", "dog"]
    assert session.run(None, {"x": np.float32([[0.25, 0.75]])})[0].tolist() == [[0.25, 0.75]]


def test_a_pipeline_that_ends_in_a_classifier_keeps_its_probabilities_and_labels(tmp_path):
    last = classifier(["cat", "dog"])
    label, table = last["description"]["output"]
    halves = model(passing("y", "x", (1, 2), 0.5), [array("y", 1, 2)], [array("x", 1, 2)])
    content = pipeline([halves, last], [array("y", 1, 2)], [array("x", 1, 2), label, table])
    session, card, _ = converted(tmp_path, content)
    assert card["labels"] == ["cat", "dog"]
    assert [output.name for output in session.get_outputs()] == ["x", "probabilities"]
    given = np.float32([[0.5, 1.5]])
    expected = edgerun_coreml.load(tmp_path / "m.mlmodel").predict({"y": given})
    found = session.run(["probabilities"], {"y": given})[0]
    assert dict(zip(card["labels"], found[0].tolist(), strict=True)) == expected[table["name"]]
