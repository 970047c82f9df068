"""The fastest is found in noise, on a clock that only the test moves."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from edgerun.errors import EdgerunError
from edgerun.tools.tune import race


class Machine:
    """Entrants of known speed on a noisy clock."""

    def __init__(self, speeds, clock):
        self.speeds, self.clock = speeds, clock
        self.measured = dict.fromkeys(speeds, 0)

    def measure(self, entrant):
        self.measured[entrant] += 1
        return statistics.median(self.clock.spend(self.speeds[entrant]) for _ in range(3))

    def race(self, budget, **options):
        order = list(self.speeds)
        options = {"simplicity": lambda entrant: (order.index(entrant),), **options}
        return race.run(order, self.measure, left=lambda: budget - self.clock.now, **options)


@pytest.fixture
def noisy(noisy_clock):
    """A machine, by its entrants' speeds and a seed."""
    return lambda speeds, seed: Machine(speeds, noisy_clock(seed))


@pytest.mark.parametrize("speeds", [{"a": 0.011, "b": 0.010, "c": 0.012, "d": 0.03}, {"a": 0.055, "b": 0.05, "c": 0.2}])
def test_of_forty_races_at_least_thirty_eight_find_the_fastest(speeds, noisy):
    outcomes = [noisy(speeds, seed).race(60) for seed in range(40)]
    assert sum(outcome.chosen == "b" for outcome in outcomes) >= 38
    assert sum(outcome.clear for outcome in outcomes) >= 30


def test_who_is_slower_beyond_doubt_is_not_measured_any_more(noisy):
    machine = noisy({"slow": 0.1, "near": 0.0102, "fast": 0.01}, 3)
    outcome = machine.race(30)
    assert outcome.dropped["slow"] == 3
    assert machine.measured["slow"] == 3
    assert machine.measured["fast"] > 10


def test_who_is_to_be_compared_with_stays_for_ten_rounds(noisy):
    machine = noisy({"slow": 0.1, "fast": 0.01}, 3)
    outcome = machine.race(60, keep=lambda entrant: entrant == "slow")
    assert len(outcome.seconds["slow"]) == 10


def test_of_those_that_are_alike_the_simpler_is_chosen_and_it_is_said(noisy):
    outcomes = [noisy({"simple": 0.01, "other": 0.01, "slow": 0.02}, seed).race(60) for seed in range(20)]
    assert statistics.mode(outcome.chosen for outcome in outcomes) == "simple"
    assert sum(outcome.chosen == "simple" for outcome in outcomes) >= 17
    for outcome in outcomes:
        assert outcome.chosen != "slow"
        assert outcome.clear == (len(outcome.level) == 1)


def test_a_race_of_equals_ends_before_the_time_is_up(noisy):
    machine = noisy({"one": 0.001, "other": 0.001}, 1)
    clock = machine.clock
    clock.spend = lambda seconds: setattr(clock, "now", clock.now + seconds) or seconds  # without noise
    outcome = machine.race(3600)
    assert outcome.rounds < 20
    assert outcome.chosen == "one"
    assert not outcome.clear


def test_with_little_time_the_leader_is_chosen_and_nothing_is_called_clear(noisy):
    outcome = noisy({"slow": 0.013, "fast": 0.01}, 2).race(0.15)
    assert 1 <= outcome.rounds <= 3
    assert not outcome.clear


def test_a_few_rounds_are_run_even_when_no_time_is_left(noisy):
    assert noisy({"slow": 0.013, "fast": 0.01}, 2).race(-1, least=3).rounds == 3
    assert noisy({"slow": 0.013, "fast": 0.01}, 2).race(-1).chosen is None


def test_one_alone_wins(noisy):
    outcome = noisy({"only": 0.01}, 1).race(10)
    assert (outcome.chosen, outcome.clear) == ("only", True)


def test_ctrl_c_keeps_whole_rounds(noisy):
    machine = noisy({"slow": 0.02, "fast": 0.01}, 1)
    measure, calls = machine.measure, []

    def interrupted(entrant):
        calls.append(entrant)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return measure(entrant)

    machine.measure = interrupted
    outcome = machine.race(60, keep=lambda entrant: True)
    assert outcome.interrupted
    assert outcome.chosen == "fast"
    assert outcome.rounds == 5
    assert {len(times) for times in outcome.seconds.values()} == {5}


def test_ctrl_c_before_the_first_round_is_over_chooses_nothing(noisy):
    machine = noisy({"one": 0.01}, 1)
    machine.measure = lambda entrant: (_ for _ in ()).throw(KeyboardInterrupt)
    assert machine.race(60).chosen is None


def test_who_breaks_down_is_out_with_its_reason(noisy):
    machine = noisy({"broken": 0.001, "sound": 0.01}, 1)
    measure, dropped = machine.measure, []

    def breaks(entrant):
        if entrant == "broken" and machine.measured["broken"] == 4:
            raise EdgerunError("its process was killed by SIGSEGV")
        return measure(entrant)

    machine.measure = breaks
    outcome = machine.race(60, keep=lambda entrant: True, drop=dropped.append)
    assert outcome.chosen == "sound"
    assert outcome.failed == {"broken": "its process was killed by SIGSEGV"}
    assert dropped == ["broken"]


def test_bounds_hold_the_median_as_often_as_they_say():
    """Exact: for n = 9 the least and the greatest miss it with 2 ** -9 on each side, which is below 0.002."""
    assert race.bounds(range(8)) == (-math.inf, math.inf)
    assert race.bounds(range(9)) == (0, 8)
    generator = random.Random(4)
    missed = 0
    for _ in range(2000):
        low, high = race.bounds([generator.lognormvariate(0, 1) for _ in range(25)])  # of which the median is 1
        missed += not low <= 1 <= high
    assert missed <= 20
