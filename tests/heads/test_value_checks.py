from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from edgerun.heads import value_checks
from edgerun.tensors import Quantization, TensorSpec


def padded(boxes, rows):
    """A table with so many rows of nothing behind the boxes."""
    return np.concatenate((np.asarray(boxes, float), np.zeros((rows, 4))))


def test_rows_of_nothing_say_nothing_of_units():
    """Three boxes in pixels among three hundred rows."""
    assert not value_checks.unit(padded([[0, 10, 100, 80]] * 3, 297))
    assert value_checks.unit(padded([[0, 0.1, 0.5, 0.8]] * 3, 297))
    assert not value_checks.unit(np.zeros((300, 4)))
    assert not value_checks.unit(np.zeros((0, 4)))


@pytest.mark.parametrize(
    ("largest", "expected"),
    [
        ([1.0] * 100, True),
        ([2.0] * 100, True),  # sticking out by a whole image
        ([2.1] * 100, False),
        ([0.5] * 95 + [9.0] * 5, True),  # a few wild ones are still fractions
        ([0.5] * 85 + [9.0] * 15, False),
        ([0.5] * 95 + [16.0] * 5, True),
        ([0.5] * 95 + [17.0] * 5, False),  # but no box is so large
    ],
)
def test_boxes_are_fractions_where_nearly_all_stay_within_the_image(largest, expected):
    boxes = np.zeros((100, 4))
    boxes[:, 2] = largest
    assert value_checks.unit(boxes) is expected
    assert value_checks.unit(-boxes) is expected


def test_corners_lie_all_over_an_input_in_the_units_of_its_own_sides():
    """An input four times as wide as it is high, and one as narrow."""
    x, y = np.meshgrid(np.arange(4, 640, 8), np.arange(4, 160, 8))
    points = np.stack((x.ravel(), y.ravel()), axis=1)
    wide = np.concatenate((points - 6, points + 6), axis=1)
    assert value_checks.spans(wide, 160, 640)
    assert value_checks.spans(wide[:, [1, 0, 3, 2]], 640, 160)
    upper = wide[wide[:, 1] < 40]  # a quarter of the height
    assert not value_checks.spans(upper, 160, 640)
    assert not value_checks.spans(upper[:, [1, 0, 3, 2]], 640, 160)
    left = wide[wide[:, 0] < 150]
    assert not value_checks.spans(left, 160, 640)


def test_corners_end_after_they_start_in_both_directions():
    boxes = np.array([[10, 10, 20, 20]] * 10, float)
    assert value_checks.corners(boxes)
    for column in (2, 3):
        turned = boxes.copy()
        turned[:2, column] = 5
        assert not value_checks.corners(turned)


@pytest.mark.parametrize(("values", "expected"), [([0, 3], True), ([0.5], False), ([-1, 2], False), ([], False)])
def test_numbers_of_classes_are_whole_and_begin_at_0(values, expected):
    assert value_checks.integers(np.array(values, float)) is expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0, 1], True), ([-0.02, 1.02], True), ([-0.03, 1], False), ([0, 1.03], False), ([], False)],
)
def test_scores_lie_in_0_to_1_but_for_a_step(values, expected):
    assert value_checks.shares(np.array(values)) is expected
    assert not value_checks.shares(np.array([0.5, np.nan]))


def test_scores_stored_in_large_steps_are_lost():
    def spec(scale):
        return TensorSpec("y", (1, 4), "int8", Quantization((scale,), (0,)))

    assert value_checks.coarse(spec(0.1)) == ""
    assert "steps of 0.11" in value_checks.coarse(spec(0.11))
    assert value_checks.coarse(TensorSpec("y", (1, 4))) == ""


def test_sizes_are_cut_off_where_many_are_the_largest():
    assert value_checks.clipped(np.array([1.0] * 94 + [2.0] * 6))
    assert not value_checks.clipped(np.array([1.0] * 95 + [2.0] * 5))


def test_probabilities_add_up_to_1_row_by_row():
    assert value_checks.sum_to_one(np.array([[0.25, 0.75], [1.0, 0.0]]))
    assert not value_checks.sum_to_one(np.array([[0.25, 0.75], [0.5, 0.4]]))


@pytest.mark.parametrize("percent", [0, 5, 10, 50, 90, 99, 100])
@pytest.mark.parametrize("count", [1, 2, 11, 300])
@pytest.mark.parametrize("axis", [0, -1])
def test_percentiles_are_those_of_numpy(percent, count, axis):
    shape = (count, 4) if axis == 0 else (3, count)
    values = np.random.default_rng(count).normal(0, 50, shape).astype(np.float32)
    expected = np.percentile(values, percent, axis=axis)
    np.testing.assert_allclose(value_checks.percentile(values, percent, axis), expected, rtol=1e-5)


def test_percentiles_of_nan_or_nothing_are_nan():
    values = np.array([[1, 2, np.nan], [1, 2, 3]], np.float32)
    np.testing.assert_array_equal(value_checks.percentile(values, 50), np.percentile(values, 50, axis=1))
    assert np.isnan(value_checks.percentile(np.zeros(0), 90))


def test_percentiles_leave_masked_arrays_unimported():
    code = (
        "import sys, numpy; from edgerun.heads import value_checks; value_checks.percentile(numpy.arange(9.0), 90);"
        "print('numpy.ma' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
