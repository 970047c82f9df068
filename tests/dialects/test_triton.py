from __future__ import annotations

import pytest

from edgerun.errors import CardInvalid

CONFIG = """\
name: "colours"
platform: "onnxruntime_onnx"
max_batch_size: 0
input [
  { name: "images" data_type: TYPE_FP32 format: FORMAT_NCHW dims: [ 1, 3, 64, 96 ] }
]
output [
  {
    name: "output0"   # one column for each cell
    data_type: TYPE_FP32
    dims: [ 1, 7, 126 ]
    label_filename: "labels.txt"
  }
]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""
FILES = {"colours/config.pbtxt": CONFIG, "colours/labels.txt": "red\ngreen\nblue\n"}


def test_classes_are_named_in_the_repository(finds, tmp_path):
    (tmp_path / "colours" / "1").mkdir(parents=True)
    card = finds(FILES, name="colours/1/model.onnx")
    assert (card.labels, card.source("labels")) == (("red", "green", "blue"), "triton metadata")


@pytest.mark.parametrize("name", ["colours/model.onnx", "colours/1/other.onnx", "colours/new/model.onnx"])
def test_other_layouts_are_none_of_tritons(gathered, name):
    assert not gathered(FILES, name=name).sources


def test_a_model_of_another_name_is_named(gathered):
    named = CONFIG + 'default_model_filename: "other.onnx"\n'
    assert gathered({**FILES, "colours/config.pbtxt": named}, name="colours/1/other.onnx").labels[0] == "red"


def test_two_label_files_are_none(gathered):
    two = CONFIG.replace("instance_group", 'output { name: "x" label_filename: "y.txt" } instance_group')
    assert not gathered({**FILES, "colours/config.pbtxt": two}, name="colours/1/model.onnx").sources


def test_damage_is_refused(gathered):
    with pytest.raises(CardInvalid, match=r"config\.pbtxt"):
        gathered({**FILES, "colours/config.pbtxt": CONFIG + "output {"}, name="colours/1/model.onnx")
