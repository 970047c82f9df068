"""config.json of timm 1.0.31 on the Hub: models/_hub.py; the fit: data/transforms_factory.py."""

from __future__ import annotations

import pytest

from edgerun.errors import CardInvalid

CONFIG = {
    "architecture": "convnext_tiny",
    "num_classes": 3,
    "label_names": ["red", "green", "blue"],
    "pretrained_cfg": {
        "tag": "in12k", "custom_load": False, "input_size": [3, 224, 224], "fixed_input_size": False,
        "interpolation": "bicubic", "crop_pct": 0.95, "crop_mode": "center", "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225], "num_classes": 3, "pool_size": [7, 7], "first_conv": "stem.0",
    },
}  # fmt: skip


def config(**said):
    return {"config.json": {**CONFIG, "pretrained_cfg": {**CONFIG["pretrained_cfg"], **said}}}


def test_a_classifier_is_fed_as_it_was_measured(gathered):
    card = gathered(config())
    assert (card.task, card.resize, card.crop, card.height, card.width) == ("classify", "center-crop", 0.95, 224, 224)
    assert (card.scale, card.mean, card.std) == (1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert (card.labels, card.source("crop")) == (("red", "green", "blue"), "timm metadata")


def test_a_squashed_image_is_cut_too(gathered):
    card = gathered(config(crop_mode="squash", crop_pct=0.875))
    assert (card.resize, card.crop) == ("stretch", 0.875)


def test_a_folder_above_counts_for_exports_in_onnx(gathered, tmp_path):
    assert gathered(config(), name="onnx/model.onnx").crop == 0.95


@pytest.mark.parametrize("change", [{"crop_mode": "border"}, {"color_jitter": 0.4}, {"input_size": [224]}])
def test_what_is_not_known_is_refused(gathered, change):
    with pytest.raises(CardInvalid, match="timm metadata"):
        gathered(config(**change))


def test_files_of_others_say_nothing(gathered):
    assert not gathered({"config.json": {"architecture": "x", "pretrained_cfg": None}}).sources
