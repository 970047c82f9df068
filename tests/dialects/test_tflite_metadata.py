from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgerun.dialects import BUILTIN
from edgerun.errors import CardInvalid
from edgerun.interpretation import card_fields
from edgerun.interpretation.claims import stated
from edgerun.processing import model_inputs
from edgerun.processing.preprocess import Plan
from edgerun.tensors import Quantization, TensorSpec

IMAGE = {"name": "image", "content": "image", "color": "rgb", "mean": [127.5], "std": [127.5], "tensor": "x"}
BY_NOUGHT = json.dumps({"inputs": [IMAGE | {"dtype": "uint8", "quantization": [0, 0]}]})
FINISHED = {"outputs": ["b", "c", "s", "n"], "scores": 91, "classes": 90}


def gathered(**metadata):
    texts = {
        key.replace("_", "."): text if isinstance(text, str) else json.dumps(text) for key, text in metadata.items()
    }
    return card_fields.fold(stated(Path("model.tflite"), texts, BUILTIN, {}))


def test_normalisation_counts_in_bytes():
    card = gathered(tflite_metadata={"inputs": [IMAGE | {"dtype": "float32", "quantization": None}], "outputs": []})
    assert (card.scale, card.mean, card.std) == (1.0, (127.5,) * 3, (127.5,) * 3)
    assert card.color == "rgb"
    assert card.source("mean") == "tflite metadata"


def test_normalisation_of_each_channel_is_taken():
    image = IMAGE | {"mean": [123.0, 116.0, 103.0], "std": [58.0, 57.0, 59.0], "dtype": "float32"}
    assert gathered(tflite_metadata={"inputs": [image], "outputs": []}).std == (58.0, 57.0, 59.0)


def test_a_quantised_input_of_int8_is_normalised_first():
    image = IMAGE | {"dtype": "int8", "quantization": [0.0078125, 0]}
    card = gathered(tflite_metadata={"inputs": [image], "outputs": []})
    assert (card.scale, card.mean[0], card.std[0]) == (1.0, 127.5, 127.5)


def test_an_input_of_bytes_takes_them_as_they_are():
    """MediaPipe Tasks at 43313dc (image_preprocessing_graph.cc): uint8 gets 0..255, other types are normalised."""
    image = IMAGE | {"mean": [0.0], "std": [1.0], "dtype": "uint8", "quantization": [0.0078125, 127]}
    card = gathered(tflite_metadata={"inputs": [image], "outputs": []})
    assert (card.scale, card.mean[0], card.std[0]) == (1.0, 127.0, 128.0)
    plan = Plan.of(
        replace(card, height=2, width=256),
        model_inputs.find([TensorSpec("x", (1, 2, 256, 3), "uint8", Quantization((0.0078125,), (127,)))], "model"),
    )
    fed = plan.new_input()
    plan.apply(np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (2, 1, 3)), fed[0])
    assert fed[0, 0, :, 0].tolist() == list(range(256))


def test_a_normalisation_within_a_level_of_the_bytes_is_taken_at_its_word():
    image = IMAGE | {"dtype": "uint8", "quantization": [0.0078125, 127]}
    card = gathered(tflite_metadata={"inputs": [image], "outputs": []})
    assert (card.scale, card.mean[0], card.std[0]) == (1.0, 127.5, 127.5)


@pytest.mark.parametrize(
    ("said", "quantization", "mean", "std"),
    [
        ({"mean": [0.0], "std": [1.0]}, [0.0078125, 127], 127, 128),
        ({"mean": [127.5], "std": [127.5]}, None, 0, 1),
        ({"mean": [127.5], "std": [127.5]}, [0.0078125, 126], 126, 128),  # black would be stored as -2
        ({"mean": [], "std": []}, [0.0078125, 128], 128, 128),
        ({"mean": [0.0], "std": [0.0]}, None, 0, 1),
    ],
)
def test_a_normalisation_that_bytes_cannot_hold_means_bytes_as_they_are(said, quantization, mean, std):
    image = IMAGE | said | {"dtype": "uint8", "quantization": quantization}
    card = gathered(tflite_metadata={"inputs": [image], "outputs": []})
    assert (card.scale, card.mean[0], card.std[0]) == (1.0, mean, std)


def test_inputs_without_a_picture_say_nothing():
    other = {"name": "ids", "content": "", "tensor": "x"}
    assert not gathered(tflite_metadata={"inputs": [other], "outputs": []}).sources


def test_the_operator_binds_the_outputs_where_no_metadata_are():
    card = gathered(tflite_postprocess=FINISHED)
    assert card.outputs == {"b": "boxes", "c": "classes", "s": "scores", "n": "count"}


@pytest.mark.parametrize(
    ("first", "counted", "kept"),
    [
        ("background", 90, False),
        ("???", 90, False),
        ("background", 91, True),
        ("person", 90, True),
    ],
)
def test_a_background_is_left_out_where_the_operator_does_not_count_it(first, counted, kept):
    text = "\n".join([first, *(f"class{number}" for number in range(90))])
    card = gathered(tflite_postprocess=FINISHED | {"classes": counted}, tflite_labels=text)
    assert card.labels[0] == (first if kept else "class0")


