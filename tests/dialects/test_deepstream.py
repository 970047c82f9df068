from __future__ import annotations

import pytest

from edgerun.errors import CardInvalid

CONFIG = """\
# the primary detector
[property]
gpu-id=0
net-scale-factor=0.0039215697906911373
model-color-format=0
onnx-file=/opt/nvidia/deepstream/models/model.onnx
model-engine-file=model.onnx_b1_gpu0_fp16.engine
labelfile-path=labels.txt
batch-size=1
network-mode=2
num-detected-classes=3
network-type=0
cluster-mode=2
maintain-aspect-ratio=1
symmetric-padding=1
parse-bbox-func-name=NvDsInferParseYolo
custom-lib-path=nvdsinfer_custom_impl_Yolo/libnvdsinfer_custom_impl_Yolo.so

[class-attrs-all]
nms-iou-threshold=0.45
pre-cluster-threshold=0.25
topk=300
"""

YAML = """\
property:
  net-scale-factor: 1.0
  offsets: 103.939;116.779;123.68
  model-color-format: 1
  onnx-file: model.onnx
  labelfile-path: labels.txt
class-attrs-all:
  pre-cluster-threshold: 0.2
"""


def files(name="config_infer_primary.txt", text=CONFIG, labels="red\ngreen\nblue\n", **changed):
    for key, value in changed.items():
        key = key.replace("_", "-")
        text = "\n".join(f"{key}={value}" if line.startswith(f"{key}=") else line for line in text.splitlines())
    return {name: text, "labels.txt": labels}


def test_a_model_is_fed_as_its_configuration_says(finds):
    card = finds(files(), name="model.onnx")
    assert (card.resize, card.fill, card.labels) == ("letterbox", (0, 0, 0), ("red", "green", "blue"))
    assert (card.conf, card.iou, card.source("color")) == (0.25, 0.45, "deepstream metadata")


def test_blue_first_and_bytes(finds):
    card = finds(files(model_color_format=1, net_scale_factor=1), name="model.onnx", bgr=True, scale=255.0)
    assert (card.color, card.scale) == ("bgr", 1.0)


def test_a_configuration_that_contradicts_the_file_is_refused_until_somebody_says(finds):
    metadata = {"names": "['red', 'green', 'blue']", "stride": "32", "task": "detect"}
    said = {"metadata": metadata, "name": "model.onnx"}
    with pytest.raises(CardInvalid, match="ultralytics metadata says that color = rgb, and the deepstream"):
        finds(files(model_color_format=1), **said)
    assert finds(files(model_color_format=1), load={"color": "rgb"}, **said).source("color") == "argument"


def test_the_factor_multiplies_what_is_left_after_the_subtraction(gathered):
    card = gathered(files(net_scale_factor="0.017429193899782137\noffsets=123.675;116.28;103.53"))
    for channel, offset in enumerate((123.675, 116.28, 103.53)):
        black = (0 * card.scale - card.mean[channel]) / card.std[channel]
        assert black == pytest.approx(-0.017429193899782137 * offset)


def test_yaml_says_the_same(gathered):
    card = gathered(files("pgie_yolo_config.yml", YAML))
    assert (card.color, card.mean, card.conf) == ("bgr", (103.939, 116.779, 123.68), 0.2)
    assert (card.resize, card.labels) == ("stretch", ("red", "green", "blue"))


@pytest.mark.parametrize(
    ("keeps", "symmetric", "resize"), [(0, 1, "stretch"), (1, 0, "letterbox-topleft"), (1, 1, "letterbox")]
)
def test_padding_is_to_the_right_and_bottom_unless_symmetric(gathered, keeps, symmetric, resize):
    assert gathered(files(maintain_aspect_ratio=keeps, symmetric_padding=symmetric)).resize == resize


def test_classes_may_stand_in_one_line(gathered):
    assert gathered(files(labels="red;green;blue", network_type=1)).labels == ("red", "green", "blue")


def test_only_the_model_that_is_named_is_meant(gathered):
    assert not gathered(files(onnx_file="other.onnx", model_engine_file="x")).sources


def test_two_configurations_that_agree_are_one(gathered):
    assert gathered({**files(), **files("nvinfer_config.txt")}).color == "rgb"
    with pytest.raises(CardInvalid, match=r"config_infer_primary\.txt and nvinfer_config\.txt"):
        gathered({**files(), **files("nvinfer_config.txt", model_color_format=1)})


@pytest.mark.parametrize(
    "change",
    [
        {"model_color_format": 7},
        {"net_scale_factor": "x"},
        {"net_scale_factor": "0"},
        {"gpu_id": "0\nmean-file=mean.ppm"},
    ],
)
def test_what_is_not_known_is_refused(gathered, change):
    with pytest.raises(CardInvalid, match="deepstream metadata"):
        gathered(files(**change))
