from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from edgerun.processing import greedy
from edgerun.processing.greedy import kept_rows

WAYS = {
    "opencv": {"FEW": 10**9},
    "sweep": {"FEW": 0, "SAMPLE": 1, "SPARSE": 10**9},
    "blocks": {"FEW": 0, "SPARSE": -1, "MANY": 0, "MANY_CROWDED": 0},
}


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """One of the three ways, whatever the number of rows."""
    for name, value in WAYS[request.param].items():
        monkeypatch.setattr(greedy, name, value)
    return request.param


def plain(boxes, scores, classes, iou, max_det):
    """Greedy suppression in exact fractions; `iou` as text, so that .45 is 9/20."""
    order = sorted(range(len(scores)), key=lambda row: (-scores[row], row))
    kept: list[int] = []
    for row in order:
        rivals = [other for other in kept if classes is None or classes[other] == classes[row]]
        if all(_overlap(boxes[row], boxes[other]) <= Fraction(iou) for other in rivals):
            kept.append(row)
    return kept[:max_det]


def _overlap(first, second):
    a, b = ([Fraction(float(value)) for value in box] for box in (first, second))
    shared = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    union = sum(max(box[2] - box[0], 0) * max(box[3] - box[1], 0) for box in (a, b)) - shared
    return shared / union if union else Fraction(0)


def scene(seed, count=40, classes=3):
    """Boxes with whole corners, some beyond the image's left and upper edge, many scores equal."""
    random = np.random.default_rng(seed)
    corners = random.integers(-15, 35, (count, 2))
    boxes = np.concatenate((corners, corners + random.integers(1, 30, (count, 2))), axis=1).astype(np.float32)
    scores = (random.integers(1, 9, count) / 8).astype(np.float32)
    return boxes, scores, random.integers(0, classes, count)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("iou", ["0.1", "0.3", "0.45", "0.5", "0.7"])
def test_every_way_gives_the_rows_of_the_definition(way, seed, iou):
    boxes, scores, classes = scene(seed)
    for compared in (classes, None):
        found = kept_rows(boxes, scores, compared, iou=float(iou), max_det=50)
        assert found.tolist() == plain(boxes, scores, compared, iou, 50)


@pytest.mark.parametrize(
    ("iou", "second"),
    [
        (0.1, [0, 0, 1, 2]),  # 2 of 20
        (0.3, [0, 0, 3, 2]),
        (0.45, [0, 0, 9, 1]),
        (0.55, [0, 0, 11, 1]),
        (0.6, [0, 0, 6, 2]),
        (0.7, [0, 0, 7, 2]),
        (0.9, [0, 0, 9, 2]),
    ],
)
def test_exactly_as_much_overlap_stays(way, iou, second):
    first = [0, 0, 10, 2] if second[2] < 10 and second[3] == 2 else [0, 0, 20, 1]
    for scale in (1, 7, 33, 640):
        boxes = np.array([first, second], np.float32) * scale
        found = kept_rows(boxes, np.array([0.9, 0.8], np.float32), None, iou=iou, max_det=9)
        assert found.tolist() == [0, 1]
        more = boxes + np.array([[0, 0, 0, 0], [0, 0, 0.01 * scale, 0]], np.float32)
        assert kept_rows(more, np.array([0.9, 0.8], np.float32), None, iou=iou, max_det=9).tolist() == [0]


def test_boxes_without_an_area_neither_go_nor_make_others_go(way):
    boxes = np.array([[5, 5, 5, 5], [5, 5, 5, 5], [0, 0, 9, 9], [9, 9, 0, 0], [0, 3, 9, 3]], np.float32)
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5], np.float32)
    assert kept_rows(boxes, scores, None, iou=0.0, max_det=9).tolist() == [0, 1, 2, 3, 4]


def test_scores_of_nought_are_rows_too(way):
    boxes = np.array([[0, 0, 9, 9], [0, 0, 9, 9], [20, 0, 29, 9]], np.float32)
    scores = np.array([0.0, 0.5, -0.5], np.float32)
    assert kept_rows(boxes, scores, None, iou=0.5, max_det=9).tolist() == [1, 2]


def test_a_box_very_far_away_does_not_change_the_others(way):
    boxes = np.array([[0, 0, 9, 9], [1e18, 1e18, 2e18, 2e18], [0, 0, 9, 8], [0, 0, 9, 8.5]], np.float32)
    scores, classes = np.array([0.9, 0.8, 0.7, 0.6], np.float32), np.array([1, 0, 2, 2])
    assert kept_rows(boxes, scores, classes, iou=0.5, max_det=9).tolist() == [0, 1, 2]


def test_classes_do_not_meet_left_of_the_image(way):
    """Moved apart by their classes, these two would touch if boxes began at 0."""
    boxes = np.array([[-300, -300, 0, 0], [-100, -100, 0, 0], [-300, -300, 0, 0]], np.float32)
    scores, classes = np.array([0.9, 0.8, 0.7], np.float32), np.array([1, 0, 2])
    assert kept_rows(boxes, scores, classes, iou=0.1, max_det=9).tolist() == [0, 1, 2]
    boxes = np.array([[-300, -300, 100, 100], [50, 50, 200, 200]], np.float32)
    assert kept_rows(boxes, scores[:2], classes[:2], iou=0.01, max_det=9).tolist() == [0, 1]


def test_no_rows(way):
    assert kept_rows(np.empty((0, 4), np.float32), np.empty(0, np.float32), None, iou=0.5, max_det=9).tolist() == []


def test_chains_are_undone_in_turn(way):
    """Each box overlaps the next one alone: the first defeats the second, which then cannot defeat the third."""
    left = np.arange(7, dtype=np.float32) * 4
    boxes = np.stack((left, left * 0, left + 9, left * 0 + 9), axis=1)
    scores = np.linspace(0.9, 0.3, 7).astype(np.float32)
    assert kept_rows(boxes, scores, None, iou=0.3, max_det=9).tolist() == [0, 2, 4, 6]


@pytest.mark.parametrize("count", [199, 201, 399, 401, 1999])
@pytest.mark.parametrize("side", [4, 60])
def test_ways_agree_on_both_sides_of_each_limit(count, side, monkeypatch):
    random = np.random.default_rng(count)
    corners = random.random((count, 2)) * 300
    boxes = np.concatenate((corners, corners + random.random((count, 2)) * side + 2), axis=1).astype(np.float32)
    scores, classes = random.random(count).astype(np.float32), random.integers(0, 4, count)
    found = kept_rows(boxes, scores, classes, iou=0.5, max_det=count).tolist()
    for limits in WAYS.values():
        for name, value in limits.items():
            monkeypatch.setattr(greedy, name, value)
        assert kept_rows(boxes, scores, classes, iou=0.5, max_det=count).tolist() == found
        monkeypatch.undo()


def test_a_threshold_that_float32_holds_a_little_too_low_is_not_passed_by_equality(way):
    """1014 of 1950 are .52; float32's .52 times 1950 is rounded to a step below 1014."""
    boxes = np.array([[0, 0, 247, 6], [78, 0, 325, 6]], np.float32)
    assert np.float32(0.52) * np.float32(1950) < 1014
    assert kept_rows(boxes, np.array([0.9, 0.8], np.float32), None, iou=0.52, max_det=9).tolist() == [0, 1]
    assert kept_rows(boxes, np.array([0.9, 0.8], np.float32), None, iou=0.519, max_det=9).tolist() == [0]
