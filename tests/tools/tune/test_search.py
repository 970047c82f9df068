"""The fastest right way is found, what is wrong is out and named, and nothing here waits for a real clock."""

from __future__ import annotations

from functools import partial

import pytest

from edgerun.tools.tune.runner import Candidate


def test_of_forty_trials_at_least_thirty_eight_find_the_fastest_right_way_and_none_the_wrong_one(
    simulated, fake_runner
):
    results = [simulated(seed) for seed in range(40)]
    assert sum((found.choice.delegate, found.choice.threads) == ("xnnpack", 2) for found in results) >= 38
    assert all(found.choice.delegate != "npu" for found in results)
    for found in results:
        (wrong,) = [finding for finding in found.findings if finding.candidate == Candidate("fake", "npu", 4)]
        assert wrong.verdict == "wrong"
        assert "off by 60 pixels" in wrong.detail
        assert not wrong.seconds  # what is wrong is not even measured
        assert found.spent <= 62
    assert fake_runner.opened == 0


def test_the_ratio_is_that_of_the_known_speeds(simulated):
    found = simulated(1)
    assert found.reference == Candidate("fake", "cpu", 4)
    assert found.choice.ratio == pytest.approx(3.0, rel=0.15)
    by_name = {str(finding.candidate): finding for finding in found.findings}
    assert by_name["cpu with 4 threads"].ratio == pytest.approx(1.0)
    assert by_name["gpu with 4 threads"].ratio == pytest.approx(2.7, rel=0.15)
    assert found.findings[0].verdict == "fastest"
    low, middle, high = found.findings[0].quartiles
    assert low <= middle <= high


def test_the_number_of_pictures_a_run_is_chosen_too_and_checked(simulated, fake_runner):
    found = simulated(2, runner=partial(fake_runner, batch=8))
    assert found.choice.batch == 4  # 8 would be faster, and gives other boxes
    assert set(found.batches) == {1, 2, 4}


def test_with_too_little_time_what_was_not_tried_is_said(simulated):
    found = simulated(1, budget=2.0)
    untried = [finding for finding in found.findings if finding.verdict == "untried"]
    assert untried
    assert "--budget" in untried[0].detail
    assert found.choice.delegate != "npu"


def test_ctrl_c_keeps_what_was_measured(simulated, fake_runner):
    class Interrupted(fake_runner):
        calls = 0

        def measure(self, runs, batch=1):
            Interrupted.calls += 1
            if Interrupted.calls == 30:
                raise KeyboardInterrupt
            return super().measure(runs, batch)

    found = simulated(1, runner=Interrupted)
    assert found.interrupted
    assert found.choice is not None
    assert found.rounds >= 1
    assert fake_runner.opened == 0


def test_ctrl_c_before_anything_was_measured_chooses_nothing(simulated, fake_runner):
    class Interrupted(fake_runner):
        def answers(self, batch=1):
            if self.candidate.delegate == "gpu":
                raise KeyboardInterrupt
            return super().answers(batch)

    found = simulated(1, runner=Interrupted)
    assert found.choice is None
    assert found.interrupted
    assert {finding.verdict for finding in found.findings} == {"untried", "wrong"}
    assert fake_runner.opened == 0


def test_ctrl_c_while_the_batch_is_tried_keeps_the_delegate(simulated, fake_runner):
    class Interrupted(fake_runner):
        def answers(self, batch=1):
            if batch == 4:
                raise KeyboardInterrupt
            return super().answers(batch)

    found = simulated(1, runner=partial(Interrupted, batch=8))
    assert found.interrupted
    assert (found.choice.delegate, found.choice.threads, found.choice.batch) == ("xnnpack", 2, 1)
    assert fake_runner.opened == 0
