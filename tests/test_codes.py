"""The detector of 2-D codes that comes with edgerun finds what its card says it finds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgerun import Detector, boxes

HELD_OUT = Path(__file__).parent / "data" / "codes"


@pytest.fixture(scope="module")
def detector():
    with Detector.load("codes") as loaded:
        yield loaded


def counted(detector, folder, *, by_class):
    """True positives at IoU .5 (best score first), boxes found, codes there, over a folder with COCO annotations."""
    truth = json.loads((folder / "annotations.json").read_text())
    names = {category["id"]: category["name"] for category in truth["categories"]}
    right = found_in_all = there = 0
    for image in truth["images"]:
        codes = [entry for entry in truth["annotations"] if entry["image_id"] == image["id"]]
        found = detector(folder / image["file_name"])
        found_in_all, there = found_in_all + len(found), there + len(codes)
        corners = np.array([entry["bbox"] for entry in codes], np.float32).reshape(-1, 4)
        corners[:, 2:] += corners[:, :2]
        overlap = boxes.iou(found.xyxy, corners)
        free = set(range(len(codes)))
        for row, label in enumerate(found.label):
            fitting = [
                place
                for place in free
                if overlap[row, place] >= 0.5 and (not by_class or names[codes[place]["category_id"]] == label)
            ]
            if fitting:
                right += 1
                free.discard(max(fitting, key=lambda place: overlap[row, place]))
    return right, found_in_all, there


def test_its_card_names_its_classes_and_thresholds(detector):
    assert detector.labels == ("qr_code", "data_matrix", "aztec", "pdf417")
    assert detector.report().conf.source == "edgerun metadata"
    assert detector.path.stat().st_size <= 1_000_000


def test_it_finds_codes_in_rendered_pictures_that_it_never_saw(detector):
    right, found, there = counted(detector, HELD_OUT, by_class=True)
    assert right / there >= 0.64  # it finds 18 of 25; the pictures are harder than most photos
    assert right / found >= 0.80


def test_it_finds_codes_in_real_photos(detector, shared):
    photos = shared / "images" / "codes"
    right, found, there = counted(detector, photos, by_class=True)
    assert right / there >= 0.85
    assert right / found >= 0.85
    right, found, there = counted(detector, photos, by_class=False)
    assert right / there >= 0.92


def test_it_sees_hardly_a_code_where_there_is_none(detector, shared):
    pictures = sorted((shared / "images" / "coco80").glob("*.jpg"))
    assert len(pictures) == 80
    assert sum(len(detector(picture)) for picture in pictures) <= 8


def test_a_file_of_its_name_wins(detector, tmp_path, monkeypatch):
    from edgerun import models

    monkeypatch.chdir(tmp_path)
    assert models.find("codes") == models.NAMES["codes"]
    (tmp_path / "codes").write_bytes(b"mine")
    assert models.find("codes") == Path("codes")
