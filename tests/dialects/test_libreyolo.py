from __future__ import annotations

import json

import numpy as np
import pytest

from edgerun import Detector
from edgerun.dialects.libreyolo import DECODERS, FED
from edgerun.errors import CardInvalid

TABLE = {
    "schema_version": "1.0", "libreyolo_version": "1.2.0", "model_family": "yolox", "size": "s", "model_size": "s",
    "task": "detect", "supported_tasks": '["detect"]', "default_task": "detect", "nc": "3", "nb_classes": "3",
    "names": json.dumps({"0": "red", "1": "green", "2": "blue"}), "imgsz": "96", "imgsz_h": "64", "imgsz_w": "96",
    "dynamic": "False", "precision": "fp32", "half": "False", "segmentation": "false", "obb": "false",
}  # fmt: skip
"""As it is embedded into an ONNX file."""

SIDECAR = {**TABLE, "names": {"0": "red", "1": "green", "2": "blue"}, "imgsz_h": 64, "imgsz_w": 96, "obb": False}
"""As it lies beside a `.pte` or `.tflite`: numbers are numbers."""


def test_a_yolox_is_fed_blue_first_and_bytes(finds):
    card = finds(metadata=TABLE, layout="yolox", bgr=True, scale=255.0)
    assert (card.decoder, card.resize, card.labels) == ("yolox", "letterbox-topleft", ("red", "green", "blue"))
    assert card.source("color") == "libreyolo metadata"


def test_a_yolov9_answers_with_corners(colours, squares):
    """Its exports have x1 y1 x2 y2 where everybody else's YOLOv9 has centres and sizes."""
    from onnx import load, numpy_helper, save

    path = colours(metadata={**TABLE, "model_family": "yolo9"})
    model = load(path)
    (boxes,) = (entry for entry in model.graph.initializer if entry.name == "boxes")
    centres, sizes = np.split(numpy_helper.to_array(boxes), 2, axis=1)
    corners = np.concatenate((centres - sizes / 2, centres + sizes / 2), axis=1)
    boxes.CopyFrom(numpy_helper.from_array(corners, "boxes"))
    save(model, path)
    with Detector.load(path) as detector:
        assert (detector.card.decoder, detector.card.resize) == ("yolo-corners", "letterbox-topleft")
        found = {row.label: row.box for row in detector(squares, nms="none", conf=0.9) if row.box[2] - row.box[0] == 16}
    assert found == {"red": (16, 0, 32, 16), "green": (64, 16, 80, 32), "blue": (0, 48, 16, 64)}


def test_the_same_table_lies_beside_a_pte_or_in_an_archive(gathered):
    for name in ("model.pte", "model.tflite"):
        card = gathered({f"{name}.json": SIDECAR}, name=name)
        assert (card.color, card.scale, card.height, card.width, card.labels[2]) == ("bgr", 1.0, 64, 96, "blue")
    inside = gathered(name="model.torchscript", metadata={"libreyolo_metadata.json": json.dumps(SIDECAR)})
    assert inside.labels == ("red", "green", "blue")


@pytest.mark.parametrize("family", FED)
def test_every_family_is_fed_in_its_own_way(gathered, family):
    card = gathered(metadata={**TABLE, "model_family": family})
    assert card.color == ("bgr" if family in ("yolox", "rtmdet", "centernet") else "rgb")
    assert (card.scale == 1.0) == (family in ("yolox", "rtmdet", "damoyolo"))
    letterboxed = ("rtmdet", "efficientdet")
    assert card.resize == ("stretch" if "det" in family and family not in letterboxed else card.resize)


def test_only_large_deimv2_are_normalised(gathered):
    assert gathered(metadata={**TABLE, "model_family": "deimv2", "size": "x"}).mean == (0.485, 0.456, 0.406)
    assert gathered(metadata={**TABLE, "model_family": "deimv2", "size": "pico"}).mean == (0.0, 0.0, 0.0)


def test_further_tasks(gathered):
    pose = {**TABLE, "model_family": "yolonas", "task": "pose", "num_keypoints": "17", "keypoint_dim": "3"}
    assert (gathered(metadata=pose).keypoints, gathered(metadata=pose).fill) == (17, (127, 127, 127))
    assert gathered(metadata={**TABLE, "task": "classify"}).resize == "center-crop"


def test_suppression_inside_brings_its_thresholds(gathered):
    card = gathered(metadata={**TABLE, "nms": "true", "nms_conf": "0.25", "nms_iou": "0.45", "max_det": "300"})
    assert (card.suppressed, card.conf, card.iou) == (True, 0.25, 0.45)


