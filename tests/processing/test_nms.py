from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgerun.processing.nms import COCO_SIGMAS, soften, suppress, suppress_poses, suppress_rotated


def oracle(boxes, scores, classes, iou, max_det, mode):
    """Plain O(n²): in the order of scores, keep a row unless a kept one overlaps it too much. float32 throughout."""
    order = sorted(range(len(scores)), key=lambda row: (-scores[row], row))
    kept: list[int] = []
    for row in order:
        if len(kept) == max_det:
            break
        rivals = [other for other in kept if mode == "agnostic" or classes[row] == classes[other]]
        if not any(_too_much(boxes[row], boxes[other], iou) for other in rivals):
            kept.append(row)
    return kept


def _too_much(first, second, iou):
    zero = np.float32(0)
    wide = max(min(first[2], second[2]) - max(first[0], second[0]), zero)
    tall = max(min(first[3], second[3]) - max(first[1], second[1]), zero)
    shared = np.float32(wide * tall)
    areas = [max(box[2] - box[0], zero) * max(box[3] - box[1], zero) for box in (second, first)]
    return shared > np.float32(iou) * (areas[0] + areas[1] - shared)


@pytest.mark.parametrize("seed", range(20))
def test_it_equals_a_plain_quadratic_oracle(seed):
    """2,000 random cases in all, with ties, empty and degenerate boxes."""
    random = np.random.default_rng(seed)
    for _ in range(100):
        count = int(random.integers(0, 40))
        corners = random.integers(0, 30, (count, 4)).astype(np.float32)
        if random.random() < 0.5:
            corners = np.sort(corners.reshape(-1, 2, 2), axis=1).reshape(-1, 4)  # else some are inside out
        if random.random() < 0.5:
            corners += random.random((count, 4), np.float32)
        scores = (random.integers(0, 6, count) / 5).astype(np.float32)  # many ties
        classes = random.integers(0, 3, count).astype(np.int32)
        iou, limit = float(random.choice([0.0, 0.3, 0.5, 0.7, 1.0])), int(random.choice([1, 5, 300]))
        for mode in ("class", "agnostic"):
            found = suppress(corners, scores, classes, iou=iou, max_det=limit, mode=mode)
            assert found.tolist() == oracle(corners, scores, classes, iou, limit, mode)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_stays_does_not_overlap_and_whatever_goes_did(data):
    count = data.draw(st.integers(0, 25))
    sides = st.floats(0, 100, width=32)
    boxes = data.draw(arrays(np.float32, (count, 4), elements=sides))
    scores = data.draw(arrays(np.float32, count, elements=st.sampled_from([0.125, 0.25, 0.5, 1.0])))
    classes = data.draw(arrays(np.int32, count, elements=st.integers(0, 2)))
    iou = data.draw(st.sampled_from([0.0, 0.45, 0.7, 1.0]))
    kept = suppress(boxes, scores, classes, iou=iou, max_det=1000).tolist()
    assert (np.diff(scores[kept]) <= 0).all()
    assert len(set(kept)) == len(kept)
    for place, row in enumerate(kept):
        better = [other for other in kept[:place] if classes[row] == classes[other]]
        assert not any(_too_much(boxes[row], boxes[other], iou) for other in better)
    for row in set(range(count)) - set(kept):
        assert any(_too_much(boxes[row], boxes[better], iou) for better in kept if classes[row] == classes[better])


def test_equal_scores_keep_their_order():
    boxes = np.array([[0, 0, 1, 1], [5, 5, 6, 6], [9, 9, 10, 10]], np.float32)
    found = suppress(boxes, np.full(3, 0.5, np.float32), np.zeros(3, np.int32), iou=0.5, max_det=300)
    assert found.tolist() == [0, 1, 2]
    overlapping = np.array([[0, 0, 10, 10], [0, 0, 10, 10]], np.float32)
    found = suppress(overlapping, np.full(2, 0.5, np.float32), np.zeros(2, np.int32), iou=0.5, max_det=300)
    assert found.tolist() == [0]


