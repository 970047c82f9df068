from __future__ import annotations

import pytest

from edgerun.errors import CardInvalid

NETWORK = {
    "training_input_size": {"height": 64, "width": 96}, "dynamic_spatial_size_supported": False,
    "color_mode": "rgb", "resize_mode": "letterbox", "padding_value": 114, "input_channels": 3,
    "scaling_factor": 255, "normalization": None,
}  # fmt: skip
CONFIG = {
    "image_pre_processing": {"auto-orient": {"enabled": True}, "static-crop": {"enabled": False}},
    "network_input": NETWORK,
    "forward_pass": {"static_batch_size": 1},
    "post_processing": {"type": "nms", "fused": False},
}
PACKAGE = {
    "inference_config.json": CONFIG,
    "model_config.json": {"model_architecture": "yolov8", "task_type": "object-detection", "backend_type": "onnx"},
    "class_names.txt": "red\ngreen\nblue\n",
}


def changed(**network):
    return {**PACKAGE, "inference_config.json": {**CONFIG, "network_input": {**NETWORK, **network}}}


def test_a_package_is_fed_as_it_says(finds):
    card = finds(PACKAGE, name="weights.onnx")
    assert (card.resize, card.fill, card.labels, card.task) == (
        "letterbox", (114, 114, 114), ("red", "green", "blue"), "detect",
    )  # fmt: skip
    assert card.source("color") == "roboflow metadata"
    assert "suppressed" not in card.sources


def test_a_package_knows_better_than_the_trainers_metadata_in_its_file(finds):
    files = {**changed(resize_mode="stretch"), "class_names.txt": "red\ngreen\nblue"}
    card = finds(files, name="weights.onnx", metadata={"names": "['a', 'b', 'c']", "stride": "32", "task": "detect"})
    assert (card.resize, card.labels) == ("stretch", ("red", "green", "blue"))


def test_a_factor_divides_and_means_are_subtracted_then(gathered):
    card = gathered(changed(normalization=[[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], resize_mode="stretch"))
    assert (card.scale, card.mean, card.std) == (1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert gathered(changed(scaling_factor=None, color_mode="bgr")).scale == 1.0


def test_a_suppression_inside_brings_its_limits(gathered):
    limits = {"max_detections": 300, "confidence_threshold": 0.4, "iou_threshold": 0.3, "class_agnostic": 1}
    after = {"type": "nms", "fused": True, "nms_parameters": limits}
    card = gathered({**PACKAGE, "inference_config.json": {**CONFIG, "post_processing": after}})
    assert (card.suppressed, card.conf, card.iou, card.nms) == (True, 0.4, 0.3, "agnostic")


@pytest.mark.parametrize("step", ["static-crop", "contrast", "grayscale"])
def test_what_is_done_before_the_fitting_is_refused_unless_the_user_says_the_feed(gathered, step):
    files = {**PACKAGE, "inference_config.json": {**CONFIG, "image_pre_processing": {step: {"enabled": True}}}}
    with pytest.raises(CardInvalid, match=step) as refusal:
        gathered(files)
    assert "resize, color, scale, mean, std" in refusal.value.hint
    feed = {"resize": "stretch", "color": "rgb", "scale": 1.0, "mean": 0, "std": 1}
    assert gathered(files, **feed).labels == ()


def test_a_picture_that_is_fitted_twice_is_refused(gathered):
    files = changed(dataset_version_resize_dimensions={"height": 640, "width": 480})
    assert gathered(files).resize == "letterbox"  # only RF-DETR does so
    files["model_config.json"] = {"model_architecture": "rfdetr", "task_type": "object-detection"}
    with pytest.raises(CardInvalid, match="twice"):
        gathered(files)
    stretched = changed(resize_mode="stretch", dataset_version_resize_dimensions={"height": 640, "width": 480})
    assert gathered({**stretched, "model_config.json": files["model_config.json"]}).resize == "stretch"


@pytest.mark.parametrize("mode", ["center-crop", "fit-longer-edge"])
def test_ways_of_fitting_that_a_card_cannot_say_are_refused(gathered, mode):
    with pytest.raises(CardInvalid, match=mode):
        gathered(changed(resize_mode=mode))


def test_a_package_counts_for_its_only_model(gathered, write):
    write({"other.onnx": b"x"})
    assert not gathered(PACKAGE).sources
