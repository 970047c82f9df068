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


def kind(name, **said):
    return {"image_processor_type": name, **NORMALISED, **said}


def test_a_shortest_and_a_longest_edge_leave_no_border_where_the_size_is_open(tmp_path):
    """transformers 5.23.0, DETR: 640 x 480 goes in as 1066 x 800; YOLOS rounds down to multiples of 16."""
    sides = {"size": {"shortest_edge": 800, "longest_edge": 1333}}
    fields = read(tmp_path, picture=kind("DetrImageProcessor", **sides))
    assert (fields["shorter_side"], fields["longer_side"], fields["padded"]) == (800, 1333, False)
    assert "side_multiple" not in fields
    assert read(tmp_path, picture=kind("YolosImageProcessor", **sides))["side_multiple"] == 16
    old = kind("DetrFeatureExtractor", size=800, max_size=1333)
    assert read(tmp_path, picture=old)["longer_side"] == 1333
    up = read(tmp_path, picture=kind("MaskFormerImageProcessor", **sides, size_divisor=32))
    assert (up["side_multiple"], up["side_rounding"]) == (32, "up")


def test_a_pad_size_is_the_size_of_the_input(tmp_path):
    sides = {"size": {"shortest_edge": 800, "longest_edge": 1333}, "do_pad": True}
    padded = kind("DetrImageProcessor", **sides, pad_size={"height": 1400, "width": 1500})
    fields = read(tmp_path, picture=padded)
    assert (fields["height"], fields["width"], fields["shorter_side"]) == (1400, 1500, 800)
    assert "padded" not in fields
    unpadded = read(tmp_path, picture={**padded, "do_pad": False})
    assert (unpadded["height"], unpadded["padded"]) == (800, False)


def test_a_largest_height_and_width(tmp_path):
    fields = read(tmp_path, picture=kind("DetrImageProcessor", size={"max_height": 96, "max_width": 128}))
    assert (fields["resize"], fields["height"], fields["width"]) == ("letterbox-topleft", 96, 128)
    assert fields["padded"] is False


@pytest.mark.parametrize(
    ("picture", "resize", "side", "crop"),
    [
        (kind("ConvNextImageProcessor", size={"shortest_edge": 224}, crop_pct=0.875), "center-crop", 224, 0.875),
        (kind("ConvNextImageProcessor", size={"shortest_edge": 384}, crop_pct=0.875), "stretch", 384, 1),
        (kind("LevitImageProcessor", size={"shortest_edge": 224}, do_center_crop=True, crop_size=224),
         "center-crop", 224, 0.875),
        (kind("LevitImageProcessor", size={"shortest_edge": 160}, do_center_crop=True, crop_size=160),
         "center-crop", 160, 160 / 182),  # 182.86, cut off
        (kind("BitImageProcessor", size={"shortest_edge": 256}, do_center_crop=True, crop_size=224),
         "center-crop", 224, 0.875),
        (kind("CLIPImageProcessor", size=224, do_center_crop=True, crop_size=224), "center-crop", 224, 1),
        (kind("DeiTImageProcessor", size=256, do_center_crop=True, crop_size=224), "stretch", 224, 0.875),
        (kind("DeiTFeatureExtractor", size={"height": 256, "width": 256}, do_center_crop=True, crop_size=224),
         "stretch", 224, 0.875),
    ],
)  # fmt: skip
def test_what_is_cut_out_of_what_size(tmp_path, picture, resize, side, crop):
    """transformers 5.23.0, models/*/image_processing_*.py of these classes."""
    fields = read(tmp_path, picture=picture)
    assert (fields["resize"], fields["height"], fields["width"]) == (resize, side, side)
    assert fields.get("crop", 1) == pytest.approx(crop)


def test_an_efficientnet_divides_by_its_deviation_twice(tmp_path):
    """transformers 5.23.0, image_processing_efficientnet.py: `include_top`; `rescale_offset` takes 1 off before."""
    picture = kind("EfficientNetImageProcessor", size={"height": 224, "width": 224}, include_top=True)
    fields = read(tmp_path, picture=picture)
    assert (fields["mean"], fields["std"]) == (MEAN, [0.229**2, 0.224**2, 0.225**2])
    assert read(tmp_path, picture={**picture, "include_top": False})["std"] == STD
    offset = read(tmp_path, picture={**picture, "rescale_offset": True})
    assert offset["mean"] == pytest.approx([1.485, 1.456, 1.406])


