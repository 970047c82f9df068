from __future__ import annotations

from pathlib import Path

import pytest

from edgerun.dialects.ultralytics import DIALECT


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


FOLDER = """\
description: Ultralytics YOLO11n model trained on coco.yaml
author: Ultralytics
date: '2025-11-20T09:00:00.000000'
version: 8.3.40
license: AGPL-3.0 License (https://ultralytics.com/license)
docs: https://docs.ultralytics.com
stride: 32
task: detect
batch: 1
imgsz:
- 320
- 640
names:
  0: person
  1: traffic light
args:
  batch: 1
  half: false
  nms: false
channels: 3
"""


def test_an_export_that_is_a_folder_says_it_in_yaml(tmp_path):
    (tmp_path / "metadata.yaml").write_text(FOLDER)
    for name in ("yolo11n_float32.tflite", "yolo11n_int8.tflite", "yolo11n_full_integer_quant.tflite"):
        (tmp_path / name).write_bytes(b"x")
    fields = DIALECT.read({}, tmp_path / "yolo11n_float32.tflite")
    assert (fields["height"], fields["width"], fields["labels"]) == (320, 640, {0: "person", 1: "traffic light"})
    assert fields["task"] == "detect"
    (tmp_path / "ssd.tflite").write_bytes(b"x")
    assert DIALECT.read({}, tmp_path / "yolo11n_float32.tflite") == {}


def test_a_model_is_fed_as_the_yaml_beside_it_says(finds):
    text = FOLDER.replace("- 320\n- 640", "- 64\n- 96").replace("  1: traffic light", "  1: green\n  2: blue")
    card = finds({"metadata.yaml": text.replace("person", "red")}, name="model.onnx")
    assert (card.labels, card.source("labels")) == (("red", "green", "blue"), "ultralytics metadata")


def test_a_yaml_of_somebody_else_says_nothing(tmp_path):
    (tmp_path / "metadata.yaml").write_text("names: [a]\nstride: 3\n")
    assert DIALECT.read({}, tmp_path / "model.onnx") == {}


def test_other_metadata_is_not_of_this_dialect():
    assert DIALECT.read({"names": "x"}, Path("model.onnx")) == {}
    assert DIALECT.read({}, Path("model.onnx")) == {}


def test_nothing_is_evaluated():
    assert isinstance(read(names="__import__('os').getcwd()")["labels"], str)


def test_a_task_and_the_shape_of_keypoints_count_without_names():
    fields = DIALECT.read({"task": "pose", "kpt_shape": "[5, 3]"}, Path("model.onnx"))
    assert fields == {"task": "pose", "keypoints": 5, "keypoint_dims": 3}
    whole = DIALECT.read({"task": "pose", "kpt_shape": "[17, 2]", "stride": "32"}, Path("model.onnx"))
    assert (whole["task"], whole["keypoints"], whole["keypoint_dims"], whole["resize"]) == ("pose", 17, 2, "letterbox")
    assert "labels" not in whole
    assert DIALECT.read({"task": "detect"}, Path("model.onnx")) == {}


def test_rt_detr_says_its_head_and_is_stretched():
    fields = read(names="['a']", task="detect", head="RTDETRDecoder")
    assert (fields["resize"], fields["box_units"]) == ("stretch", "unit")
    assert read(names="['a']", task="detect", head="Detect")["resize"] == "letterbox"


def test_an_unknown_key_that_speaks_of_pixels_is_refused():
    with pytest.raises(ValueError, match="resize_policy"):
        read(names="['a']", resize_policy="crop")
    assert read(names="['a']", author="me", **{"Image.ColorSpaceGamma": "SRGB"})["fill"] == 114