def test_a_background_stays_where_no_operator_says_how_many_classes_it_counts():
    assert gathered(tflite_labels="background\ncat").labels == ("background", "cat")


def test_gaps_in_labels_keep_their_numbers():
    assert gathered(tflite_labels="cat\n???\ndog\n").labels == ("cat", "???", "dog")


def test_boxes_in_pixels_are_told_for_finished_detections_alone():
    boxes = {
        "name": "location",
        "content": "boxes",
        "index": [1, 0, 3, 2],
        "type": "boundaries",
        "coordinates": "pixel",
    }
    said = {"inputs": [], "outputs": [boxes | {"tensor": "b"}]}
    assert gathered(tflite_metadata=said, tflite_postprocess=FINISHED).box_units == "pixels"
    assert "box_units" not in gathered(tflite_metadata=said).sources  # raw boxes mean what their decoder makes of them


@pytest.mark.parametrize(("index", "role"), [([1, 0, 3, 2], "boxes"), ([0, 1, 2, 3], "boxes x1y1x2y2")])
def test_four_outputs_are_bound_by_their_descriptions_where_there_is_no_such_operator(index, role):
    boxes = {"content": "boxes", "index": index, "type": "boundaries", "coordinates": "ratio"}
    names = {"number of detections": "n", "category": "c", "score": "s"}
    outputs = [{"name": name, "content": "", "tensor": tensor} for name, tensor in names.items()]
    said = {"inputs": [], "outputs": [*outputs, {"name": "location", "tensor": "b", **boxes}]}
    assert gathered(tflite_metadata=said).outputs == {"n": "count", "c": "classes", "s": "scores", "b": role}


def test_an_order_that_contradicts_the_operator_is_refused():
    boxes = {"name": "location", "content": "boxes", "index": [0, 1, 2, 3], "type": "boundaries"}
    said = {"inputs": [], "outputs": [boxes | {"coordinates": "ratio", "tensor": "b"}]}
    with pytest.raises(CardInvalid, match="order"):
        gathered(tflite_metadata=said, tflite_postprocess=FINISHED)


def test_centred_boxes_of_a_finished_detector_are_refused():
    boxes = {"name": "location", "content": "boxes", "index": [0, 1, 2, 3], "type": "center", "coordinates": "ratio"}
    said = {"inputs": [], "outputs": [boxes | {"tensor": "b"}]}
    with pytest.raises(CardInvalid, match=r"model\.tflite.*center"):
        gathered(tflite_metadata=said, tflite_postprocess=FINISHED)


def test_the_first_useful_threshold_is_taken():
    said = {"inputs": [], "outputs": [{"name": "score", "content": "", "threshold": 0.4, "tensor": "s"}]}
    assert gathered(tflite_metadata=said).conf == 0.4
    said["outputs"][0]["threshold"] = 0.0
    assert gathered(tflite_metadata=said).conf is None


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"inputs": [{}]}', '{"inputs": 3}', BY_NOUGHT, '{"inputs": [3]}', '{"outputs": {"a": 1}}']
)
def test_damaged_metadata_are_refused_by_name(text):
    with pytest.raises(CardInvalid, match="tflite metadata"):
        gathered(tflite_metadata=text)


def test_the_text_of_an_ultralytics_archive_is_read_in_its_dialect():
    text = "{'stride': 32, 'task': 'detect', 'imgsz': [64, 96], 'names': {0: 'cat', 1: 'dog'}}"
    for member in ("temp_meta.txt", "metadata.json"):
        card = card_fields.fold(stated(Path("model.tflite"), {member: text}, BUILTIN, {}))
        assert card.labels == ("cat", "dog")
        assert (card.height, card.width) == (64, 96)
        assert card.source("labels") == "ultralytics metadata"


def test_another_tools_text_of_the_same_name_says_nothing():
    assert not card_fields.fold(stated(Path("m.tflite"), {"metadata.json": '{"version": 1}'}, BUILTIN, {})).sources


@pytest.mark.parametrize(
    ("scores", "classes", "names", "kept"),
    [
        (4, 3, ["background", "a", "b", "c"], ["a", "b", "c"]),
        (4, 4, ["background", "a", "b", "c"], ["background", "a", "b", "c"]),
        (4, 2, ["background", "a", "b", "c"], ["background", "a", "b", "c"]),  # two more than it counts
        (4, 3, ["background", "a", "b"], ["background", "a", "b"]),
        (4, 3, ["background", "a", "b", "c", "d"], ["background", "a", "b", "c", "d"]),
        (4, 3, ["x", "a", "b", "c"], ["x", "a", "b", "c"]),
    ],
)
def test_a_background_goes_where_it_is_just_the_column_that_is_not_counted(scores, classes, names, kept):
    operator = {**FINISHED, "scores": scores, "classes": classes}
    assert gathered(tflite_postprocess=operator, tflite_labels="\n".join(names)).labels == tuple(kept)