def test_boxes_of_other_classes_stay_unless_agnostic():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10]], np.float32)
    scores, classes = np.array([0.5, 0.9], np.float32), np.array([0, 1])
    assert suppress(boxes, scores, classes, iou=0.5, max_det=9).tolist() == [1, 0]
    assert suppress(boxes, scores, classes, iou=0.5, max_det=9, mode="agnostic").tolist() == [1]


def test_none_only_sorts_and_cuts():
    boxes = np.array([[0, 0, 10, 10]] * 3, np.float32)
    scores = np.array([0.5, 0.9, 0.7], np.float32)
    assert suppress(boxes, scores, np.zeros(3, np.int32), iou=0.1, max_det=2, mode="none").tolist() == [1, 2]


def test_exactly_the_threshold_stays():
    boxes = np.array([[0, 0, 2, 1], [1, 0, 3, 1]], np.float32)  # a third is shared
    scores, classes = np.array([0.9, 0.8], np.float32), np.zeros(2, np.int32)
    third = float(np.float32(1) / np.float32(3))
    assert len(suppress(boxes, scores, classes, iou=third + 1e-6, max_det=9)) == 2
    assert len(suppress(boxes, scores, classes, iou=third - 1e-6, max_det=9)) == 1
    half = np.array([[0, 0, 3, 1], [1, 0, 4, 1]], np.float32)  # exactly a half
    assert len(suppress(half, scores, classes, iou=0.5, max_det=9)) == 2


def test_disjoint_boxes_far_from_the_origin_both_stay():
    """A peer hands corners to a routine that reads sizes, and loses one of these."""
    boxes = np.array([[300, 300, 310, 310], [330, 330, 340, 340]], np.float32)
    assert len(suppress(boxes, np.array([0.9, 0.8], np.float32), np.zeros(2), iou=0.5, max_det=9)) == 2


def test_oriented_boxes_overlap_by_their_true_shapes():
    """Two thin boxes that cross: their upright boxes are the same, they themselves share little."""
    quarter = np.pi / 4
    rotated = np.array([[50, 50, 60, 6, quarter], [50, 50, 60, 6, -quarter], [50, 50, 60, 6, quarter]], np.float32)
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    kept = suppress_rotated(rotated, scores, np.zeros(3), iou=0.5, max_det=9)
    assert kept.tolist() == [0, 1]
    assert suppress_rotated(rotated, scores, np.array([0, 0, 1]), iou=0.5, max_det=9).tolist() == [0, 1, 2]
    agnostic = suppress_rotated(rotated, scores, np.array([0, 0, 1]), iou=0.5, max_det=9, mode="agnostic")
    assert agnostic.tolist() == [0, 1]


def test_upright_oriented_boxes_are_suppressed_as_upright_ones():
    random = np.random.default_rng(2)
    centres, sizes = random.random((30, 2)) * 50, random.random((30, 2)) * 20 + 2
    rotated = np.concatenate((centres, sizes, np.zeros((30, 1))), axis=1).astype(np.float32)
    upright = np.concatenate((centres - sizes / 2, centres + sizes / 2), axis=1).astype(np.float32)
    scores, classes = random.random(30).astype(np.float32), random.integers(0, 2, 30)
    expected = suppress(upright, scores, classes, iou=0.3, max_det=99)
    assert suppress_rotated(rotated, scores, classes, iou=0.3, max_det=99).tolist() == expected.tolist()


def test_soft_suppression_lowers_scores_instead_of_dropping_rows():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 8], [50, 50, 60, 60]], np.float32)
    scores = np.array([0.9, 0.8, 0.3], np.float32)
    rows, softened = soften(boxes, scores, np.zeros(3), conf=0.01, max_det=9)
    assert rows.tolist() == [0, 2, 1]
    np.testing.assert_allclose(softened, [0.9, 0.3, 0.8 * np.exp(-(0.8**2) / 0.5)], rtol=1e-5)
    rows, softened = soften(boxes, scores, np.array([0, 1, 0]), conf=0.01, max_det=9)
    np.testing.assert_allclose(softened, [0.9, 0.8, 0.3])
    assert len(soften(boxes, scores, np.zeros(3), conf=0.5, max_det=9)[0]) == 1


