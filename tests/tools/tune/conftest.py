"""A clock of other programs' making, and ways of running a model whose speeds are known on it."""

from __future__ import annotations

import math
import random
from functools import partial

import numpy as np
import pytest

from edgerun.contract import Delegate
from edgerun.tools.tune.candidates import candidates
from edgerun.tools.tune.runner import Facts
from edgerun.tools.tune.search import search


class NoisyClock:
    """A clock that only runs move, on two cores that other programs use too.

    Each run takes its time, times a jitter (lognormal, 10 %), times a drift (the clock of the processor, 25 % up and
    down over two minutes), and now and then, for half a second on average and 15 % of the time, up to twice as long,
    because another program has a core.
    """

    def __init__(self, seed):
        self.now, self.random = 0.0, random.Random(seed)
        self.phase = self.random.uniform(0, 2 * math.pi)
        self.busy_from = self.busy_until = 0.0

    def read(self):
        return self.now

    def spend(self, seconds):
        """Run for so long, but for the noise; gives the seconds that it took."""
        if self.now >= self.busy_until:
            self.busy_from = self.now + self.random.expovariate(1 / 2.8)
            self.busy_until = self.busy_from + self.random.expovariate(1 / 0.5)
        seconds *= self.random.lognormvariate(0, 0.1) * (1 + 0.25 * math.sin(self.now / 20 + self.phase))
        if self.now >= self.busy_from:
            seconds *= self.random.uniform(1.3, 2)
        self.now += seconds
        return seconds


@pytest.fixture
def noisy_clock():
    """A new clock, by its seed."""
    return NoisyClock


RIGHT = {
    "boxes": np.array([[10, 10, 50, 60], [100, 20, 180, 90], [30, 120, 80, 170]], np.float32),
    "scores": np.array([0.9, 0.7, 0.5], np.float32),
    "classes": np.array([1, 2, 3]),
}
WRONG = {**RIGHT, "boxes": RIGHT["boxes"] + 60}
OFFERS = {
    "fake": [Delegate("npu"), Delegate("gpu"), Delegate("xnnpack"), Delegate("cpu"), Delegate("tpu", False, "none")]
}
SPEEDS = {
    ("npu", 4): 0.004, ("gpu", 4): 0.011, ("xnnpack", 4): 0.012, ("xnnpack", 2): 0.010, ("xnnpack", 1): 0.016,
    ("npu", 2): 0.004, ("npu", 1): 0.004, ("cpu", 4): 0.03, ("cpu", 2): 0.045, ("cpu", 1): 0.08,
}  # fmt: skip
"""The NPU is by far the fastest, and wrong."""


class FakeRunner:
    opened = 0

    def __init__(self, clock, candidate, batch=1):
        self.clock, self.candidate = clock, candidate
        self.facts = Facts(0.5, False, batch, (64, 96))
        clock.now += 0.5
        FakeRunner.opened += 1
        self.closed = False

    def answers(self, batch=1):
        return [WRONG if self.candidate.delegate == "npu" or batch == 8 else RIGHT]

    def measure(self, runs, batch=1):
        seconds = SPEEDS[self.candidate.delegate, self.candidate.threads]
        seconds *= {1: 1.0, 2: 0.8, 4: 0.6, 8: 0.1}[batch]
        return [self.clock.spend(seconds * batch) / batch for _ in range(runs)]

    def close(self):
        assert not self.closed
        self.closed = True
        FakeRunner.opened -= 1


class SlowReference(FakeRunner):
    """As the others, with a reference that is ten times as slow."""

    def measure(self, runs, batch=1):
        times = super().measure(runs, batch)
        return [10 * seconds for seconds in times] if self.candidate.delegate == "cpu" else times


@pytest.fixture
def offers():
    """Backend -> delegates of known speed."""
    return OFFERS


@pytest.fixture
def fake_runner():
    """A way of running a model whose speed is known."""
    return FakeRunner


@pytest.fixture
def slow_reference():
    """As `fake_runner`, with a reference that is ten times as slow."""
    return SlowReference


@pytest.fixture
def simulated():
    """Searches among delegates of known speed, on a noisy clock."""

    def run(seed, budget=60.0, runner=FakeRunner, **options):
        clock = NoisyClock(seed)
        found = candidates(OFFERS, 4)
        return search(found, partial(runner, clock), budget=budget, clock=clock.read, seed=seed, **options)

    return run
