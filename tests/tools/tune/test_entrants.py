"""What fails, is wrong or hopeless is out, with its reason."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from edgerun.errors import DecoderUnknown, DelegateUnavailable, EdgerunError, InputError, ModelUnreadable
from edgerun.tools.tune.runner import Candidate
from edgerun.tools.tune.search import search


def test_what_is_wrong_with_all_cores_is_not_tried_with_fewer(fake_runner, noisy_clock):
    found = search(
        [Candidate("fake", "cpu", 4), Candidate("fake", "npu", 4), Candidate("fake", "npu", 2)],
        partial(fake_runner, clock := noisy_clock(1)),
        clock=clock.read,
    )
    assert [finding.verdict for finding in found.findings] == ["fastest", "wrong", "untried"]
    assert found.findings[2].detail == "it is wrong with 4 threads"


@pytest.mark.parametrize("inexact", [False, True])
def test_steps_of_eight_bits_are_no_excuse_where_the_runtime_cuts_off_sums(fake_runner, noisy_clock, inexact):
    class Quantised(fake_runner):
        def __init__(self, clock, candidate):
            super().__init__(clock, candidate)
            self.facts = replace(self.facts, quantised=True, inexact=inexact and candidate.delegate == "xnnpack")

        def answers(self, batch=1):
            (answer,) = super().answers(batch)
            off = [[0], [5.5], [5.5]] if self.candidate.delegate == "xnnpack" else 0
            return [{**answer, "boxes": answer["boxes"] + np.float32(off)}]

    ways = [Candidate("fake", name, 4) for name in ("cpu", "xnnpack")]
    found = search(ways, partial(Quantised, clock := noisy_clock(1)), clock=clock.read)
    assert (found.findings[1].verdict == "wrong") == inexact


def test_one_that_met_other_work_at_first_sight_is_looked_at_again(simulated, fake_runner):
    class Unlucky(fake_runner):
        looks = 0

        def measure(self, runs, batch=1):
            times = super().measure(runs, batch)
            if self.candidate == Candidate("fake", "xnnpack", 2) and Unlucky.looks < 2:
                Unlucky.looks += 1  # the first look takes two calls
                return [20 * seconds for seconds in times]
            return times

    found = simulated(1, runner=Unlucky)
    assert (found.choice.delegate, found.choice.threads) == ("xnnpack", 2)


def test_what_is_hopeless_with_more_threads_is_not_tried_with_fewer(simulated, slow_reference):
    found = simulated(1)
    by_name = {str(finding.candidate): finding for finding in found.findings}
    assert by_name["cpu with 2 threads"].verdict == "slower"
    slow = simulated(1, runner=slow_reference)
    by_name = {str(finding.candidate): finding for finding in slow.findings}
    assert by_name["cpu with 1 thread"].verdict == "untried"
    assert "times as long as the fastest at first sight" in by_name["cpu with 1 thread"].detail


def test_one_that_breaks_down_on_the_way_is_out(simulated, fake_runner):
    class Fragile(fake_runner):
        runs = 0

        def measure(self, runs, batch=1):
            if self.candidate == Candidate("fake", "xnnpack", 2):
                Fragile.runs += 1
                if Fragile.runs > 4:
                    raise EdgerunError("its process was killed by SIGSEGV")
            return super().measure(runs, batch)

    found = simulated(1, runner=Fragile)
    by_name = {str(finding.candidate): finding for finding in found.findings}
    assert by_name["xnnpack with 2 threads"].verdict == "failed"
    assert by_name["xnnpack with 2 threads"].detail == "its process was killed by SIGSEGV"
    assert found.choice.delegate == "gpu"


def test_a_reference_that_finds_nothing_is_refused_with_the_way_out(simulated, fake_runner):
    class Blind(fake_runner):
        def answers(self, batch=1):
            return [{name: column[:0] for name, column in answer.items()} for answer in super().answers()]

    with pytest.raises(InputError, match="could be checked") as refusal:
        simulated(1, runner=Blind)
    assert "--images" in refusal.value.hint
    assert fake_runner.opened == 0


def test_a_model_that_is_refused_is_refused_as_ever(simulated):
    def refuses(noise, way):
        raise DecoderUnknown("No decoder reads these outputs.", hint="name one")

    with pytest.raises(DecoderUnknown, match="No decoder reads"):
        simulated(1, runner=refuses)


def test_where_all_fail_alike_that_is_said_once(simulated):
    def fails(noise, way):
        raise ModelUnreadable("m.onnx is damaged", hint="copy it again")

    with pytest.raises(ModelUnreadable, match=r"^m\.onnx is damaged"):
        simulated(1, runner=fails)


def test_where_nothing_opens_each_reason_is_told(simulated):
    def fails(noise, way):
        raise DelegateUnavailable(f"{way.delegate} is ill")

    with pytest.raises(DelegateUnavailable, match=r"cpu with 4 threads: cpu is ill; npu with 4 threads: npu is ill"):
        simulated(1, runner=fails)
