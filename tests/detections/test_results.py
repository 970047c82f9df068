from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerun.detections import Detections
from edgerun.errors import InputError
from edgerun.media import images
from edgerun.media.origin import Origin
from edgerun.processing.masks import Masks
from edgerun.processing.preprocess import Geometry


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
    assert found.filter(area=20).label.tolist() == found.filter(area=25).label.tolist() == ["dog", "cat"]
    assert found.filter(area=(14, 14)).label.tolist() == ["7"]
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


@pytest.mark.parametrize("shape", [(100, 79), (100, 81), (99, 80), (101, 80), (80, 100)])
def test_a_picture_that_differs_in_one_side_alone_is_not_drawn_into(found, shape):
    with pytest.raises(InputError, match=rf"80 x 100, not of {shape[1]} x {shape[0]} pixels"):
        found.draw(np.zeros((*shape, 3), np.uint8))


def test_boxes_as_fractions_are_those_of_width_and_height():
    """A picture of 200 x 50, which is 50 high."""
    found = Detections(
        np.array([[20, 10, 60, 25]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int32), shape=(50, 200)
    )
    np.testing.assert_allclose(found.xyxyn, [[0.1, 0.2, 0.3, 0.5]], rtol=1e-6)
    assert found.xywh.tolist() == [[40, 17.5, 40, 15]]
    (row,) = found.to_coco(7)
    assert (row["image_id"], row["bbox"], row["category_id"]) == (7, [20, 10, 40, 15], 1)


def test_a_class_beyond_the_names_has_its_number_for_a_name():
    found = Detections(
        np.zeros((3, 4), np.float32), np.ones(3, np.float32), np.array([0, 1, 2], np.int32), names=("a", "b")
    )
    assert found.label.tolist() == ["a", "b", "2"]


def test_rows_are_counted_from_either_end_and_no_further(found):
    assert found[-1].score.tolist() == [0.25]
    assert found[0].score.tolist() == [np.float32(0.9)]
    assert found[np.int64(2)].class_id.tolist() == [7]
    for row in (3, -4):
        with pytest.raises(IndexError, match=f"row {row} of 3"):
            found[row]


def test_each_row_has_its_own_mask_in_every_form():
    """Two masks of a picture of 4 x 6: the left two columns, and the upper row."""
    shares = np.zeros((2, 4, 6), np.float32)
    shares[0, :, :2], shares[1, 0] = 1, 1
    masks = Masks(shares, np.float32([[0, 0, 6, 4]] * 2), Geometry.fit(4, 6, 4, 6), 4, 6)
    both = Detections(
        np.float32([[0, 0, 2, 4], [0, 0, 6, 1]]), np.float32([0.9, 0.8]), np.zeros(2, np.int32),
        shape=(4, 6), masks=masks,
    )  # fmt: skip
    assert [row["segmentation"]["counts"] for row in both.to_coco(1)] == [
        [0, 8, 16],
        [0, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3],
    ]
    assert [int(row.mask.sum()) for row in both] == [8, 6]
    assert [len(row["polygons"]) for row in both.to_list()] == [1, 1]
    assert both.to_list()[1]["polygons"][0] == [[0, 0], [5, 0]]
    (second,) = both[1]
    assert second.mask.sum() == 6


def test_plain_values_keep_thousandths_and_the_shape_of_the_picture(found):
    plain = found.to_dict()
    assert (plain["height"], plain["width"], plain["path"]) == (100, 80, "a.jpg")
    assert plain["detections"][2]["box"] == [1.5, 2.5, 3.5, 9.5]
    exact = Detections(np.float32([[1.2344, 2.3456, 3, 4]]), np.float32([0.1234564]), np.zeros(1, np.int32))
    assert (exact.to_list()[0]["box"], exact.to_list()[0]["score"]) == ([1.234, 2.346, 3.0, 4.0], 0.123456)


def test_classes_of_coco_are_numbered_from_1_or_as_they_are_told(found):
    assert [row["category_id"] for row in found.to_coco(5)] == [2, 1, 8]
    assert [row["category_id"] for row in found.to_coco(5, list(range(100, 108)))] == [101, 100, 107]


def test_columns_cannot_be_written_into(found):
    for column in (found.xyxy, found.score, found.class_id):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 0


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(0, 4000, width=32)] * 4, st.floats(0, 1, width=32), st.integers(0, 200)), max_size=8)
)
def test_rows_come_back_from_json_to_a_thousandth_of_a_pixel(rows):
    table = np.array(rows, np.float32).reshape(-1, 6)
    found = Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int32), ("cat", "dog"), (100, 80))
    read = json.loads(found.to_json())["detections"]
    assert [row["class_id"] for row in read] == [row[5] for row in rows]
    assert [row["label"] for row in read] == [("cat", "dog")[row[5]] if row[5] < 2 else str(row[5]) for row in rows]
    np.testing.assert_allclose(np.array([row["box"] for row in read]).reshape(-1, 4), table[:, :4], atol=6e-4)
    np.testing.assert_allclose([row["score"] for row in read], table[:, 4], atol=6e-7)
