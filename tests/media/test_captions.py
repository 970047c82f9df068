"""Captions cover neither each other nor small objects, as long as there is room."""

from __future__ import annotations

import numpy as np

from edgerun.media.captions import places

IMAGE = (480, 640)


def rectangles(sizes, boxes, image=IMAGE):
    corners = places(np.array(sizes), np.array(boxes, np.float32), image)
    return np.concatenate((corners, corners + np.array(sizes)), axis=1)


def overlap(first, second):
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    return np.maximum(high - low, 0).prod()


def test_alone_it_lies_above_its_box_and_inside_it_at_the_upper_edge():
    assert rectangles([(60, 20)], [(100, 100, 300, 300)]).tolist() == [[100, 80, 160, 100]]
    assert rectangles([(60, 20)], [(100, 5, 300, 300)]).tolist() == [[100, 5, 160, 25]]


def test_it_stays_in_the_image():
    assert rectangles([(60, 20)], [(620, 100, 640, 300)])[0, 2] <= 640
    assert rectangles([(60, 20)], [(0, 0, 640, 480)]).tolist() == [[0, 0, 60, 20]]


def test_boxes_that_start_at_one_place_get_captions_beside_each_other():
    boxes = [(100, 100, 300, 300), (102, 98, 290, 310), (98, 103, 310, 305)]
    found = rectangles([(90, 20)] * 3, boxes)
    assert all(overlap(found[one], found[other]) == 0 for one in range(3) for other in range(one))


def test_classes_of_a_whole_image_are_listed_below_each_other():
    found = rectangles([(90, 20)] * 5, [(0, 0, 640, 480)] * 5)
    assert found[:, 1].tolist() == [0, 20, 40, 60, 80]


def test_a_small_object_is_not_covered():
    small = (110, 85, 125, 98)  # where the caption of the large box would lie
    found = rectangles([(90, 20), (50, 20)], [(100, 100, 300, 300), small])
    assert [overlap(caption, np.array(small)) for caption in found] == [0, 0]
    assert overlap(found[0], found[1]) == 0


def test_a_row_without_a_caption_takes_no_room():
    boxes = [(100, 100, 300, 300)] * 2
    assert rectangles([(0, 20), (60, 20)], boxes)[1].tolist() == [100, 80, 160, 100]
    assert places(np.zeros((0, 2), int), np.zeros((0, 4), np.float32), IMAGE).shape == (0, 2)
