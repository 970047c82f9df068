from __future__ import annotations

import random

import pytest

from edgerun.tools.bench.comparison import compare, places, spread


def times(middle, seed, rounds=60):
    generator = random.Random(seed)
    return [middle * generator.lognormvariate(0, 0.02) for _ in range(rounds)]


def test_the_interval_holds_the_ratio_and_both_ways_agree():
    slow, fast = times(1.5, 1), times(1.0, 2)
    found, back = compare(slow, fast), compare(fast, slow)
    assert found.low < 1.5 < found.high
    assert found.high / found.low < 1.05
    assert (found.verdict, back.verdict) == ("slower", "faster")
    assert back.ratio == pytest.approx(1 / found.ratio)


def test_what_hits_both_sides_of_a_round_drops_out():
    load = [1.0, 10.0, 3.0] * 20
    slow, fast = ([middle * factor for factor in load] for middle in (1.2, 1.0))
    assert compare(slow, fast).low == pytest.approx(1.2)


def test_the_interval_misses_the_true_ratio_seldom():
    missed = 0
    for seed in range(200):
        found = compare(times(1, seed), times(1, seed + 1000))
        missed += not found.low <= 1 <= found.high
    assert missed <= 8


def test_within_two_per_cent_nothing_is_ranked_however_sure():
    assert compare([1.015] * 60, [1.0] * 60).verdict == "equal within noise"
    assert compare([1.025] * 60, [1.0] * 60).verdict == "slower"


def test_fewer_than_ten_rounds_rank_nothing():
    assert compare([2.0] * 9, [1.0] * 9).verdict == "equal within noise"
    assert compare([2.0] * 10, [1.0] * 10).verdict == "slower"


def test_models_that_are_alike_share_a_place():
    assert places([times(2, 1), times(1, 2), times(1, 3), times(3, 4)]) == [3, 1, 1, 4]
    assert places([times(1, 1)]) == [1]


def test_percentiles_are_those_of_linear_interpolation():
    found = spread([float(value) for value in range(101)])
    assert found == {"median": 50, "p50": 50, "p95": 95, "p99": 99, "iqr": 50}
