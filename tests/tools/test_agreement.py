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