def test_poses_go_by_their_keypoints_and_not_by_their_boxes():
    boxes = np.float32([[0, 0, 100, 200], [0, 0, 100, 200], [0, 0, 100, 200]])
    pose = np.random.default_rng(0).uniform(0, 100, (17, 3)).astype(np.float32)
    other = pose + np.float32([60, 60, 0])
    keypoints = np.stack((pose, pose + np.float32([1, 0, 0]), other))
    scores, classes = np.float32([0.9, 0.8, 0.7]), np.zeros(3, np.int32)
    assert suppress_poses(keypoints, boxes, scores, classes, iou=0.7, max_det=10).tolist() == [0, 2]
    assert suppress_poses(keypoints, boxes, scores, np.arange(3), iou=0.7, max_det=10).tolist() == [0, 1, 2]
    assert suppress_poses(keypoints, boxes, scores, classes, iou=0.7, max_det=1).tolist() == [0]
    assert suppress_poses(keypoints[:0], boxes[:0], scores[:0], classes[:0], iou=0.7, max_det=9).tolist() == []


def test_the_similarity_of_poses_is_cocos():
    boxes = np.float32([[0, 0, 40, 50], [0, 0, 60, 70]])
    keypoints = np.zeros((2, 17, 3), np.float32)
    keypoints[1, :, 0] = np.arange(17)
    area = (40 * 50 + 60 * 70) / 2
    variances = (2 * COCO_SIGMAS.astype(np.float64)) ** 2
    similar = np.exp(-(np.arange(17.0) ** 2) / (2 * area * variances)).mean()
    scores, classes = np.float32([0.9, 0.8]), np.zeros(2, np.int32)
    for iou, count in ((similar + 1e-3, 2), (similar - 1e-3, 1)):
        assert len(suppress_poses(keypoints, boxes, scores, classes, iou=iou, max_det=9)) == count


# ------------------------------------------------------------------------------------------ limits, exactly

APART = np.float32([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10], [60, 0, 70, 10]])
"""Boxes that nothing suppresses."""
FALLING = np.float32([0.9, 0.8, 0.7, 0.6])
ALIKE = np.zeros(4, np.int32)


