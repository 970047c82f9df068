from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from edgerun.heads import scores as scoring

tables = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.floats(-8, 8, width=32))


@settings(deadline=None)
@given(tables, st.floats(0, 1), st.booleans(), st.booleans())
def test_the_best_class_of_every_row_that_reaches_the_threshold(table, conf, logits, turned):
    table = np.asfortranarray(table) if turned else table
    kept, scores, classes = scoring.best(table, conf, logits=logits)
    reached = scoring.sigmoid(table.max(axis=1)) if logits else table.max(axis=1)
    np.testing.assert_array_equal(kept, np.flatnonzero(reached >= np.float32(conf)))
    np.testing.assert_array_equal(classes, table[kept].argmax(axis=1))
    expected = table[kept].max(axis=1, initial=-np.inf)
    np.testing.assert_allclose(scores, scoring.sigmoid(expected) if logits else expected)
    assert (scores.dtype, classes.dtype) == (np.float32, np.int32)


def test_a_row_whose_largest_score_is_no_number_is_left_out():
    kept, _, _ = scoring.best(np.array([[0.9, np.nan], [0.2, 0.8]], np.float32), 0.5)
    np.testing.assert_array_equal(kept, [1])


def test_no_rows_and_no_classes_give_nothing():
    for shape in ((0, 4), (3, 0)):
        kept, scores, classes = scoring.best(np.empty(shape, np.float32), 0.0)
        assert len(kept) == len(scores) == len(classes) == 0


def test_sigmoid_and_logit_undo_each_other_and_never_overflow():
    for share in (0.001, 0.25, 0.5, 0.999):
        assert scoring.sigmoid(np.float32(scoring.logit(share))) == pytest.approx(share, abs=1e-6)
    np.testing.assert_array_equal(scoring.sigmoid(np.array([-1e4, 1e4], np.float32)), [0, 1])
    assert (scoring.logit(0), scoring.logit(1)) == (-math.inf, math.inf)


def test_an_expectation_is_the_mean_of_the_bins():
    assert scoring.expectation(np.zeros((1, 5), np.float32)) == pytest.approx(2)
    assert scoring.expectation(np.array([-99, -99, 99, -99], np.float32)) == pytest.approx(2)


@pytest.mark.parametrize("conf", [0.001, 0.25, 0.3, 0.5, 0.9, 0.999, 0.99999])
def test_a_logit_whose_score_is_just_the_threshold_is_kept(conf):
    """Thresholds are compared with scores, not with logits, which round otherwise."""
    table = (np.float32(scoring.logit(conf)) + np.linspace(-1e-3, 1e-3, 301, dtype=np.float32))[:, None]
    found = scoring.sigmoid(table[:, 0])
    for score in np.unique(found):
        kept, scores, _ = scoring.best(table, float(score), logits=True)
        assert kept.tolist() == np.flatnonzero(found >= score).tolist()
        assert scores.min() == score
    assert scoring.best(np.float32([[-30], [30]]), 1.0, logits=True)[0].tolist() == [1]
    assert scoring.best(np.float32([[-30], [30]]), 0.0, logits=True)[0].tolist() == [0, 1]


def test_one_class_is_kept_from_the_threshold_on():
    rows, scores, classes = scoring.of_one_class(np.float32([0.25, 0.75, 0.125]), 0.25)
    assert (rows.tolist(), scores.tolist(), classes.tolist()) == ([0, 1], [0.25, 0.75], [0, 0])


def test_a_background_in_front_is_no_class():
    tables = {"scores": np.float32([[0.9, 0.1, 0.25], [0.1, 0.5, 0.25]])}
    rows, scores, classes = scoring.best_behind_background(tables, 0.25)
    assert (rows.tolist(), scores.tolist(), classes.tolist()) == ([0, 1], [0.25, 0.5], [1, 0])
    rows, scores, _ = scoring.face_of_two({"logits": np.float32([[0, 0], [3, 1]])}, 0.5)
    assert (rows.tolist(), scores.tolist()) == ([0], [0.5])