def test_rows_after_a_suppression_inside_are_read_and_the_raw_ones_left_aside(colours, squares):
    from onnx import helper, load, save

    table = {**TABLE, "model_family": "yolo9", "nms": "true", "nms_conf": "0.25", "nms_iou": "0.45", "max_det": "20"}
    path = colours(layout="end2end", metadata=table)
    model = load(path)
    scores = next(node for node in model.graph.node if node.op_type == "Concat" and len(node.input) == 3)
    model.graph.node.append(helper.make_node("Identity", [scores.output[0]], ["raw"]))
    model.graph.output.append(helper.make_tensor_value_info("raw", 1, None))
    save(model, path)
    with Detector.load(path) as detector:
        assert (detector.card.decoder, detector.card.suppressed) == ("end2end", True)
        assert dict(detector.card.outputs) == {"output0": "rows"}
        found = {row.label: row.box for row in detector(squares, conf=0.99) if row.box[2] - row.box[0] == 16}
    assert found == {"red": (16, 0, 32, 16), "green": (64, 16, 80, 32), "blue": (0, 48, 16, 64)}


def test_an_unknown_family_says_its_labels_and_no_more(gathered):
    card = gathered(metadata={**TABLE, "model_family": "yolo99"})
    assert card.labels == ("red", "green", "blue")
    assert "color" not in card.sources


def test_tables_of_others_say_nothing(gathered):
    assert not gathered(metadata={"model_family": "yolox", "names": "{}"}).sources
    assert not gathered({"model.onnx.json": '{"model_family": "x"}'}).sources


@pytest.mark.parametrize("change", [{"task": "caption"}, {"names": "{"}, {"imgsz_h": "x"}, {"nms": "true"}])
def test_damage_is_refused(gathered, change):
    with pytest.raises(CardInvalid, match="libreyolo metadata"):
        gathered(metadata={**TABLE, **change})


@pytest.mark.parametrize("family", DECODERS)
def test_a_family_that_others_answer_like_names_its_decoder(gathered, family):
    assert gathered(metadata={**TABLE, "model_family": family}).decoder == DECODERS[family]
    done = {**TABLE, "model_family": family, "nms": "true", "nms_conf": "0.25", "nms_iou": "0.5"}
    assert gathered(metadata=done).decoder is None


def test_only_the_family_that_answers_once_for_each_object_is_not_suppressed(gathered):
    assert gathered(metadata={**TABLE, "model_family": "yolo9_e2e"}).nms == "none"
    for family in set(DECODERS) - {"yolo9_e2e"}:
        assert "nms" not in gathered(metadata={**TABLE, "model_family": family}).sources


EXPORTED = [
    "centernet", "deformable_detr", "deim", "deimv2", "detr", "dfine", "dinodetr", "ec", "efficientdet",
    "faster_rcnn", "fcos", "gtr", "lwdetr", "mask_rcnn", "picodet", "ppyoloe", "retinanet", "rfdetr", "rtdetr",
    "rtdetrv2", "rtdetrv4", "rtmdet", "ssd", "yolo1", "yolo2", "yolo3", "yolo4", "yolo7", "yolo9", "yolo9_e2e",
    "yolo9_p2", "yolonas", "yolox",
]  # fmt: skip
"""Families whose detectors LibreYOLO 1.6.0 exports: export/support.py, task detect, not blocked."""


def test_every_exported_family_is_known():
    assert len(EXPORTED) == 33
    assert set(EXPORTED) <= set(FED)