def turned(boxes, angle=0.0):
    """x1 y1 x2 y2 as oriented boxes of this angle."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.column_stack((boxes[:, :2] + sides / 2, sides, np.full(len(boxes), angle))).astype(np.float32)


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("mode", ["class", "agnostic", "none"])
def test_no_more_rows_stay_than_are_asked_for(limit, mode):
    best = list(range(limit))
    limits = {"iou": 0.5, "max_det": limit}
    assert suppress(APART, FALLING, ALIKE, mode=mode, **limits).tolist() == best
    assert suppress_rotated(turned(APART), FALLING, ALIKE, mode=mode, **limits).tolist() == best
    rows, softened = soften(APART, FALLING, ALIKE, conf=0.1, max_det=limit)
    assert (rows.tolist(), softened.tolist()) == (best, FALLING[:limit].tolist())
    poses = np.zeros((4, 3, 3), np.float32) + APART[:, :1, None] * 10
    assert suppress_poses(poses, APART, FALLING, ALIKE, **limits).tolist() == best


def test_boxes_above_one_another_do_not_suppress_each_other():
    """Their columns are the same and their rows are not."""
    above = np.float32([[0, 0, 100, 10], [0, 20, 100, 30]])
    scores, classes = np.float32([0.9, 0.8]), np.zeros(2, np.int32)
    for boxes in (above, above[:, [1, 0, 3, 2]]):
        assert suppress(boxes, scores, classes, iou=0.0, max_det=9).tolist() == [0, 1]
        assert suppress_rotated(turned(boxes), scores, classes, iou=0.0, max_det=9).tolist() == [0, 1]
        rows, softened = soften(boxes, scores, classes, conf=0.01, max_det=9)
        assert (rows.tolist(), softened.tolist()) == ([0, 1], scores.tolist())


def test_oriented_boxes_that_only_meet_when_they_are_turned_are_compared():
    """Lying, they are one above the other; standing, at a right angle, they are the same but for 4 of 100 pixels."""
    lying = np.float32([[50, 50, 100, 10, 0], [50, 54, 100, 10, 0]])
    standing = lying + np.float32([0, 0, 0, 0, np.pi / 2])
    apart = np.float32([[50, 50, 100, 10, 0], [50, 65, 100, 10, 0]])
    scores, classes = np.float32([0.9, 0.8]), np.zeros(2, np.int32)
    assert suppress_rotated(lying, scores, classes, iou=0.5, max_det=9).tolist() == [0, 1]  # 60 of 140
    assert suppress_rotated(standing, scores, classes, iou=0.5, max_det=9).tolist() == [0]  # 960 of 1040
    assert suppress_rotated(apart, scores, classes, iou=0.0, max_det=9).tolist() == [0, 1]
    met = apart + np.float32([0, 0, 0, 0, np.pi / 2])
    assert suppress_rotated(met, scores, classes, iou=0.5, max_det=9).tolist() == [0]  # 850 of 1150


@pytest.mark.parametrize(("angle", "kept"), [(np.pi / 4, [0]), (-np.pi / 4, [0, 1])])
def test_an_angle_turns_from_x_to_y(angle, kept):
    """Two thin boxes, the second 20 to the right and 20 below: at 45 degrees downwards they lie along one line."""
    rotated = np.float32([[50, 50, 100, 6, angle], [60, 60, 100, 6, angle]])
    assert suppress_rotated(rotated, FALLING[:2], ALIKE[:2], iou=0.5, max_det=9).tolist() == kept


def test_exactly_as_much_overlap_stays_whatever_is_compared():
    half = np.float32([[0, 0, 3, 1], [1, 0, 4, 1]])
    scores, classes = np.float32([0.9, 0.8]), np.zeros(2, np.int32)
    assert suppress_rotated(turned(half), scores, classes, iou=0.5, max_det=9).tolist() == [0, 1]
    assert suppress_rotated(turned(half), scores, classes, iou=0.499, max_det=9).tolist() == [0]
    poses = np.zeros((2, 17, 3), np.float32)
    assert suppress_poses(poses, half, scores, classes, iou=1.0, max_det=9).tolist() == [0, 1]


def test_soft_suppression_keeps_a_score_of_just_the_threshold():
    rows, softened = soften(APART, np.float32([0.5, 0.25, 0.75, 0.125]), ALIKE, conf=0.25, max_det=9)
    assert (rows.tolist(), softened.tolist()) == ([2, 0, 1], [0.75, 0.5, 0.25])


def test_keypoints_without_published_sigmas_take_a_twentieth():
    """Of a box of 100 x 100: d² / (2 · 10000 · 0.1²) is 1 at d = 14.14."""
    boxes = np.float32([[0, 0, 100, 100]] * 2)
    points = np.zeros((2, 5, 3), np.float32)
    points[1, :, 0] = 200**0.5
    similar = float(np.exp(-1.0))
    scores, classes = np.float32([0.9, 0.8]), np.zeros(2, np.int32)
    assert len(suppress_poses(points, boxes, scores, classes, iou=similar + 1e-3, max_det=9)) == 2
    assert len(suppress_poses(points, boxes, scores, classes, iou=similar - 1e-3, max_det=9)) == 1


def test_each_of_coco_s_joints_is_measured_by_its_own_spread():
    """Source: pycocotools 2.0.11, cocoeval.py, line 523, in thousandths."""
    nose_to_wrists = [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62]
    np.testing.assert_allclose(COCO_SIGMAS * 1000, [*nose_to_wrists, 107, 107, 87, 87, 89, 89], rtol=1e-6)
