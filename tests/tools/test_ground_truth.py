"""Labels of photos are read, matched and scored."""

from __future__ import annotations

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from edgerun.detections import Detections
from edgerun.errors import InputError
from edgerun.tools import ground_truth
from edgerun.tools.ground_truth import GroundTruth, Labelled


@pytest.fixture
def photos(tmp_path):
    """Two pictures of 200 x 100."""
    paths = [tmp_path / name for name in ("one.png", "two.png")]
    for path in paths:
        cv2.imwrite(str(path), np.zeros((100, 200, 3), np.uint8))
    return paths


def rows(*entries, names=()):
    """Detections of (x1, y1, x2, y2, score, class)."""
    table = np.array(entries, np.float32).reshape(-1, 6)
    return Detections(table[:, :4].copy(), table[:, 4].copy(), table[:, 5].astype(np.int32), names, (100, 200))


def labelled(*boxes, classes=None):
    table = np.array(boxes, np.float32).reshape(-1, 4)
    return Labelled(table, np.array(classes or [0] * len(table), int), np.zeros(len(table), bool))


def coco(path, **changes):
    content = {
        "images": [{"id": 7, "file_name": "val/one.png"}, {"id": 8, "file_name": "three.png"}],
        "annotations": [
            {"image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 40]},
            {"image_id": 7, "category_id": 5, "bbox": [0, 0, 5, 5], "iscrowd": 1},
        ],
        "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}],
    } | changes
    path.write_text(json.dumps(content))
    return path


def test_coco_annotations_are_matched_by_the_name_of_the_photo(photos, tmp_path):
    known = ground_truth.read(coco(tmp_path / "truth.json"), photos)
    assert list(known.photos) == [photos[0]]
    np.testing.assert_array_equal(known.photos[photos[0]].xyxy, [[10, 20, 40, 60], [0, 0, 5, 5]])
    assert known.photos[photos[0]].crowd.tolist() == [False, True]
    assert known.names == {3: "cat", 5: "dog"}


def test_texts_of_yolo_are_in_shares_of_the_photo(photos, tmp_path):
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "one.txt").write_text("2 0.5 0.5 0.2 0.4\n\n1 0 0 0.5 0 0.5 1\n")
    (folder / "two.txt").write_text("")
    known = ground_truth.read(folder, photos)
    np.testing.assert_allclose(known.photos[photos[0]].xyxy, [[80, 30, 120, 70], [0, 0, 100, 100]])
    assert known.photos[photos[0]].classes.tolist() == [2, 1]
    assert len(known.photos[photos[1]].classes) == 0  # a photo of nothing


def test_labels_that_match_no_photo_are_said(photos, tmp_path):
    with pytest.raises(InputError, match=r"match none of the photos, such as one\.png"):
        ground_truth.read(coco(tmp_path / "truth.json", images=[]), photos)
    with pytest.raises(InputError, match="There are no labels at"):
        ground_truth.read(tmp_path / "nowhere", photos)


@pytest.mark.parametrize("text", ["[]", "{", '{"images": 5}', '{"images": [], "annotations": [{}], "categories": []}'])
def test_a_file_that_is_no_annotations_is_said(photos, tmp_path, text):
    (tmp_path / "truth.json").write_text(text)
    with pytest.raises(InputError, match=r"truth\.json cannot be read as COCO's annotations"):
        ground_truth.read(tmp_path / "truth.json", photos)


@pytest.mark.parametrize(("content", "words"), [(b"\xff\xd8\xff", "it is not a text"), (b"{}", "it lacks 'images'")])
def test_what_is_wrong_with_annotations_is_said_in_words(photos, tmp_path, content, words):
    (tmp_path / "truth.json").write_bytes(content)
    with pytest.raises(InputError, match=f"annotations: {words}"):
        ground_truth.read(tmp_path / "truth.json", photos)


