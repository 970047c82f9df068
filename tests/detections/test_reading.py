"""What was written is read back; what is something else is refused in one sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgerun.card.labels import COCO
from edgerun.detections import Detections
from edgerun.errors import InputError


def test_json_comes_back(found):
    back = Detections.from_json(found.to_json())
    np.testing.assert_array_equal(back.xyxy, found.xyxy)
    assert back.label.tolist() == found.label.tolist()
    assert (back.shape, back.path, back.speed) == (found.shape, found.path, found.speed)
    assert back.to_json() == found.to_json()


def test_json_of_every_column_comes_back(everything):
    back = Detections.from_json(everything.to_json())
    np.testing.assert_allclose(back.keypoints, everything.keypoints, atol=1e-3)
    np.testing.assert_allclose(back.rotated, everything.rotated, atol=1e-3)
    assert back.frame == 7
    filled = everything.masks.bitmaps.copy()
    filled[1, 20:38, 30:55] = True  # outlines do not tell the hole
    np.testing.assert_array_equal(back.masks.bitmaps, filled)


def test_json_of_nothing_and_of_numbers_for_names_comes_back():
    nothing = Detections.empty((30, 40))
    assert Detections.from_json(nothing.to_json()) == nothing
    unnamed = Detections(np.ones((1, 4), np.float32), np.ones(1, np.float32), np.array([5], np.int32))
    assert Detections.from_json(unnamed.to_json()) == unnamed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "3",
        "{}",
        '{"detections": 3}',
        '{"detections": [{"box": [1, 2]}], "height": 1, "width": 1}',
        b"\xff\xfe\x00",
    ],
)
def test_other_json_is_refused(text):
    with pytest.raises(InputError, match="These are not detections as JSON") as refusal:
        Detections.from_json(text)
    assert refusal.value.hint


def test_coco_rows_come_back_with_masks_to_the_pixel(everything):
    rows = json.loads(json.dumps(everything.to_coco(42)))
    back = Detections.from_coco(rows[::-1], names=everything.names)
    for name in ("xyxy", "score", "class_id"):
        np.testing.assert_allclose(getattr(back, name), getattr(everything, name), atol=1e-3)
    np.testing.assert_array_equal(back.masks.bitmaps, everything.masks.bitmaps)
    np.testing.assert_allclose(back.keypoints, everything.keypoints, atol=1e-3)
    assert back.shape == everything.shape


def test_cocos_own_categories_are_told_by_the_names():
    rows = [{"image_id": 1, "category_id": 90, "bbox": [1, 2, 3, 4], "score": 0.5}]
    back = Detections.from_coco(rows, names=COCO)
    assert (back.label.tolist(), back.class_id.tolist(), back.xyxy.tolist()) == (["toothbrush"], [79], [[1, 2, 4, 6]])
    assert Detections.from_coco(rows, category_ids=[3, 90]).class_id.tolist() == [1]


def test_coco_rows_that_do_not_say_enough_are_refused():
    row = {"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5}
    with pytest.raises(InputError, match="Nothing says which class"):
        Detections.from_coco([row])
    with pytest.raises(InputError, match="no class for category 2"):
        Detections.from_coco([row], names=["cat"])
    with pytest.raises(InputError, match="rows of 2 images"):
        Detections.from_coco([row, {**row, "image_id": 2}], names=["a", "b"])
    assert len(Detections.from_coco([row, {**row, "image_id": 2}], names=["a", "b"], image_id=2)) == 1
    with pytest.raises(InputError, match="lacks 'score'"):
        Detections.from_coco([{name: value for name, value in row.items() if name != "score"}], names=["a", "b"])
    with pytest.raises(InputError, match="compressed run lengths"):
        Detections.from_coco([{**row, "segmentation": {"size": [4, 4], "counts": "abc"}}], names=["a", "b"])
    with pytest.raises(InputError, match="no mask of 4 x 4"):
        Detections.from_coco([{**row, "segmentation": {"size": [4, 4], "counts": [3]}}], names=["a", "b"])


def test_nothing_of_coco_is_nothing():
    assert Detections.from_coco([], shape=(3, 4)) == Detections.empty((3, 4))
