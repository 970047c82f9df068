from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun.detections import Detections
from edgerun.errors import InputError
from edgerun.media import images
from edgerun.media.origin import Origin


def test_rows_read_as_label_score_and_box(found):
    rows = list(found)
    assert len(found) == len(rows) == 3
    assert (rows[0].label, rows[0].score, rows[0].box) == ("dog", pytest.approx(0.9), (10, 20, 30, 60))
    assert rows[2].label == "7"  # the model names two classes only
    assert found.label.tolist() == ["dog", "cat", "7"]


def test_boxes_read_as_centres_and_as_shares_too(found):
    assert found.xywh[0].tolist() == [20, 40, 20, 40]
    np.testing.assert_allclose(found.xyxyn[0], [10 / 80, 20 / 100, 30 / 80, 60 / 100])


def test_other_tools_names_mean_the_same(found):
    assert found.confidence is found.conf is found.score
    assert found.cls is found.class_id


def test_slices_masks_lists_and_numbers_take_rows(found):
    assert found[1:].label.tolist() == ["cat", "7"]
    assert found[found.score > 0.4].label.tolist() == ["dog", "cat"]
    assert found[[2, 0]].label.tolist() == ["7", "dog"]
    assert found[-1].label.tolist() == ["7"]
    assert len(found[[]]) == 0
    assert found[found.score > 2].xyxy.shape == (0, 4)
    with pytest.raises(IndexError):
        found[3]


def test_nothing_can_be_changed(found):
    with pytest.raises(ValueError, match="read-only"):
        found.xyxy[0, 0] = 1
    with pytest.raises(AttributeError):
        found.score = None


def test_optional_columns_travel_with_their_rows():
    found = Detections(
        np.zeros((2, 4), np.float32),
        np.array([0.5, 0.4], np.float32),
        np.zeros(2, np.int32),
        keypoints=np.arange(12, dtype=np.float32).reshape(2, 2, 3),
        rotated=np.ones((2, 5), np.float32),
    )
    assert found[1].keypoints.tolist() == [[[6, 7, 8], [9, 10, 11]]]
    (row,) = found[1]
    assert row.rotated == (1, 1, 1, 1, 1)
    assert found.to_list()[0]["keypoints"] == [[0, 1, 2], [3, 4, 5]]


def test_one_line_for_people_and_the_rows_for_debugging(found, everything):
    assert str(found) == "1 dog, 1 cat, 1 7, 6 ms"
    assert str(everything[[0, 0, 1]]) == "2 person, 1 car"
    assert str(Detections.empty()) == "nothing"
    assert repr(found[:1]) == "<Detections of 'a.jpg', 80 x 100, 1 row: dog 0.900 [10.0, 20.0, 30.0, 60.0]>"
    assert repr(Detections.empty((3, 4))) == "<Detections, 4 x 3, 0 rows>"
    assert repr(found[[0] * 9]).endswith("; …>")


def test_filter_takes_scores_classes_and_areas(found):
    assert found.filter(conf=0.5).label.tolist() == ["dog", "cat"]
    assert found.filter(conf={"dog": 0.95, 0: 0.5}).label.tolist() == ["cat", "7"]
    assert found.filter(classes="dog").label.tolist() == found.filter(classes=[1]).label.tolist() == ["dog"]
    assert found.area.tolist() == [800, 25, 14]
    assert found.filter(area=20).label.tolist() == ["dog", "cat"]
    assert found.filter(area=(14, 25), conf=0.3).label.tolist() == ["cat"]
    assert found.filter() == found
    with pytest.raises(InputError, match=r"did you mean|has no class 'horse'"):
        found.filter(classes=["horse"])
    with pytest.raises(InputError, match="conf must be a number from 0 to 1"):
        found.filter(conf=7)


def test_the_area_of_an_oriented_box_is_its_own(everything):
    assert everything.area.tolist() == [17 * 8, 25 * 18]


def test_a_notebook_shows_a_table_and_the_picture_where_it_is_known(found, tmp_path):
    html = found._repr_html_()
    assert "<td" in html and "dog" in html and "<img" not in html
    assert found._repr_png_() is None
    images.write(tmp_path / "a.png", np.zeros((100, 80, 3), np.uint8))
    known = replace(found, origin=Origin(tmp_path / "a.png"))
    np.testing.assert_array_equal(images.decode(known._repr_png_()), known.draw())
    assert known._repr_html_().startswith('<img alt="1 dog, 1 cat, 1 7, 6 ms" src="data:image/jpeg;base64,')
    (tmp_path / "a.png").unlink()
    assert known._repr_png_() is None
    assert '<td style="text-align: left">&lt;b&gt;</td>' in replace(found, names=("<b>", "x"))._repr_html_()
