from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from edgerun.detections import COCO_IDS, Detections
from edgerun.errors import EdgerunError, InputError


def test_json_holds_plain_values(found):
    content = json.loads(found.to_json())
    assert content["height"] == 100
    assert content["detections"][0] == {"label": "dog", "class_id": 1, "score": 0.9, "box": [10, 20, 30, 60]}


def test_coco_boxes_are_left_top_width_height(found):
    rows = found.to_coco(42)
    assert rows[0]["bbox"] == [10, 20, 20, 40]
    assert [row["category_id"] for row in rows] == [2, 1, 8]
    assert {row["image_id"] for row in rows} == {42}


def test_coco_categories_are_those_of_coco_for_its_own_classes():
    from edgerun.card.labels import COCO

    found = Detections(np.zeros((1, 4), np.float32), np.ones(1, np.float32), np.array([79]), names=COCO)
    assert found.to_coco(1)[0]["category_id"] == 90
    assert len(COCO_IDS) == 80


def test_supervision_gets_its_own_type(found):
    supervision = pytest.importorskip("supervision", reason="supervision is not installed")
    theirs = found.to_supervision()
    assert isinstance(theirs, supervision.Detections)
    np.testing.assert_array_equal(theirs.xyxy, found.xyxy)
    theirs.xyxy[0] = 0  # whose columns are the caller's own
    assert found.xyxy[0].any()
    assert list(theirs.data["class_name"]) == ["dog", "cat", "7"]


def test_dataframes_have_the_usual_columns(found):
    pytest.importorskip("pandas", reason="pandas is not installed")
    frame = found.to_dataframe()
    assert list(frame.columns) == ["xmin", "ymin", "xmax", "ymax", "confidence", "class", "name"]
    assert frame.iloc[0]["name"] == "dog"


@pytest.mark.parametrize(("method", "package"), [("to_supervision", "supervision"), ("to_dataframe", "pandas")])
def test_an_absent_package_is_named(found, monkeypatch, method, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EdgerunError, match=package) as refusal:
        getattr(found, method)()
    assert refusal.value.hint == f"pip install {package}"


def test_supervision_keeps_oriented_boxes_and_keypoints_row_by_row(everything):
    supervision = pytest.importorskip("supervision", reason="supervision is not installed")
    theirs = everything.to_supervision()
    np.testing.assert_array_equal(theirs.data["xyxyxyxy"], everything.xyxyxyxy)
    np.testing.assert_array_equal(theirs[1:].data["keypoints"], everything.keypoints[1:])
    np.testing.assert_array_equal(theirs.mask, everything.masks.bitmaps)
    canvas = np.zeros((40, 60, 3), np.uint8)
    drawn = supervision.OrientedBoxAnnotator(thickness=1).annotate(canvas.copy(), theirs)
    assert drawn[2, 3:20].any(axis=1).all()  # the upper side of the first
    assert len(everything[[]].to_supervision()) == 0


def test_supervision_gets_its_own_keypoints(found, everything):
    supervision = pytest.importorskip("supervision", reason="supervision is not installed")
    theirs = everything.to_supervision_keypoints()
    assert isinstance(theirs, supervision.KeyPoints)
    np.testing.assert_array_equal(theirs.xy, everything.keypoints[..., :2])
    np.testing.assert_array_equal(theirs.keypoint_confidence, everything.keypoints[..., 2])
    np.testing.assert_array_equal(theirs.detection_confidence, everything.score)
    assert list(theirs.data["class_name"]) == ["person", "car"]
    assert len(everything[[]].to_supervision_keypoints()) == 0
    with pytest.raises(InputError, match="no keypoints"):
        found.to_supervision_keypoints()


def test_dataframes_keep_points_masks_and_angles(everything):
    pytest.importorskip("pandas", reason="pandas is not installed")
    frame = everything.to_dataframe()
    assert list(frame.columns[7:]) == ["xcenter", "ycenter", "width", "height", "angle", "keypoints", "polygons"]
    assert frame["angle"].tolist() == [0, 0.5]
    assert frame.iloc[0]["keypoints"] == [[4, 3, 0.9], [18, 8, 0.2]]
    assert frame.iloc[0]["polygons"] == everything.to_list()[0]["polygons"]
    assert list(everything[[]].to_dataframe().columns[:7]) == list(frame.columns[:7])


def test_a_frame_of_a_video_says_its_number(found, everything):
    assert everything.to_dict()["frame"] == 7
    assert "frame" not in found.to_dict()
