from __future__ import annotations

import pytest

from edgerun.errors import CardInvalid

CONFIG = """\
mqtt: {{enabled: false}}
detectors:
  onnx: {{type: onnx}}
model:
  model_type: yolo-generic
  width: 96
  height: 64
  input_tensor: nchw
  input_dtype: {dtype}
  input_pixel_format: {color}
  path: /config/model_cache/model.onnx
  labelmap_path: /labelmap/colours.txt
cameras: {{}}
"""


def files(dtype="float", color="rgb", **more):
    return {"config.yml": CONFIG.format(dtype=dtype, color=color), "colours.txt": "0  red\n1  green\n2  blue\n", **more}


def test_a_model_is_fed_as_the_configuration_says(finds):
    card = finds(files(), name="model.onnx")
    assert (card.labels, card.source("scale")) == (("red", "green", "blue"), "frigate metadata")
    assert card.source("resize").startswith("convention"), "Frigate cuts squares out of a frame"


def test_blue_first_and_bytes(finds):
    assert finds(files("float_denorm", "bgr"), name="model.onnx", bgr=True, scale=255.0).color == "bgr"


def test_it_is_read_above_the_folder_of_models(write, gathered):
    assert gathered(files(), name="model_cache/model.onnx").color == "rgb"
    assert not gathered(files(), name="elsewhere/model.onnx").sources


def test_classes_may_be_renamed(gathered):
    text = CONFIG.format(dtype="int", color="rgb").replace("cameras", "  labelmap: {1: lime}\ncameras")
    assert gathered(files(**{"config.yml": text})).labels == ("red", "lime", "blue")


def test_a_list_of_models_is_looked_through(gathered):
    text = "models:\n- {path: /a.onnx, input_pixel_format: bgr}\n- {path: /model.onnx, input_pixel_format: rgb}\n"
    assert gathered({"config.yml": text}).color == "rgb"


def test_configurations_of_others_say_nothing(gathered):
    assert not gathered(files(), name="other.onnx").sources
    assert not gathered({"config.yml": "model: model.onnx\nlearning_rate: 3\n"}).sources


@pytest.mark.parametrize("options", [{"color": "yuv"}, {"dtype": "double"}, {"color": "cmyk"}])
def test_what_is_not_known_is_refused(gathered, options):
    with pytest.raises(CardInvalid, match="frigate metadata"):
        gathered(files(**options))
