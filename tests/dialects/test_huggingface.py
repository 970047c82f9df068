from __future__ import annotations

import json

import pytest

from edgerun.dialects import BUILTIN
from edgerun.dialects.huggingface import DIALECT
from edgerun.errors import CardInvalid
from edgerun.interpretation import card_fields
from edgerun.interpretation.claims import stated

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
NORMALISED = {"do_normalize": True, "image_mean": MEAN, "image_std": STD}


def folder_with(folder, *, picture=None, model=None):
    folder.mkdir(exist_ok=True, parents=True)
    if picture is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": "X", **picture}))
    if model is not None:
        (folder / "config.json").write_text(json.dumps(model))
    return folder / "model.onnx"


def read(folder, **files):
    return DIALECT.read({}, folder_with(folder, **files))


def test_a_normalisation_is_the_cards_own(tmp_path):
    fields = read(tmp_path, picture={**NORMALISED, "do_rescale": True, "rescale_factor": 0.5})
    assert (fields["scale"], fields["mean"], fields["std"], fields["color"]) == (0.5, MEAN, STD, "rgb")


def test_what_is_not_done_is_left_out(tmp_path):
    fields = read(tmp_path, picture={"do_normalize": False, "image_mean": MEAN, "image_std": STD, "do_resize": False})
    assert (fields["scale"], fields["mean"], fields["std"]) == (1 / 255, 0.0, 1.0)
    assert "resize" not in fields
    assert read(tmp_path, picture={**NORMALISED, "do_rescale": False})["scale"] == 1.0
    assert read(tmp_path, picture={**NORMALISED, "do_flip_channel_order": True})["color"] == "bgr"


def test_height_and_width_are_stretched_to(tmp_path):
    fields = read(tmp_path, picture={**NORMALISED, "size": {"height": 480, "width": 640}})
    assert (fields["resize"], fields["height"], fields["width"]) == ("stretch", 480, 640)


def test_a_shortest_edge_keeps_the_aspect_and_leaves_a_border_of_the_mean(tmp_path):
    fields = read(tmp_path, picture={**NORMALISED, "size": {"shortest_edge": 800, "longest_edge": 1333}})
    assert (fields["resize"], fields["height"], fields["width"]) == ("letterbox-topleft", 800, 800)
    assert fields["fill"] == [124, 116, 104]


@pytest.mark.parametrize(
    "picture",
    [
        {"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": {"height": 224, "width": 224}},
        {"size": {"shortest_edge": 224}},
    ],
)
def test_a_classifier_sees_the_middle(tmp_path, picture):
    model = {"architectures": ["XForImageClassification"], "model_type": "x", "id2label": {"0": "cat", "1": "dog"}}
    fields = read(tmp_path, picture={**NORMALISED, **picture}, model=model)
    assert (fields["resize"], fields["height"], fields["task"]) == ("center-crop", 224, "classify")
    assert fields["labels"] == {"0": "cat", "1": "dog"}
    assert "fill" not in fields
    assert "decoder" not in fields


@pytest.mark.parametrize(
    ("kind", "decoder"), [("detr", "detr-softmax"), ("yolos", "detr-softmax"), ("rt_detr", "detr-sigmoid")]
)
def test_the_type_of_a_detector_says_how_its_logits_are_read(tmp_path, kind, decoder):
    model = {"architectures": ["XForObjectDetection"], "model_type": kind, "id2label": {"0": "LABEL_0"}}
    fields = read(tmp_path, model=model)
    assert fields == {"task": "detect", "decoder": decoder}


def test_exporters_put_models_into_a_folder_below(tmp_path):
    folder_with(tmp_path, picture={**NORMALISED, "size": 224})
    (tmp_path / "onnx").mkdir()
    (tmp_path / "other").mkdir()
    assert DIALECT.read({}, tmp_path / "onnx" / "model.onnx")["height"] == 224
    assert DIALECT.read({}, tmp_path / "other" / "model.onnx") == {}


def test_the_files_count_where_all_models_are_one(tmp_path):
    picture = {**NORMALISED, "size": 224}
    for name in ("model_fp16.onnx", "model_q4f16.onnx", "model_uint8.onnx"):
        (tmp_path / name).write_bytes(b"x")
    assert read(tmp_path, picture=picture)["height"] == 224
    (tmp_path / "yolox.onnx").write_bytes(b"x")
    assert read(tmp_path, picture=picture) == {}


def test_files_of_others_with_these_names_say_nothing(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text('{"size": 3}')
    (tmp_path / "config.json").write_text('{"model_type": "detr", "inputs": []}')
    assert DIALECT.read({}, tmp_path / "model.onnx") == {}
    (tmp_path / "config.json").write_text("[1, 2]")
    assert DIALECT.read({}, tmp_path / "model.onnx") == {}


@pytest.mark.parametrize("text", ["{", '{"image_processor_type": "X", "do_normalize": true}', "\xff"])
def test_damage_is_an_error_that_names_the_dialect(tmp_path, text):
    (tmp_path / "preprocessor_config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(CardInvalid, match="huggingface metadata"):
        card_fields.fold(stated(tmp_path / "model.onnx", {}, BUILTIN, {}))


@pytest.mark.parametrize("field", [{"image_mean": "x"}, {"size": {"height": "a", "width": 3}}, {"rescale_factor": -1}])
def test_impossible_values_are_an_error_that_names_the_dialect(tmp_path, field):
    model = folder_with(tmp_path, picture={**NORMALISED, "size": 224, **field})
    with pytest.raises(CardInvalid, match="huggingface metadata"):
        card_fields.fold(stated(model, {}, BUILTIN, {}))
