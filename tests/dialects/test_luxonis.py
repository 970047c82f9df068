from __future__ import annotations

import pytest

from edgerun.errors import CardInvalid

HEAD = {
    "name": "detection", "parser": "YOLO", "outputs": ["output0"],
    "metadata": {
        "classes": ["red", "green", "blue"], "n_classes": 3, "iou_threshold": 0.5, "conf_threshold": 0.3,
        "max_det": 300, "anchors": None, "subtype": "yolov8", "yolo_outputs": ["output0"], "postprocessor_path": None,
    },
}  # fmt: skip


def archive(heads=(HEAD,), path="model.onnx", **preprocessing):
    """config.json as luxonis-ml writes it."""
    wanted = {"mean": [0.0, 0.0, 0.0], "scale": [255.0, 255.0, 255.0], "dai_type": "RGB888p", **preprocessing}
    picture = {
        "name": "images", "dtype": "float32", "input_type": "image", "shape": [1, 3, 64, 96], "layout": "NCHW",
        "preprocessing": wanted,
    }  # fmt: skip
    model = {
        "metadata": {"name": "colours", "path": path, "precision": "float32"},
        "inputs": [picture],
        "outputs": [{"name": "output0", "dtype": "float32"}],
        "heads": list(heads),
    }
    return {"config.json": {"config_version": "1.0", "model": model}}


def test_a_model_is_fed_as_its_archive_says(finds):
    card = finds(archive(), name="model.onnx")
    assert (card.labels, card.conf, card.iou, card.task) == (("red", "green", "blue"), 0.3, 0.5, "detect")
    assert card.source("color") == "luxonis metadata"


def test_blue_first(finds):
    assert finds(archive(dai_type="BGR888i"), name="model.onnx", bgr=True).color == "bgr"


@pytest.mark.parametrize(
    ("said", "color"),
    [
        ({"dai_type": "BGR888p", "reverse_channels": True}, "bgr"),
        ({"dai_type": None, "reverse_channels": True}, "rgb"),
        ({"dai_type": None, "reverse_channels": False, "mean": [123.7, 116.3, 103.5]}, "rgb"),
        ({"dai_type": None, "reverse_channels": False, "mean": [103.5, 116.3, 123.7]}, "bgr"),
        ({"dai_type": "GRAY8"}, "gray"),
    ],
)
def test_the_newer_word_on_colours_goes_first(gathered, said, color):
    assert gathered(archive(**said)).color == color


def test_an_old_archive_that_says_false_is_refused_until_somebody_says(gathered):
    files = archive(dai_type=None, reverse_channels=False)
    with pytest.raises(CardInvalid, match="reverse_channels"):
        gathered(files)
    assert gathered(files, color="rgb").color == "rgb"


def test_nothing_said_is_nothing_read(gathered):
    card = gathered(archive(heads=(HEAD, HEAD), mean=None, scale=None, dai_type=None))
    assert not {"color", "scale", "mean", "std", "labels"} & set(card.sources)
    assert card.height == 64


@pytest.mark.parametrize(
    ("more", "task"),
    [({"n_keypoints": 17}, "pose"), ({"n_prototypes": 32}, "segment"), ({"angles_outputs": ["a"]}, "obb")],
)
def test_tasks_follow_from_what_the_head_has(gathered, more, task):
    assert gathered(archive([{**HEAD, "metadata": {**HEAD["metadata"], **more}}])).task == task


def test_only_the_model_that_is_named_is_meant(gathered):
    assert not gathered(archive(path="other.onnx")).sources
    assert not gathered({"config.json": {"config_version": "1.0", "metadata": {}, "model": 3}}).sources


@pytest.mark.parametrize("change", [{"mean": "a"}, {"scale": [0, 0, 0]}, {"scale": [1, 2]}])
def test_impossible_values_are_refused(gathered, change):
    with pytest.raises(CardInvalid, match="luxonis metadata"):
        gathered(archive(**change))


@pytest.mark.parametrize(
    ("mode", "resize"), [("STRETCH", "stretch"), ("LETTERBOX", "letterbox"), ("CROP", "center-crop")]
)
def test_the_archive_says_how_images_are_fitted(gathered, mode, resize):
    """luxonis-ml 0.10.2, nn_archive/config_building_blocks/base_models/input.py, PreprocessingBlock.resize_mode."""
    card = gathered(archive(resize_mode=mode))
    assert (card.resize, card.source("resize")) == (resize, "luxonis metadata")


def test_without_a_mode_nothing_is_said_of_the_fit(gathered):
    assert "resize" not in gathered(archive(resize_mode=None)).sources


@pytest.mark.parametrize("change", [{"resize_mode": "TILE"}, {"gamma": 2.2}])
def test_what_is_not_known_is_refused(gathered, change):
    with pytest.raises(CardInvalid, match="luxonis metadata"):
        gathered(archive(**change))
