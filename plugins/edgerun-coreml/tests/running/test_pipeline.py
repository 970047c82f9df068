from __future__ import annotations

import numpy as np
import pytest
from model_files import array, doubling, image, model, number, opened, passing, pipeline, suppression
from PIL import Image

from edgerun_coreml.errors import ModelDamaged, ModelUnsupported


def first(out="middle", factor=0.5):
    return model(passing("picture", out, (1, 3, 2, 4), factor), [image("picture", 4, 2)], [image(out, 4, 2)])


def test_each_model_sees_what_came_before(tmp_path):
    second = model(passing("middle", "out", (1, 3, 2, 4), 10.0), [image("middle", 4, 2)], [array("out", 1, 3, 2, 4)])
    both = opened(tmp_path, pipeline([first(), second], [image("picture", 4, 2)], [array("out", 1, 3, 2, 4)]))
    result = both.predict({"picture": Image.new("RGB", (4, 2), (100, 3, 0))})["out"]
    assert result[0, :, 0, 0].tolist() == [500, 20, 0]  # 1.5 is rounded to 2: a picture between models has bytes


def test_colours_are_swapped_where_two_models_declare_another_order(tmp_path):
    second = model(passing("middle", "out", (1, 3, 2, 4)), [image("middle", 4, 2, "BGR")], [array("out", 1, 3, 2, 4)])
    content = pipeline([first(factor=1.0), second], [image("picture", 4, 2)], [array("out", 1, 3, 2, 4)])
    result = opened(tmp_path, content).predict({"picture": Image.new("RGB", (4, 2), (9, 5, 1))})["out"]
    assert result[0, :, 0, 0].tolist() == [1, 5, 9]


def test_a_detector_with_suppression(tmp_path):
    boxes = model(passing("x", "boxes", (2, 4)), [array("x", 2, 4)], [array("boxes", 2, 4)])
    scores = model(passing("s", "scores", (2, 3)), [array("s", 2, 3)], [array("scores", 2, 3)])
    inputs = [array("x", 2, 4), array("s", 2, 3), number("iouThreshold"), number("confidenceThreshold")]
    outputs = [array("confidence"), array("coordinates")]
    nms = suppression(3)
    nms["description"]["input"] = [array("scores", 2, 3), array("boxes", 2, 4)]
    detector = opened(tmp_path, pipeline([boxes, scores, nms], inputs, outputs))
    feeds = {
        "x": np.float32([[0.5, 0.5, 0.4, 0.4], [0.5, 0.52, 0.4, 0.4]]),
        "s": np.float32([[0.5, 0, 0], [0.9, 0, 0]]),
    }
    result = detector.predict(feeds)
    np.testing.assert_array_equal(result["coordinates"], feeds["x"][1:])
    assert detector.predict(feeds | {"iouThreshold": 0.99})["confidence"].shape == (2, 3)
    assert detector.labels == ("class 0", "class 1", "class 2")
    assert detector.suppression is not None
    assert detector.suppression.iou == 0.5


def test_pipelines_may_hold_pipelines(tmp_path):
    inner = pipeline(
        [model(doubling(), [array("x", 1, 4)], [array("y", 1, 4)])], [array("x", 1, 4)], [array("y", 1, 4)]
    )
    outer = opened(tmp_path, pipeline([inner], [array("x", 1, 4)], [array("y", 1, 4)]))
    assert outer.predict({"x": np.float32([[1, 2, 3, 4]])})["y"].tolist() == [[2, 4, 6, 8]]


def test_an_input_that_nothing_gives_is_damage(tmp_path):
    second = model(passing("other", "out", (1, 4)), [array("other", 1, 4)], [array("out", 1, 4)])
    with pytest.raises(ModelDamaged, match="model 2 of the pipeline takes 'other'"):
        opened(tmp_path, pipeline([first(), second], [image("picture", 4, 2)], [array("out", 1, 4)]))


def test_an_output_that_nothing_gives_is_damage(tmp_path):
    with pytest.raises(ModelDamaged, match="is to give 'out'"):
        opened(tmp_path, pipeline([first()], [image("picture", 4, 2)], [array("out", 1, 4)]))


def test_everything_that_is_not_supported_is_named_with_its_place(tmp_path):
    tree = {"specificationVersion": 1, "description": {}, "treeEnsembleRegressor": {}}
    custom = {"specificationVersion": 1, "description": {}, "customModel": {}}
    with pytest.raises(ModelUnsupported) as caught:
        opened(tmp_path, pipeline([tree, first(), custom], [image("picture", 4, 2)], []))
    assert [problem[:23] for problem in caught.value.problems] == ["model 1 of the pipeline", "model 3 of the pipeline"]


def test_an_empty_pipeline_is_damage(tmp_path):
    with pytest.raises(ModelDamaged, match="a pipeline of 0 models"):
        opened(tmp_path, pipeline([], [], []))
