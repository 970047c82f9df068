"""Models side by side on a simulated noisy clock: what is alike is called equal, what is slower is found."""

from __future__ import annotations

import pytest

from edgerun.errors import InputError, ModelError
from edgerun.tools.bench.bench import bench
from edgerun.tools.bench.energy import Meter

SEEDS = range(100)


def test_of_a_hundred_runs_at_least_ninety_five_call_two_copies_equal(simulated):
    runs = [simulated({"a": 0.01, "a copy": 0.01}, seed) for seed in SEEDS]
    assert sum([entry.place for entry in run.models] == [1, 1] for run in runs) >= 95


def test_of_a_hundred_runs_at_least_ninety_find_a_twin_that_is_a_tenth_slower(simulated):
    runs = [simulated({"slow": 0.011, "fast": 0.01}, seed) for seed in SEEDS]
    assert sum([entry.place for entry in run.models] == [2, 1] for run in runs) >= 90


def test_the_verdict_stands_with_the_slower_one(simulated):
    slow, fast = simulated({"slow": 0.02, "fast": 0.01}).models
    assert fast.against_fastest is None
    assert slow.against_fastest.verdict == "slower"
    assert slow.against_fastest.low < 2 < slow.against_fastest.high


def test_all_models_take_turns_on_the_same_images_and_are_closed(noisy_clock, fake_sampler):
    clock, samplers = noisy_clock(1), {}

    def opened(model):
        samplers[model] = fake_sampler(clock, 0.01)
        return samplers[model]

    found = bench(["a", "b"], opener=opened, rounds=7, warm_up=2, reference=lambda: 0.001, energy=Meter((), "none"))
    assert [entry.images for entry in samplers.values()] == [[0, 1, 0, 1, 2, 3, 4, 5, 6]] * 2
    assert all(sampler.closed for sampler in samplers.values())
    assert [len(entry.seconds["frame"]) for entry in found.models] == [7, 7]
    assert [entry.growth for entry in found.models] == [7, 7]
    assert found.rounds == 7
    assert not found.interrupted


def test_a_clock_that_slows_down_is_pointed_out(simulated):
    loops = iter(range(100, 1000))
    found = simulated({"a": 0.01}, rounds=30, reference=lambda: next(loops) / 100)
    assert found.drifted
    assert found.drift == pytest.approx((129.5 / 109.5), abs=0.01)
    assert not simulated({"a": 0.01}, rounds=30, reference=lambda: 0.001).drifted


def breaking(clock, fake_sampler, after, error):
    sampler = fake_sampler(clock, 0.01)
    sample = sampler.sample

    def breaks(number):
        if sampler.taken == after:
            raise error
        return sample(number)

    sampler.sample = breaks
    return sampler


def test_ctrl_c_keeps_whole_rounds(noisy_clock, fake_sampler):
    sampler = breaking(noisy_clock(1), fake_sampler, 9, KeyboardInterrupt())
    found = bench(["a"], opener=lambda model: sampler, warm_up=2, reference=lambda: 0.001)
    assert found.interrupted
    assert found.rounds == len(found.models[0].seconds["frame"]) == 7


def test_ctrl_c_before_the_first_round_is_over_is_no_result(noisy_clock, fake_sampler):
    sampler = breaking(noisy_clock(1), fake_sampler, 2, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        bench(["a"], opener=lambda model: sampler, warm_up=2, reference=lambda: 0.001)
    assert sampler.closed


def test_a_model_that_breaks_down_is_named(noisy_clock, fake_sampler):
    sampler = breaking(noisy_clock(1), fake_sampler, 4, ModelError("its process was killed", hint="look"))
    with pytest.raises(ModelError, match=r"^b\.onnx: its process was killed"):
        bench(["b.onnx"], opener=lambda model: sampler, reference=lambda: 0.001)
    assert sampler.closed


def test_no_rounds_are_refused():
    with pytest.raises(InputError, match="at least 1"):
        bench(["codes"], rounds=0)


def test_energy_is_told_per_frame(simulated, tmp_path):
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    (zone / "energy_uj").write_text("5000000")
    found = simulated({"a": 0.01}, energy=Meter((zone,)), rounds=3)
    assert found.models[0].joules == 0
    assert found.energy == ""
    assert simulated({"a": 0.01}, rounds=3).models[0].joules is None


def test_an_error_that_names_the_model_comes_as_it_is_and_is_not_its_own_cause():
    error = InputError("There is no file b.onnx.", hint="look")

    def opened(model):
        raise error

    with pytest.raises(InputError) as caught:
        bench(["b.onnx"], opener=opened)
    assert caught.value is error
    assert error.__cause__ is None  # who follows the causes would never come to an end
