from __future__ import annotations

from pathlib import Path

import pytest

from edgerun.cards.ultralytics import DIALECT


def read(**metadata):
    return DIALECT.read({"stride": "32", **metadata}, Path("model.onnx"))


@pytest.mark.parametrize("names", ["{0: 'cat', 1: \"dog's\"}", '{"0": "cat", "1": "dog\'s"}', "['cat', \"dog's\"]"])
def test_names_are_python_literals_or_json(names):
    labels = read(names=names)["labels"]
    assert list(labels.values() if isinstance(labels, dict) else labels) == ["cat", "dog's"]


def test_sizes_are_height_then_width():
    fields = read(names="['a']", imgsz="[320, 640]")
    assert (fields["height"], fields["width"]) == (320, 640)
    assert read(names="['a']", imgsz="416")["width"] == 416


def test_pose_models_say_their_keypoints():
    fields = read(names="['person']", task="pose", kpt_shape="[17, 3]")
    assert (fields["keypoints"], fields["keypoint_dims"], fields["task"]) == (17, 3, "pose")


def test_suppression_inside_is_recognised():
    assert read(names="['a']", end2end="True")["suppressed"] is True
    assert read(names="['a']", args="{'nms': True}")["suppressed"] is True
    assert "suppressed" not in read(names="['a']", args="{'nms': None}", end2end="False")


def test_yolov5_writes_names_and_stride_alone():
    fields = read(names="['a', 'b']")
    assert (fields["resize"], fields["color"], fields["fill"]) == ("letterbox", "rgb", 114)
    assert "task" not in fields, "its models with masks and its classifiers write the same"


def test_other_metadata_is_not_of_this_dialect():
    assert DIALECT.read({"names": "x"}, Path("model.onnx")) == {}
    assert DIALECT.read({}, Path("model.onnx")) == {}


def test_nothing_is_evaluated():
    assert isinstance(read(names="__import__('os').getcwd()")["labels"], str)
