from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun.detections import Detections
from edgerun.errors import InputError
from edgerun.media import images
from edgerun.media.origin import Origin


def test_drawing_leaves_the_picture_alone_and_marks_the_boxes(found):
    picture = np.zeros((100, 80, 3), np.uint8)
    drawn = found.draw(picture)
    assert not picture.any()
    assert drawn[20:61, 10:31].any()
    assert not drawn[:, 76:].any() and not drawn[83:].any()
    with pytest.raises(InputError, match="80 x 100"):
        found.draw(np.zeros((50, 50, 3), np.uint8))


def test_a_saved_picture_holds_the_drawing(found, tmp_path):
    picture = np.zeros((100, 80, 3), np.uint8)
    found.save(tmp_path / "out.png", picture)
    np.testing.assert_array_equal(images.read(tmp_path / "out.png"), found.draw(picture))


def test_a_known_picture_need_not_be_handed_over_again(found, tmp_path):
    picture = np.full((100, 80, 3), 40, np.uint8)
    expected = found.draw(picture)
    images.write(tmp_path / "a.png", picture)
    for source in (picture, tmp_path / "a.png", str(tmp_path / "a.png"), (tmp_path / "a.png").read_bytes()):
        known = replace(found, origin=Origin(source))
        np.testing.assert_array_equal(known.draw(), expected)
        np.testing.assert_array_equal(known[:1].crop()[0], picture[20:60, 10:30])
    known.save(tmp_path / "out.png")
    np.testing.assert_array_equal(images.read(tmp_path / "out.png"), expected)


def test_a_picture_that_nobody_keeps_is_asked_for(found):
    known = replace(found, origin=Origin(np.zeros((100, 80, 3), np.uint8)))
    for result in (known, found):
        with pytest.raises(InputError, match="not kept") as refusal:
            result.draw()
        assert "draw(image)" in refusal.value.hint


def test_crops_are_whole_pixels_around_the_boxes_and_copies(found):
    picture = np.arange(100 * 80 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 80, 3)
    crops = found.crop(picture)
    np.testing.assert_array_equal(crops[0], picture[20:60, 10:30])
    np.testing.assert_array_equal(crops[2], picture[2:10, 1:4])
    crops[0][:] = 0
    assert picture[20:60, 10:30].any()
    thin = replace(found[:1], xyxy=np.array([[80, 100, 80, 100]], np.float32))
    assert thin.crop(picture)[0].shape == (1, 1, 3)
    with pytest.raises(InputError, match="80 x 100"):
        found.crop(picture[:50])


def bodies(label, visibility=1.0):
    """A row of 17 points in a line, of which the first 16 can be seen."""
    points = np.stack((np.linspace(10, 190, 17), np.tile([20.0, 80.0], 9)[:17], np.full(17, visibility)), axis=1)
    points[16, 2] = 0.1
    return Detections(
        np.array([[0, 0, 200, 100]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int32), names=(label,),
        shape=(100, 200), keypoints=points[None].astype(np.float32),
    )  # fmt: skip


def test_limbs_are_drawn_where_the_skeleton_is_known_or_given():
    canvas = np.zeros((100, 200, 3), np.uint8)
    middle = (slice(49, 52), slice(40, 150))  # limbs cross it, points do not
    assert bodies("person").draw(canvas)[middle].any()
    assert not bodies("horse").draw(canvas)[middle].any()
    assert bodies("horse").draw(canvas, skeleton=[(4, 5)])[middle].any()
    assert not bodies("person").draw(canvas, skeleton=[])[middle].any()
    with pytest.raises(InputError, match="among the 17 keypoints"):
        bodies("horse").draw(canvas, skeleton=[(1, 17)])


def test_the_caller_says_from_where_on_a_point_is_seen():
    canvas = np.zeros((100, 200, 3), np.uint8)
    middle = (slice(49, 52), slice(40, 150))
    faint = bodies("person", visibility=0.3)
    assert not faint.draw(canvas)[middle].any()
    assert faint.draw(canvas, visibility=0.2)[middle].any()
    last = (slice(18, 23), slice(188, 193))
    assert not faint.draw(canvas, visibility=0.2)[last].any()
    assert faint.draw(canvas, visibility=0.0)[last].any()
