from __future__ import annotations

import numpy as np
import pytest

from edgerun.tools.average_precision import ANY_CLASS, NO_CLASS, Labelled, Matched, average_precision

THING, OTHER, REGION = (10, 10, 60, 60), (100, 10, 160, 60), (200, 0, 400, 200)
INSIDE = ((210, 10, 260, 60), (300, 100, 360, 160), (220, 120, 280, 190))


def truth(*boxes, classes=None, crowd=()):
    """Labels of one photo; `crowd` names the boxes that are regions."""
    table = np.float32(boxes).reshape(-1, 4)
    return Labelled(
        table, np.array([0] * len(table) if classes is None else classes, int), np.isin(np.arange(len(table)), crowd)
    )


def found(*rows, classes=None):
    """(box, score) of one photo."""
    table = np.float32([box for box, _ in rows]).reshape(-1, 4)
    scores = np.float32([score for _, score in rows])
    return Matched(table, scores, np.array([0] * len(table) if classes is None else classes, int))


def test_what_is_found_in_a_crowd_is_neither_right_nor_wrong():
    """Three hits in a region, all surer than the one thing that is labelled."""
    hits = [(box, 0.95) for box in INSIDE]
    labels = truth(THING, REGION, crowd=[1])
    assert average_precision([found((THING, 0.9), *hits)], [labels]) == pytest.approx(1)
    assert average_precision([found((THING, 0.9))], [labels]) == pytest.approx(1)
    as_objects = truth(THING, REGION)
    assert average_precision([found((THING, 0.9), *hits)], [as_objects]) < 0.3


def test_what_is_not_labelled_is_wrong_where_it_is_surer():
    labels = truth(THING)
    assert average_precision([found((THING, 0.9), (OTHER, 0.8))], [labels]) == pytest.approx(1)
    assert average_precision([found((THING, 0.8), (OTHER, 0.9))], [labels]) == pytest.approx(0.5)
    assert average_precision([found((THING, 0.9))], [truth(THING, OTHER)]) == pytest.approx(0.505, abs=0.01)


@pytest.mark.parametrize(("right", "precision"), [(60, 1.0), (50, 0.7), (36, 0.1), (34, 0.0)])
def test_a_box_counts_for_as_many_thresholds_as_it_overlaps(right, precision):
    """Widths of 50, 40, 26 and 24 of 50: an overlap of 1, .8, .52 and .48."""
    assert average_precision([found(((10, 10, right, 60), 0.9))], [truth(THING)]) == pytest.approx(precision, abs=1e-6)


def test_classes_count_unless_one_is_any():
    labels = truth(THING, classes=[3])
    assert average_precision([found((THING, 0.9), classes=[3])], [labels]) == pytest.approx(1)
    assert average_precision([found((THING, 0.9), classes=[4])], [labels]) == 0
    assert average_precision([found((THING, 0.9), classes=[NO_CLASS])], [labels]) == 0
    assert average_precision([found((THING, 0.9), classes=[ANY_CLASS])], [labels]) == pytest.approx(1)
    assert average_precision([found()], [labels]) == 0


def test_photos_are_scored_together_and_their_boxes_are_not_mixed_up():
    labels = [truth(THING), truth(OTHER)]
    assert average_precision([found((THING, 0.9)), found((OTHER, 0.8))], labels) == pytest.approx(1)
    assert average_precision([found((OTHER, 0.9)), found((THING, 0.8))], labels) == 0
