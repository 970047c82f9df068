from __future__ import annotations

import numpy as np
import pytest

from edgerun.tools.average_precision import ANY_CLASS, Labelled, Matched
from edgerun.tools.evaluation.error_split import KINDS, split

CAT, DOG = 3, 8
HERE, THERE = (0, 0, 100, 40), (300, 0, 360, 90)
QUARTER = (0, 0, 25, 40)  # IoU with HERE .25
FAR = (800, 800, 860, 830)


def labels(*objects, crowd=()):
    """(box, class) of one image; `crowd` are the places of those that are regions."""
    boxes = np.float32([box for box, _ in objects]).reshape(-1, 4)
    classes = np.array([number for _, number in objects], int)
    return Labelled(boxes, classes, np.isin(np.arange(len(objects)), crowd))


def rows(*found):
    """(box, class, score) of one image."""
    boxes = np.float32([box for box, _, _ in found]).reshape(-1, 4)
    scores = np.float32([score for _, _, score in found])
    return Matched(boxes, scores, np.array([number for _, number, _ in found], int))


def counted(found, truth):
    """The kinds of mistakes that there are."""
    result = split([found], [truth])
    return {kind: number for kind, number in result.counts.items() if number}


def test_all_found_costs_nothing():
    result = split([rows((HERE, CAT, 0.9), (THERE, DOG, 0.8))], [labels((HERE, CAT), (THERE, DOG))])
    assert result.ap50 == pytest.approx(1)
    assert result.counts == dict.fromkeys(KINDS, 0)
    assert result.costs == pytest.approx(dict.fromkeys(KINDS, 0))


@pytest.mark.parametrize(
    ("box", "number", "kind"),
    [
        (QUARTER, CAT, {"box": 1}),
        (HERE, DOG, {"class": 1}),
        (QUARTER, DOG, {"both": 1, "missed": 1}),
        (FAR, CAT, {"background": 1, "missed": 1}),
    ],
)
def test_the_kind_of_a_row_that_stands_alone(box, number, kind):
    assert counted(rows((box, number, 0.9)), labels((HERE, CAT))) == kind


def test_a_second_row_of_an_object_is_a_duplicate():
    assert counted(rows((HERE, CAT, 0.9), (HERE, CAT, 0.5)), labels((HERE, CAT))) == {"duplicate": 1}


def test_nothing_found_is_missed():
    assert counted(rows(), labels((HERE, CAT), (THERE, DOG))) == {"missed": 2}


def test_a_box_that_sits_badly_counts_before_another_class():
    """It overlaps a dog wholly and a cat by a quarter: had it sat better, it were the cat."""
    found = rows((QUARTER, CAT, 0.9))
    assert counted(found, labels((HERE, CAT), (QUARTER, DOG))) == {"box": 1, "missed": 1}


@pytest.mark.parametrize(
    ("width", "kind"),
    [(10, "box"), (9.9, "background"), (50, None), (49.9, "box")],
)
def test_the_limits_of_the_overlap(width, kind):
    """IoU .1 is a box that sits badly, just below is background; .5 has found the object."""
    found = counted(rows(((0, 0, width, 40), CAT, 0.9)), labels((HERE, CAT)))
    assert set(found) - {"missed"} == ({kind} if kind else set())


def test_in_a_crowd_nothing_is_wrong():
    region = (500, 500, 900, 900)
    found = rows((HERE, CAT, 0.9), ((510, 510, 540, 560), CAT, 0.95), ((510, 510, 540, 560), DOG, 0.5))
    assert counted(found, labels((HERE, CAT), (region, CAT), crowd=[1])) == {"background": 1}


