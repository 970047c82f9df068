"""A COCO file's images are told apart by the end of their paths."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
