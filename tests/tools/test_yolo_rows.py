"""Lines that `edgerun.tools.yolo_labels` reads back: docs.ultralytics.com/datasets."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgerun.detections import Detections
from edgerun.tools import yolo_labels, yolo_rows

SHAPE = (100, 200)
BOX = np.array([[20, 10, 60, 50]], np.float32)


def found(**columns) -> Detections:
    return Detections(BOX, np.ones(1, np.float32), np.array([3], np.int32), shape=SHAPE, **columns)


class Bitmaps:
    """Masks of one row."""

    def __init__(self, bitmap):
        self._bitmap = bitmap

    def bitmap(self, index):
        return self._bitmap


def test_a_box():
    assert yolo_rows.lines(found()) == ["3 0.2 0.3 0.2 0.4"]


def test_nothing_is_no_line():
    assert yolo_rows.lines(found()[[]]) == []


def test_keypoints_that_are_not_seen_are_zeros():
    points = np.array([[[40, 30, 0.9], [50, 40, 0.1]]], np.float32)
    assert yolo_rows.lines(found(keypoints=points)) == ["3 0.2 0.3 0.2 0.4 0.2 0.3 2 0 0 0"]


def test_an_oriented_box_is_its_four_corners():
    rotated = np.array([[40, 30, 40, 20, np.pi / 2]], np.float32)
    (line,) = yolo_rows.lines(found(rotated=rotated))
    corners = np.array(line.split()[1:], float).reshape(4, 2) * (200, 100)
    assert sorted(np.rint(corners).tolist()) == [[30, 10], [30, 50], [50, 10], [50, 50]]


def test_an_outline_goes_round_the_largest_part():
    mask = np.zeros(SHAPE, bool)
    mask[10:50, 20:60] = True
    mask[80:84, 180:184] = True
    (line,) = yolo_rows.lines(found(masks=Bitmaps(mask)))
    corners = np.array(line.split()[1:], float).reshape(-1, 2) * (200, 100)
    assert sorted(np.rint(corners).tolist()) == [[20, 10], [20, 49], [59, 10], [59, 49]]
    assert yolo_rows.lines(found(masks=Bitmaps(np.zeros(SHAPE, bool)))) == ["3 0.2 0.3 0.2 0.4"]


@pytest.mark.parametrize("keypoints", [None, np.array([[[40, 30, 0.9], [50, 40, 0.9], [30, 20, 0.1]]], np.float32)])
def test_what_is_written_is_read_back(tmp_path, keypoints):
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), np.zeros((*SHAPE, 3), np.uint8))
    (tmp_path / "texts").mkdir()
    lines = yolo_rows.lines(found(keypoints=keypoints))
    (tmp_path / "texts" / "photo.txt").write_text("\n".join(lines))
    labelled = yolo_labels.read(tmp_path / "texts", [photo])[photo]
    np.testing.assert_allclose(labelled.xyxy, BOX, atol=0.01)
