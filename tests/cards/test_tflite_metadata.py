from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgerun import cards
from edgerun.errors import CardInvalid

IMAGE = {"name": "image", "content": "image", "color": "rgb", "mean": [127.5], "std": [127.5], "tensor": "x"}
FINISHED = {"outputs": ["b", "c", "s", "n"], "scores": 91, "classes": 90}


def gathered(**metadata):
    texts = {
        key.replace("_", "."): text if isinstance(text, str) else json.dumps(text) for key, text in metadata.items()
    }
    return cards.gather(Path("model.tflite"), texts, cards.BUILTIN, {})


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


@pytest.mark.parametrize(
    ("normalised", "quantization", "mean", "std"),
    [(True, [0.0078125, 127], 127.5, 127.5), (False, [0.0078125, 127], 127, 128), (True, None, 0, 1)],
)
def test_an_input_of_bytes_stores_the_normalised_picture_or_takes_it_as_it_is(normalised, quantization, mean, std):
    image = IMAGE | {"dtype": "uint8", "quantization": quantization}
    if not normalised:
        image = {key: value for key, value in image.items() if key not in ("mean", "std")}
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


@pytest.mark.parametrize("text", ["[]", "{", '{"inputs": [{}]}', '{"inputs": 3}'])
def test_damaged_metadata_are_refused_by_name(text):
    with pytest.raises(CardInvalid, match="tflite metadata"):
        gathered(tflite_metadata=text)


def test_the_text_of_an_ultralytics_archive_is_read_in_its_dialect():
    text = "{'stride': 32, 'task': 'detect', 'imgsz': [64, 96], 'names': {0: 'cat', 1: 'dog'}}"
    for member in ("temp_meta.txt", "metadata.json"):
        card = cards.gather(Path("model.tflite"), {member: text}, cards.BUILTIN, {})
        assert card.labels == ("cat", "dog")
        assert (card.height, card.width) == (64, 96)
        assert card.source("labels") == "ultralytics metadata"


def test_another_tools_text_of_the_same_name_says_nothing():
    assert not cards.gather(Path("m.tflite"), {"metadata.json": '{"version": 1}'}, cards.BUILTIN, {}).sources