@pytest.mark.parametrize(
    "said",
    [
        {"do_sharpen": True},
        {"do_grayscale": True},
        {"size": {"shortest_edge": 224}, "do_center_crop": True, "crop_size": 256},
        {"size": {"height": 64, "width": 64}, "do_pad": True, "pad_size": {"height": 96, "width": 96}},
        {"size": {"shortest_edge": 384}, "size_divisor": 32},
        {"image_processor_type": "Owlv2ImageProcessor"},
    ],
)
def test_steps_that_are_not_known_are_refused(tmp_path, said):
    with pytest.raises(ValueError, match=r"not known here"):
        read(tmp_path, picture={**NORMALISED, **said})


def test_a_size_of_the_user_is_the_size_of_the_input(tmp_path):
    picture = kind("DetrImageProcessor", size={"shortest_edge": 800, "longest_edge": 1333})
    folder_with(tmp_path, picture=picture)
    card = card_fields.fold(stated(tmp_path / "model.onnx", {}, BUILTIN, {"height": 64, "width": 96}))
    assert (card.height, card.width, card.shorter_side, card.padded) == (64, 96, 0, True)
    stretched = card_fields.fold(stated(tmp_path / "model.onnx", {}, BUILTIN, {"resize": "stretch"}))
    assert (stretched.resize, stretched.shorter_side, stretched.padded) == ("stretch", 0, True)


def test_an_image_processor_may_be_part_of_another(tmp_path):
    """transformers 5.23.0, processing_utils.py: processor_config.json holds its parts."""
    part = kind("DetrImageProcessor", size={"height": 64, "width": 96})
    (tmp_path / "processor_config.json").write_text(json.dumps({"processor_class": "X", "image_processor": part}))
    fields = read(tmp_path)
    assert (fields["resize"], fields["height"], fields["width"]) == ("stretch", 64, 96)


CUT = {"crop_size": {"height": 224, "width": 224}}


@pytest.mark.parametrize("flag", [{"do_center_crop": False}, {}])
def test_a_crop_size_cuts_nothing_where_nothing_is_cut(tmp_path, flag):
    """The files of many processors carry one all the same."""
    fields = read(tmp_path, picture={**NORMALISED, **CUT, **flag, "size": {"height": 256, "width": 320}})
    assert (fields["resize"], fields["height"], fields["width"]) == ("stretch", 256, 320)
    assert "crop" not in fields
    fields = read(tmp_path, picture={**NORMALISED, **CUT, **flag, "size": {"shortest_edge": 256}})
    assert (fields["resize"], fields["shorter_side"]) == ("letterbox-topleft", 256)


def test_a_crop_is_a_fraction_of_both_sides(tmp_path):
    cut = {**NORMALISED, **CUT, "do_center_crop": True}
    fields = read(tmp_path, picture={**cut, "size": {"height": 256, "width": 256}})
    assert (fields["resize"], fields["height"], fields["width"], fields["crop"]) == ("stretch", 224, 224, 0.875)
    fields = read(tmp_path, picture={**cut, "size": {"shortest_edge": 256}})
    assert (fields["resize"], fields["height"], fields["width"], fields["crop"]) == ("center-crop", 224, 224, 0.875)


def test_a_size_fits_nothing_where_nothing_is_resized(tmp_path):
    fields = read(tmp_path, picture={**NORMALISED, "do_resize": False, "size": {"height": 256, "width": 320}})
    assert not {"resize", "height", "width"} & fields.keys()
    with pytest.raises(ValueError, match="cuts images that it does not resize"):
        read(tmp_path, picture={**NORMALISED, **CUT, "do_resize": False, "do_center_crop": True})


def test_a_pad_size_pads_nothing_where_nothing_is_padded(tmp_path):
    sides = {"size": {"shortest_edge": 800, "longest_edge": 1333}, "pad_size": {"height": 1400, "width": 1500}}
    fields = read(tmp_path, picture=kind("DetrImageProcessor", **sides, do_pad=False))
    assert (fields["height"], fields["width"], fields["padded"]) == (800, 800, False)


def test_a_mean_normalises_nothing_where_nothing_is_normalised(tmp_path):
    fields = read(tmp_path, picture={**NORMALISED, "do_normalize": False, "rescale_factor": 0.5})
    assert (fields["scale"], fields["mean"], fields["std"]) == (0.5, 0.0, 1.0)
    fields = read(tmp_path, picture={**NORMALISED, "do_rescale": False, "rescale_factor": 0.5})
    assert (fields["scale"], fields["mean"], fields["std"]) == (1.0, MEAN, STD)