def test_what_each_kind_costs():
    """Two cats and a dog. Of the cats one is found below a duplicate of background; the dog is called a cat.

    Cats: rows background, cat, (dog's row), right for one of two: precision 1/2 up to a recall of 1/2, which are 51 of
    101 places. Dogs: nothing.
    """
    found = rows((FAR, CAT, 0.9), (HERE, CAT, 0.8), (THERE, CAT, 0.7))
    truth = labels((HERE, CAT), ((0, 200, 100, 240), CAT), (THERE, DOG))
    result = split([found], [truth])
    half = 51 / 101
    assert result.ap50 == pytest.approx(half * 0.5 / 2)
    assert result.counts == {"box": 0, "class": 1, "duplicate": 0, "background": 1, "both": 0, "missed": 1}
    assert result.costs["background"] == pytest.approx((half - half * 0.5) / 2)
    assert result.costs["class"] == pytest.approx(0.5), "the dog is found, and no cat was lost"
    assert result.costs["missed"] == pytest.approx((0.5 - half * 0.5) / 2), "one cat of one"
    assert result.costs["box"] == result.costs["both"] == result.costs["duplicate"] == 0


def test_of_two_mistakes_for_one_object_the_surer_becomes_the_hit():
    found = rows((QUARTER, CAT, 0.9), ((0, 0, 30, 40), CAT, 0.8))
    result = split([found], [labels((HERE, CAT))])
    assert result.counts["box"] == 2
    assert (result.ap50, result.costs["box"]) == (0, pytest.approx(1))


def test_a_mistake_for_an_object_that_is_found_only_goes():
    found = rows((QUARTER, CAT, 0.9), (HERE, CAT, 0.8))
    result = split([found], [labels((HERE, CAT))])
    assert result.ap50 == pytest.approx(0.5)
    assert result.costs["box"] == pytest.approx(0.5)
    also_missed = split([found], [labels((HERE, CAT), (THERE, CAT))])
    assert also_missed.ap50 + also_missed.costs["box"] == pytest.approx(51 / 101), "one of two, once"


def test_classes_do_not_count_where_no_name_is_in_common():
    assert counted(rows((HERE, ANY_CLASS, 0.9), (THERE, ANY_CLASS, 0.8)), labels((HERE, CAT), (THERE, DOG))) == {}


def test_objects_are_told_apart_over_images():
    """The second image's cat is missed, not taken by the first image's row."""
    result = split([rows((QUARTER, CAT, 0.9)), rows()], [labels((HERE, CAT)), labels((HERE, CAT))])
    assert (result.counts["box"], result.counts["missed"]) == (1, 1)
    both = split([rows((HERE, CAT, 0.9)), rows((QUARTER, CAT, 0.8))], [labels((HERE, CAT)), labels((HERE, CAT))])
    assert both.ap50 + both.costs["box"] == pytest.approx(1)


def test_at_most_a_hundred_rows_of_an_image_count():
    far = [((1000 + 50 * place, 0, 1040 + 50 * place, 40), CAT, 0.9 - place / 1000) for place in range(120)]
    result = split([rows(*far, (HERE, CAT, 0.1))], [labels((HERE, CAT))])
    assert result.counts == dict.fromkeys(KINDS, 0) | {"background": 100, "missed": 1}


def test_images_without_objects_and_no_images():
    assert counted(rows((HERE, CAT, 0.9)), labels()) == {"background": 1}
    assert split([], []).ap50 == 0


@pytest.mark.parametrize("seed", range(6))
def test_its_precision_is_that_of_cocos_evaluation(seed):
    """Random scenes with crowds; scores in eighths of a part of a row, so that none are equal across images."""
    evaluation = pytest.importorskip("faster_coco_eval", reason="faster-coco-eval is not installed")
    assert evaluation
    from edgerun.tools.average_precision import coco_evaluation

    random = np.random.default_rng(seed)
    found, truth = [], []
    for _ in range(10):
        corners = random.uniform(0, 300, (5, 2))
        boxes = np.concatenate((corners, corners + random.uniform(10, 90, (5, 2))), axis=1).astype(np.float32)
        truth.append(Labelled(boxes, random.integers(0, 3, 5), random.random(5) < 0.15))
        near = np.repeat(boxes, 3, axis=0) + random.normal(0, 9, (15, 4)).astype(np.float32)
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 2)
        found.append(Matched(near, random.random(15).astype(np.float32), random.integers(0, 3, 15)))
    assert split(found, truth).ap50 == pytest.approx(coco_evaluation(found, truth).stats[1], abs=1e-6)
