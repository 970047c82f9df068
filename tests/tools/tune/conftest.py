"""Ways of running a model whose speeds are known on a noisy clock."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun.contract import Delegate
from edgerun.tools.tune.candidates import candidates
from edgerun.tools.tune.runner import Facts
from edgerun.tools.tune.search import search

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
def simulated(noisy_clock):
    """Searches among delegates of known speed, on a noisy clock."""

    def run(seed, budget=60.0, runner=FakeRunner, **options):
        clock = noisy_clock(seed)
        found = candidates(OFFERS, 4)
        return search(found, partial(runner, clock), budget=budget, clock=clock.read, seed=seed, **options)

    return run