def test_a_text_that_is_no_labels_is_said(photos, tmp_path):
    (tmp_path / "one.txt").write_text("cat 0.5 0.5 0.2 0.4")
    with pytest.raises(InputError, match=r"one\.txt cannot be read as YOLO's labels"):
        ground_truth.read(tmp_path, photos)
    (tmp_path / "one.txt").write_text("1 0.5 0.5 0.2")
    with pytest.raises(InputError, match="3 numbers after its class"):
        ground_truth.read(tmp_path, photos)


def test_precision_is_one_where_all_is_found_and_less_where_it_is_not(photos):
    known = GroundTruth({photo: labelled((10, 10, 60, 60), (100, 10, 160, 60)) for photo in photos})
    right = rows((10, 10, 60, 60, 0.9, 0), (100, 10, 160, 60, 0.8, 0))
    half = rows((10, 10, 60, 60, 0.9, 0), (100, 40, 160, 90, 0.8, 0))
    table = known.folds([[right, right], [half, half]], photos)
    assert table.shape == (2, 2)
    assert table[0].mean() == pytest.approx(1.0, abs=1e-3)
    assert 0.3 < table[1].mean() < 0.7


def test_classes_are_matched_by_name_and_left_aside_where_no_name_is_shared(photos):
    known = GroundTruth({photo: labelled((10, 10, 60, 60), classes=[3]) for photo in photos}, {3: "Cat", 4: "dog"})
    cat = rows((10, 10, 60, 60, 0.9, 1), names=("dog", "cat"))
    dog = rows((10, 10, 60, 60, 0.9, 0), names=("dog", "cat"))
    table = known.folds([[cat, cat], [dog, dog]], photos)
    assert table.mean(axis=1).tolist() == pytest.approx([1.0, 0.0], abs=1e-3)
    assert known.notes == []
    nameless = rows((10, 10, 60, 60, 0.9, 7))
    assert known.folds([[nameless, nameless]], photos).mean() == pytest.approx(1.0, abs=1e-3)
    assert "no class names in common" in known.notes[0]


def test_without_the_evaluator_it_is_said_what_to_install():
    script = """
import sys
sys.modules["faster_coco_eval"] = None
from pathlib import Path
import numpy as np
from edgerun.detections import Detections
from edgerun.errors import EdgerunError
from edgerun.tools.ground_truth import GroundTruth, Labelled
one = np.zeros((1, 4), np.float32)
found = Detections(one, np.ones(1, np.float32), np.zeros(1, np.int32))
try:
    GroundTruth({Path("a"): Labelled(one, np.zeros(1, int), np.zeros(1, bool))}).folds([[found]], [Path("a")])
except EdgerunError as error:
    print(error.message, error.hint)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == 'To rank by labels needs faster-coco-eval. pip install "edgerun[eval]"'


def parts_of(monkeypatch, scores):
    """The parts that photos of these precisions have, where that of several is their mean."""
    monkeypatch.setattr(
        ground_truth, "average_precision", lambda found, truth: float(np.mean([rows.scores[0] for rows in found]))
    )
    photos = [f"{number}.png" for number in range(len(scores))]
    known = GroundTruth({photo: labelled((10, 10, 60, 60)) for photo in photos})
    return known.folds([[rows((10, 10, 60, 60, score, 0)) for score in scores]], photos)


def test_the_parts_of_a_mean_are_what_it_is_the_mean_of(monkeypatch):
    """That is what a pseudo-value of the jackknife is: 3 · .5 - 2 · the mean of the other two."""
    np.testing.assert_allclose(parts_of(monkeypatch, [0.2, 0.4, 0.9]), [[0.2, 0.4, 0.9]], rtol=1e-6)


def test_of_many_photos_each_tenth_is_a_part(monkeypatch):
    """Photo 0 and 10 together, 1 and 11 …"""
    scores = [number / 40 for number in range(20)]
    expected = [(number + number + 10) / 80 for number in range(10)]
    np.testing.assert_allclose(parts_of(monkeypatch, scores), [expected], rtol=1e-5)


def test_one_photo_is_its_only_part(monkeypatch):
    np.testing.assert_allclose(parts_of(monkeypatch, [0.25]), [[0.25]])
