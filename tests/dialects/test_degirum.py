from __future__ import annotations

import pytest

from edgerun.errors import CardInvalid

LABELS = {"labels_colours.json": {"0": "red", "1": "green", "2": "blue"}}


def zoo(name="colours_onnx_cpu_1.json", path="model.onnx", after=None, **before):
    """A model's JSON as it lies in a zoo of DeGirum."""
    picture = {
        "InputType": "Image", "InputN": 1, "InputH": 64, "InputW": 96, "InputC": 3, "InputPadMethod": "letterbox",
        "InputResizeMethod": "bilinear", "InputColorSpace": "RGB", "InputImgNormEn": True, **before,
    }  # fmt: skip
    return {
        name: {
            "ConfigVersion": 10, "Checksum": "14ea2e7c",
            "DEVICE": [{"DeviceType": "CPU", "RuntimeAgent": "ONNX", "SupportedDeviceTypes": "ONNX/CPU"}],
            "PRE_PROCESS": [picture],
            "MODEL_PARAMETERS": [{"ModelPath": path}],
            "POST_PROCESS": [
                {
                    "OutputPostprocessType": "DetectionYoloV8", "LabelsPath": "labels_colours.json",
                    "OutputNumClasses": 3, "OutputConfThreshold": 0.3, "OutputNMSThreshold": 0.6, **(after or {}),
                }
            ],
        },
        **LABELS,
    }  # fmt: skip


def test_a_model_is_fed_as_its_json_says(finds):
    card = finds(zoo(), name="model.onnx")
    assert (card.labels, card.conf, card.iou, card.task) == (("red", "green", "blue"), 0.3, 0.6, "detect")
    assert (card.resize, card.fill, card.source("scale")) == ("letterbox", (0, 0, 0), "degirum metadata")


def test_blue_first_and_bytes(finds):
    card = finds(zoo(InputColorSpace="BGR", InputImgNormCoeff=1.0), name="model.onnx", bgr=True, scale=255.0)
    assert (card.color, card.scale) == ("bgr", 1.0)


def test_without_a_normalisation_nothing_is_said_of_it(gathered):
    assert "scale" not in gathered(zoo(InputImgNormEn=False, InputQuantEn=True)).sources


def test_means_are_refused_until_somebody_says_their_unit(gathered):
    files = zoo(InputNormMean=[0.485, 0.456, 0.406])
    with pytest.raises(CardInvalid, match="InputNormMean"):
        gathered(files)
    assert gathered(files, mean=0.0).mean == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("kind", "task"), [("Classification", "classify"), ("PoseDetection", "pose"), ("None", "detect")]
)
def test_tasks_follow_from_the_postprocessor(gathered, kind, task):
    assert gathered(zoo(after={"OutputPostprocessType": kind})).task == task


def test_only_the_model_that_is_named_is_meant(gathered):
    assert not gathered(zoo(path="model.hef")).sources
    assert gathered(zoo(path="models/model.onnx")).color == "rgb"


def test_a_label_file_elsewhere_is_not_read(gathered, tmp_path):
    (tmp_path.parent / "secret.txt").write_text("secret")
    assert gathered(zoo(after={"LabelsPath": "../secret.txt"})).labels == ()


@pytest.mark.parametrize("change", [{"InputPadMethod": "crop-last"}, {"InputCropPercentage": 0.9}, {"InputH": "x"}])
def test_what_is_not_known_is_refused(gathered, change):
    with pytest.raises(CardInvalid, match="degirum metadata"):
        gathered(zoo(**change))
