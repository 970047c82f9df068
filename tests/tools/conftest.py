"""A clock of other programs' making, for all that measures."""

from __future__ import annotations

import math
import random

import pytest


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
