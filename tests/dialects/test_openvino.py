from __future__ import annotations

import pytest

from edgerun.contract import Unsettled
from edgerun.dialects.openvino import DIALECT
from edgerun.errors import CardInvalid

ULTRALYTICS = {
    "model_type": "YOLO", "resize_type": "fit_to_window_letterbox", "pad_value": "114", "scale_values": "255.0",
    "reverse_input_channels": "True", "iou_threshold": "0.7", "confidence_threshold": "0.25",
    "labels": "red green blue", "agnostic_nms": "False",
}  # fmt: skip
"""As Ultralytics writes it into an IR."""

IR = """<?xml version="1.0"?>
<net name="Model0" version="11">
	<layers><layer id="0" name="x" type="Parameter" version="opset1"><data shape="1,3,64,96"/></layer></layers>
	<rt_info>
		<Runtime_version value="2025.1.0" />
		<conversion_parameters><input_model value="DIR/model.onnx" /></conversion_parameters>
		<model_info>
			<mean_values value="123.675 116.28 103.53" />
			<scale_values value="58.395 57.12 57.375" />
			<resize_type value="standard" />
			<reverse_input_channels value="False" />
			<labels value="cat traffic_light" />
		</model_info>
	</rt_info>
</net>
"""


def in_onnx(**said):
    return {f"model_info {key}": value for key, value in said.items()}


def read(path, **said):
    return DIALECT.read(in_onnx(**said), path / "model.onnx")


def test_a_model_is_fed_as_model_info_says(finds):
    card = finds(metadata=in_onnx(**ULTRALYTICS))
    assert (card.resize, card.fill, card.labels) == ("letterbox", (114, 114, 114), ("red", "green", "blue"))
    assert (card.conf, card.iou, card.nms, card.source("color")) == (0.25, 0.7, "class", "openvino metadata")


def test_blue_first_and_bytes(finds):
    card = finds(
        metadata=in_onnx(resize_type="fit_to_window", mean_values="0 0 0"), load={"color": "bgr"}, bgr=True, scale=255.0
    )
    assert (card.resize, card.fill) == ("letterbox-topleft", (0, 0, 0))


@pytest.mark.parametrize(
    ("mean", "color"), [("123.675 116.28 103.53", "rgb"), ("103.53, 116.28, 123.675", "bgr"), ("[104 117 123]", "bgr")]
)
def test_unreversed_channels_are_told_by_the_means_of_imagenet(tmp_path, mean, color):
    assert read(tmp_path, mean_values=mean, reverse_input_channels="False")["color"] == color


def test_unreversed_channels_without_such_means_are_refused_until_somebody_says(gathered, tmp_path):
    assert isinstance(read(tmp_path, scale_values="255")["color"], Unsettled)
    metadata = in_onnx(model_type="ssd", scale_values="255")
    with pytest.raises(CardInvalid, match=r"reverse_input_channels.*OpenCV") as refusal:
        gathered(metadata=metadata)
    assert 'color="bgr"' in refusal.value.hint
    assert gathered(metadata=metadata, color="bgr").std == (255.0, 255.0, 255.0)


@pytest.mark.parametrize("kind", ["YOLOv5", "YOLOv8", "YOLO11", "yolo_v8"])
def test_yolo_has_defaults_of_its_own(tmp_path, kind):
    fields = read(tmp_path, model_type=kind)
    assert (fields["color"], fields["std"], fields["resize"], fields["fill"]) == ("rgb", [255.0], "letterbox", 114)


def test_a_type_alone_says_nothing_of_the_picture(tmp_path):
    assert read(tmp_path, model_type="ssd", labels="a b") == {"labels": ["a", "b"]}
    assert DIALECT.read({"model_type": "ssd", "info model_type": "x"}, tmp_path / "model.onnx") == {}


def test_an_ir_is_read_at_its_end(tmp_path):
    path = tmp_path / "model.xml"
    path.write_text(IR)
    fields = DIALECT.read({}, path)
    assert (fields["mean"], fields["std"]) == ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    assert (fields["color"], fields["resize"], fields["labels"]) == ("rgb", "stretch", ["cat", "traffic_light"])


@pytest.mark.parametrize(
    "said",
    [
        {"embedded_processing": "True"},
        {"resize_type": "diagonal"},
        {"mean_values": "a b"},
        {"scale_values": "1", "pad_value": "x", "resize_type": "fit_to_window_letterbox"},
        {"intensity_mode": "window"},
    ],
)
def test_what_is_not_known_is_refused(gathered, said):
    with pytest.raises(CardInvalid, match="openvino metadata"):
        gathered(metadata=in_onnx(reverse_input_channels="True", **said))


@pytest.mark.parametrize("text", ["<net><rt_info>", '<!DOCTYPE x [<!ENTITY a "aa">]><net>&a;</net>'])
def test_a_damaged_ir_is_refused(gathered, text):
    with pytest.raises(CardInvalid, match=r"model\.xml"):
        gathered({"model.xml": text}, name="model.xml")


def test_an_ir_that_was_an_onnx_file_keeps_its_metadata_under_framework(gathered):
    """OpenVINO, src/frontends/onnx/frontend: set_rt_info(value, "framework", key) for each of the file's metadata."""
    framework = """<framework>
        <names value="{0: 'cat', 1: 'dog'}" /><stride value="32" /><task value="detect" /><imgsz value="[64, 96]" />
    </framework>"""
    ir = IR.replace("<model_info>", framework + "<model_info>").partition("<model_info>")[0] + "</rt_info></net>"
    card = gathered({"model.xml": ir}, name="model.xml")
    assert (card.labels, card.task, card.height, card.width) == (("cat", "dog"), "detect", 64, 96)
    assert (card.resize, card.scale, card.source("labels")) == ("letterbox", 1 / 255, "openvino metadata")


def test_model_info_goes_before_what_the_onnx_file_said(gathered):
    framework = """<framework><names value="{0: 'cat', 1: 'dog'}" /><stride value="32" /></framework>"""
    card = gathered({"model.xml": IR.replace("<model_info>", framework + "<model_info>")}, name="model.xml")
    assert (card.labels, card.resize, card.mean[0]) == (("cat", "traffic_light"), "stretch", 123.675)


def test_an_unknown_key_that_speaks_of_pixels_is_refused(tmp_path):
    with pytest.raises(ValueError, match="gamma_correction"):
        read(tmp_path, **ULTRALYTICS, gamma_correction="2.2")
    assert read(tmp_path, **ULTRALYTICS, author="me")["resize"] == "letterbox"