@pytest.mark.parametrize("family", ["detr", "deformable_detr", "dinodetr", "lwdetr", "tinyformer", "gtr", "rfdetr"])
def test_detr_and_its_kin_are_stretched_and_normalised(gathered, family):
    """1.6.0, models/detr/utils.py and its siblings: a square, ImageNet's mean and deviation."""
    card = gathered(metadata={**TABLE, "model_family": family})
    assert (card.resize, card.scale) == ("stretch", 1 / 255)
    assert (card.mean, card.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.parametrize(
    ("family", "resize", "fill"),
    [
        ("yolo1", "stretch", None),  # models/darknet/preprocess.py
        ("yolo2", "letterbox-topleft", 128),
        ("yolo4", "letterbox-topleft", 128),
        ("yolo7", "letterbox-topleft", 114),  # models/yolo7/utils.py
        ("yolo9_p2", "letterbox-topleft", 114),
        ("centernet", "letterbox", 0),  # models/centernet/utils.py
        ("efficientdet", "letterbox-topleft", 124),  # models/efficientdet/utils.py
        ("ssd", "stretch", None),  # models/ssd/utils.py
    ],
)
def test_families_of_1_6(gathered, family, resize, fill):
    card = gathered(metadata={**TABLE, "model_family": family})
    assert card.resize == resize
    assert fill is None or card.fill[0] == fill


def test_an_ssd_has_its_own_mean(gathered):
    """1.6.0, models/ssd/utils.py: (p / 255 - mean) * 255."""
    card = gathered(metadata={**TABLE, "model_family": "ssd"})
    assert (255 * card.scale - card.mean[2]) / card.std[2] == pytest.approx((1 - 0.40784) * 255)


@pytest.mark.parametrize(
    ("pad", "resize"), [("center", "letterbox"), ("topleft", "letterbox-topleft"), (None, "letterbox-topleft")]
)
def test_a_yolov9_says_where_its_letterbox_lies(gathered, pad, resize):
    """1.6.0, preprocess/letterbox.py; exports before it have no key and mean the upper left corner."""
    said = {} if pad is None else {"letterbox_pad": pad}
    assert gathered(metadata={**TABLE, "model_family": "yolo9", **said}).resize == resize


def test_a_classifier_says_how_it_was_measured(gathered):
    """1.6.0, export/exporter.py, _classify_eval_metadata."""
    table = {**TABLE, "task": "classify", "model_family": "convnext", "crop_pct": "0.9", "interpolation": "bicubic"}
    card = gathered(metadata=table)
    assert (card.resize, card.crop, card.mean[0]) == ("center-crop", 0.9, 0.485)
    said = {"norm_mean": "[0.5, 0.5, 0.5]", "norm_std": "[0.5, 0.5, 0.5]", "resize_mode": "stretch"}
    stretched = gathered(metadata={**table, **said})
    assert (stretched.resize, stretched.crop, stretched.mean, stretched.std) == ("stretch", 1, (0.5,) * 3, (0.5,) * 3)


@pytest.mark.parametrize(
    ("family", "resize", "crop", "mean"),
    [("clip", "center-crop", 1.0, 0.48145466), ("siglip2", "stretch", 1.0, 0.5), ("vit", "center-crop", 0.9, 0.5)],
)
def test_older_classifiers_are_fed_as_their_family(gathered, family, resize, crop, mean):
    """1.6.0, backends/base.py, _LEGACY_CLASSIFY_EVAL."""
    card = gathered(metadata={**TABLE, "task": "classify", "model_family": family})
    assert (card.resize, card.crop, card.mean[0]) == (resize, crop, mean)
    assert gathered(metadata={**TABLE, "task": "classify", "model_family": "resnet"}).crop == 0.875


@pytest.mark.parametrize(
    "change",
    [
        {"letterbox_pad": "bottom"},
        {"color_gamma": "2.2"},
        {"model_family": "fcos", "dynamic": "True"},
        {"task": "classify", "resize_mode": "tiles"},
    ],
)
def test_what_is_not_known_of_the_feed_is_refused(gathered, change):
    with pytest.raises(CardInvalid, match="libreyolo metadata"):
        gathered(metadata={**TABLE, "model_family": "yolo9", **change})


def test_a_faster_rcnn_of_open_size_has_no_border(gathered):
    card = gathered(metadata={**TABLE, "model_family": "faster_rcnn", "dynamic": "True"})
    assert (card.resize, card.padded) == ("letterbox-topleft", False)
    assert gathered(metadata={**TABLE, "model_family": "faster_rcnn"}).resize == "stretch"


def test_the_rows_of_its_efficientdet_are_not_suppressed_yet(tmp_path, squares):
    """[1, 5000, 6]: its back end suppresses them class by class (LibreYOLO 1.6, backends/base.py)."""
    from onnx import helper, numpy_helper, save

    rows = np.zeros((1, 40, 6), np.float32)
    rows[0, :, :4] = (10, 10, 30, 40)
    rows[0, :, 4] = np.linspace(0.9, 0.3, 40)
    rows[0, 20:, 5] = 1
    made = [helper.make_node("Constant", [], ["output"], value=numpy_helper.from_array(rows))]
    image = helper.make_tensor_value_info("images", 1, [1, 3, 64, 96])
    graph = helper.make_graph(made, "g", [image], [helper.make_tensor_value_info("output", 1, rows.shape)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, {**TABLE, "model_family": "efficientdet"})
    save(model, tmp_path / "m.onnx")
    with Detector.load(tmp_path / "m.onnx") as detector:
        assert detector.card.source("nms") == "libreyolo metadata"
        assert detector(squares).label.tolist() == ["red", "green"]


@pytest.mark.parametrize("family", ["yolo2", "yolo3", "yolo4", "yolo7", "yolo9_p2", "yolo9_e2e", "ssd"])
def test_its_tables_of_corners_are_named(gathered, family):
    """1.6.0, backends/base.py: `_parse_yolo9` of all but ssd; only yolo9_e2e's rows are taken without suppression."""
    card = gathered(metadata={**TABLE, "model_family": family})
    assert (card.decoder, card.nms) == ("yolo-corners", "none" if family == "yolo9_e2e" else "class")
