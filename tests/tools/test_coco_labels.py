"""A COCO file's images are told apart by the end of their paths."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgerun.card.labels import COCO, COCO_IDS
from edgerun.detections import Detections
from edgerun.errors import InputError
from edgerun.tools import coco_labels


def coco(path: Path, **images: str) -> Path:
    """A file of these images, id -> file_name, each with a box whose left side is its id."""
    content = {
        "images": [{"id": int(number[1:]), "file_name": name} for number, name in images.items()],
        "annotations": [
            {"image_id": int(number[1:]), "category_id": 1, "bbox": [int(number[1:]), 0, 20, 20]} for number in images
        ],
        "categories": [{"id": 1, "name": "cat"}],
    }
    path.write_text(json.dumps(content))
    return path


def lefts(labels):
    return {str(photo): labelled.xyxy[:, 0].tolist() for photo, labelled in labels.items()}


def test_the_same_name_in_two_folders_is_two_images(tmp_path):
    photos = [tmp_path / "a/0001.jpg", tmp_path / "b/0001.jpg"]
    for names in ({"_10": "a/0001.jpg", "_20": "b/0001.jpg"}, {"_10": "val\\a\\0001.jpg", "_20": "val\\b\\0001.jpg"}):
        known, _ = coco_labels.read(coco(tmp_path / "truth.json", **names), photos)
        assert lefts(known) == {str(photos[0]): [10], str(photos[1]): [20]}
        known, _ = coco_labels.read(coco(tmp_path / "truth.json", **names), photos[:1])
        assert lefts(known) == {str(photos[0]): [10]}


def test_a_path_within_the_working_folder_counts_as_a_whole(tmp_path, monkeypatch):
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "b")
    file = coco(tmp_path / "truth.json", _10="a/0001.jpg", _20="b/0001.jpg")
    assert lefts(coco_labels.read(file, [Path("0001.jpg")])[0]) == {"0001.jpg": [20]}


def test_an_image_belongs_to_the_photo_that_it_fits_best(tmp_path):
    file = coco(tmp_path / "truth.json", _10="a/0001.jpg")
    known, _ = coco_labels.read(file, [tmp_path / "b/0001.jpg", tmp_path / "a/0001.jpg"])
    assert lefts(known) == {str(tmp_path / "a/0001.jpg"): [10]}
    known, _ = coco_labels.read(file, [tmp_path / "b/0001.jpg"])  # its folder has another name on this machine
    assert lefts(known) == {str(tmp_path / "b/0001.jpg"): [10]}


@pytest.mark.parametrize(
    ("names", "photos", "words"),
    [
        ({"_10": "x/0001.jpg", "_20": "y/0001.jpg"}, ["a/0001.jpg"], "2 images that may be"),
        ({"_10": "0001.jpg"}, ["a/0001.jpg", "b/0001.jpg"], "one image that may be"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(tmp_path, names, photos, words):
    with pytest.raises(InputError, match=words) as caught:
        coco_labels.read(coco(tmp_path / "truth.json", **names), [tmp_path / photo for photo in photos])
    assert "file_name" in caught.value.hint


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(*[st.floats(0, 4000, width=32)] * 4, st.integers(0, 79)), max_size=8))
def test_boxes_come_back_from_coco_to_two_thousandths_of_a_pixel(tmp_path, rows):
    """What `to_coco` writes of a model of COCO's 80 classes, as the annotations of an image."""
    table = np.array(rows, np.float64).reshape(-1, 5)
    boxes = np.concatenate((table[:, :2], table[:, :2] + table[:, 2:4]), axis=1).astype(np.float32)
    classes = table[:, 4].astype(np.int32)
    found = Detections(boxes, np.ones(len(rows), np.float32), classes, COCO, (100, 80))
    content = {
        "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}],
        "annotations": found.to_coco(7),
        "categories": [{"id": number, "name": COCO[place]} for place, number in enumerate(COCO_IDS)],
    }
    file = tmp_path / "truth.json"
    file.write_text(json.dumps(content))
    photos = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    known, names = coco_labels.read(file, photos)
    np.testing.assert_allclose(known[photos[0]].xyxy, boxes, atol=2e-3)
    assert [names[number] for number in known[photos[0]].classes] == [COCO[number] for number in classes]
    assert not known[photos[0]].crowd.any()
    assert len(known[photos[1]].classes) == 0
