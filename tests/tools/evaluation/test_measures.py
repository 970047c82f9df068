from __future__ import annotations

import numpy as np
import pytest

from edgerun.tools.average_precision import Labelled, Matched
from edgerun.tools.evaluation.measures import NAMES, measure

SMALL, LARGE = (0, 0, 20, 20), (100, 100, 300, 260)


def scene(*rows, classes=(1, 2), area=None):
    """A small and a large object, and rows (box, class, score) of what was found."""
    table = np.float32([box for box, _, _ in rows]).reshape(-1, 4)
    found = Matched(table, np.float32([row[2] for row in rows]), np.array([row[1] for row in rows], int))
    truth = Labelled(np.float32([SMALL, LARGE]), np.array(classes), np.zeros(2, bool), area)
    return measure([found], [truth])


def test_one_class_found_and_one_not():
    result = scene((LARGE, 2, 0.9))
    assert result.values["AP"] == result.values["AP50"] == result.values["AR_100"] == pytest.approx(0.5)
    assert (result.values["AP_small"], result.values["AP_large"]) == (pytest.approx(0), pytest.approx(1))
    assert result.values["AP_medium"] is None, "no object is of that size"
    assert result.by_class == {1: pytest.approx(0), 2: pytest.approx(1)}


def test_a_box_that_fits_by_three_quarters():
    """IoU .75: found at .5 to .75, six of ten thresholds."""
    result = scene((SMALL, 1, 0.8), ((100, 100, 300, 220), 2, 0.9))
    assert result.values["AP50"] == pytest.approx(1)
    assert result.values["AP75"] == pytest.approx(1)
    assert result.by_class[2] == pytest.approx(0.6)


def test_the_size_is_that_of_the_outline_where_the_labels_have_one():
    assert scene((LARGE, 2, 0.9), area=np.array([400.0, 500.0])).values["AP_small"] == pytest.approx(0.5)


def test_the_curve_falls_where_a_wrong_row_comes_first():
    result = scene((SMALL, 1, 0.9), ((400, 400, 450, 450), 2, 0.8), (LARGE, 2, 0.7))
    assert (len(result.recall), len(result.precision)) == (101, 101)
    assert result.precision[0] == pytest.approx((1 + 0.5) / 2)


def test_nothing_found_is_nought():
    assert scene().values == dict.fromkeys(NAMES, 0.0)
