"""What is right passes in another order and with rounding; what is wrong does not, and is told by how much."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.detections import Detections
from edgerun.tools.agreement import comparable, compare


def answer(seed=0, count=120, **columns):
    random = np.random.default_rng(seed)
    corners = random.uniform(0, 500, (count, 2))
    boxes = np.concatenate((corners, corners + random.uniform(10, 100, (count, 2))), 1).astype(np.float32)
    scores = np.sort(random.uniform(0.05, 0.9, count)).astype(np.float32)[::-1]
    return {"boxes": boxes, "scores": scores, "classes": random.integers(0, 80, count), **columns}


def changed(answer, **columns):
    return {**answer, **columns}


def test_equal_answers_agree():
    found = compare([answer()], [answer()])
    assert found.found == found.judged > 100
    assert (found.pixels, found.score, found.fault) == (0, 0, "")


def test_the_order_of_rows_does_not_matter():
    one = answer()
    order = np.random.default_rng(1).permutation(len(one["scores"]))
    assert not compare([one], [{name: column[order] for name, column in one.items()}]).fault


def test_the_rounding_of_half_floats_agrees_and_is_told():
    one = answer()
    other = {name: column.astype(np.float16).astype(np.float32) for name, column in one.items()}
    found = compare([one], [other])
    assert not found.fault
    assert 0 < found.pixels <= 0.5
    assert 0 < found.score < 0.001


WRONG = {
    "shifted": lambda one: changed(one, boxes=one["boxes"] + 40),
    "turned": lambda one: changed(one, boxes=one["boxes"][:, [1, 0, 3, 2]]),
    "no boxes": lambda one: changed(one, boxes=one["boxes"] * 0),
    "half the score": lambda one: changed(one, scores=one["scores"] * 0.5),
    "no score": lambda one: changed(one, scores=one["scores"] * 0),
    "other scores": lambda one: changed(one, scores=one["scores"][::-1].copy()),
    "other classes": lambda one: changed(one, classes=(one["classes"] + 1) % 80),
    "nothing": lambda one: {name: column[:0] for name, column in one.items()},
    "another picture": lambda one: answer(9),
}
PARTLY = {
    "half the rows": lambda one: {name: column[::2] for name, column in one.items()},
    "ghosts": lambda one: {name: np.concatenate((column, answer(5)[name])) for name, column in one.items()},
}


@pytest.mark.parametrize("wrong", [*WRONG.values(), *PARTLY.values()], ids=[*WRONG, *PARTLY])
def test_what_is_wrong_is_told(wrong):
    assert compare([answer()], [wrong(answer())]).fault


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_of_a_model_of_eight_bits_too(wrong):
    assert compare([answer()], [wrong(answer())], quantised=True).fault


def test_how_far_off_is_told():
    one = answer()
    fault = compare([one], [changed(one, boxes=one["boxes"] + 40)]).fault
    assert "boxes agree with the reference" in fault
    assert "pixels" in fault
    assert compare([one], [answer(count=0)]).fault == "it finds nothing where the reference does"


def test_one_wrong_picture_among_three_is_enough():
    three = [answer(seed) for seed in range(3)]
    assert compare(three, [*three[:2], answer(9)]).fault


def test_eight_bits_have_steps():
    one = answer()
    steps = changed(one, scores=np.round(one["scores"] * 64) / 64, boxes=np.round(one["boxes"] / 3) * 3)
    assert not compare([one], [steps], quantised=True).fault


def test_weak_rows_do_not_count():
    one = answer()
    weak = one["scores"] < 0.2 * one["scores"].max()
    other = changed(one, boxes=np.where(weak[:, None], one["boxes"] + 300, one["boxes"]))
    assert weak.any()
    assert not compare([one], [other]).fault


def test_a_full_list_may_cut_off_its_last_rows():
    long, short = answer(), {name: column[:40] for name, column in answer().items()}
    assert not compare([short], [short]).fault
    swapped = {name: np.concatenate((column[:39], column[40:41])) for name, column in long.items()}
    assert not compare([short], [swapped]).fault


def test_a_classifier_is_compared_by_class():
    whole = np.tile(np.array([0, 0, 224, 224], np.float32), (5, 1))
    one = {"boxes": whole, "scores": np.array([0.06, 0.05, 0.04, 0.03, 0.02], np.float32), "classes": np.arange(5)}
    assert not compare([one], [one]).fault
    assert compare([one], [changed(one, classes=np.arange(5) + 7)]).fault


@pytest.mark.parametrize(
    ("column", "right", "wrong"),
    [
        ("keypoints", np.zeros((120, 17, 3), np.float32), np.full((120, 17, 3), 90, np.float32)),
        ("rotated", np.zeros((120, 5), np.float32), np.full((120, 5), 90, np.float32)),
        ("masks", np.ones((100, 20, 20), np.float32), np.eye(20, dtype=np.float32)[None].repeat(100, 0)),
    ],
)
def test_further_columns_count(column, right, wrong):
    one = answer(**{column: right})
    assert not compare([one], [changed(one)]).fault
    assert compare([one], [changed(one, **{column: wrong})]).fault


def test_where_the_reference_finds_nothing_there_is_no_verdict():
    nothing = answer(count=0)
    assert compare([nothing], [nothing]) is None
    faint = changed(answer(), scores=np.full(120, 1e-6, np.float32))
    assert compare([faint], [faint]) is None


def test_columns_are_taken_from_detections():
    found = Detections(np.zeros((2, 4), np.float32), np.ones(2, np.float32), np.zeros(2, np.int32))
    assert set(comparable(found)) == {"boxes", "scores", "classes"}


# ----------------------------------------------------------------------------------- just enough, and just too far


def rows(top, boxes=((10, 10, 110, 60), (200, 200, 300, 250)), **columns):
    """Two rows, the better of which scores `top`."""
    return {
        "boxes": np.float32(boxes), "scores": np.float32([top, top * 0.9]), "classes": np.array([1, 2]), **columns,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("top", "quantised", "judged"),
    [(2.4e-4, False, 0), (2.6e-4, False, 4), (0.050, True, 0), (0.051, True, 4), (0.9, False, 4), (0.9, True, 4)],
)
def test_a_picture_is_judged_from_a_score_of_twice_the_tolerance_on(top, quantised, judged):
    """1e-4 and a tenth of the score: half of 2.5e-4; 0.02 more where there are steps: half of 0.05025."""
    found = compare([rows(top)], [rows(top)], quantised=quantised)
    assert (0 if found is None else found.judged) == judged


@pytest.mark.parametrize("edge", range(4))
@pytest.mark.parametrize(("off", "agrees"), [(6.6, True), (7.1, False)])
def test_each_edge_may_be_off_by_two_pixels_and_a_twentieth_of_the_longer_side(edge, off, agrees):
    boxes = rows(0.9)["boxes"].copy()
    boxes[:, edge] += off
    assert (compare([rows(0.9)], [rows(0.9, boxes)]).fault == "") is agrees


@pytest.mark.parametrize(("off", "agrees"), [(0.089, True), (0.092, False)])
def test_scores_may_be_off_by_a_tenth_of_the_best(off, agrees):
    other = rows(0.9)
    other["scores"] = other["scores"] - np.float32(off)
    assert (compare([rows(0.9)], [other]).fault == "") is agrees


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(("off", "agrees"), [(13.9, True), (14.1, False)])
def test_keypoints_may_be_off_by_twice_as_much_in_either_direction(place, off, agrees):
    points = np.zeros((2, 5, 3), np.float32)
    moved = points.copy()
    moved[:, 3, place] += off
    assert (compare([rows(0.9, keypoints=points)], [rows(0.9, keypoints=moved)]).fault == "") is agrees


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(("off", "agrees"), [(6.9, True), (7.1, False)])
def test_centres_of_oriented_boxes_may_be_off_in_either_direction(place, off, agrees):
    turned = np.zeros((2, 5), np.float32)
    moved = turned.copy()
    moved[:, place] += off
    assert (compare([rows(0.9, rotated=turned)], [rows(0.9, rotated=moved)]).fault == "") is agrees


@pytest.mark.parametrize(("shift", "agrees"), [(0, True), (1, True), (2, False), (5, False), (10, False)])
def test_masks_are_the_same_that_share_nearly_all(shift, agrees):
    """Ten rows of twenty pixels: shifted by one they share 180 of 220, by two 160 of 240, by five half of one."""
    masks = np.zeros((2, 40, 20), np.float32)
    masks[:, 5:15] = 1
    assert (compare([rows(0.9, masks=masks)], [rows(0.9, masks=np.roll(masks, shift, axis=1))]).fault == "") is agrees


def test_few_pixels_of_a_mask_do_not_count():
    small, none = np.zeros((2, 20, 20), np.float32), np.zeros((2, 20, 20), np.float32)
    small[:, :2, :5] = 1  # ten pixels, all of them missing: 0 of 10, and 8 do not count
    assert not compare([rows(0.9, masks=small)], [rows(0.9, masks=none)]).fault
    small[:, 2, 0] = 1
    assert compare([rows(0.9, masks=small)], [rows(0.9, masks=none)]).fault


def test_what_only_the_other_side_finds_is_a_fault_too():
    more = rows(0.9)
    more["boxes"] = np.concatenate((more["boxes"], more["boxes"] + 400))
    more["scores"], more["classes"] = np.tile(more["scores"], 2), np.tile(more["classes"], 2)
    for one, other in ((rows(0.9), more), (more, rows(0.9))):
        found = compare([one], [other])
        assert (found.judged, found.found) == (6, 4)
        assert found.fault.startswith("4 of 6 boxes agree")
