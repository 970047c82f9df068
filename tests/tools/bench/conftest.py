"""Models whose speed is known, on a noisy clock."""

from __future__ import annotations

import pytest

from edgerun.tools.bench.bench import bench
from edgerun.tools.bench.energy import Meter
from edgerun.tools.bench.sampler import Facts, Memory


class FakeSampler:
    """A model of known speed; "a" and "a copy" are alike."""

    facts = Facts(0.5, 0.1, 1000, "fake", "cpu", 2)

    def __init__(self, clock, seconds):
        self.clock, self.speed = clock, seconds
        self.images, self.closed, self.taken = [], False, 0

    def sample(self, number):
        self.images.append(number)
        self.taken += 1
        frame = self.clock.spend(self.speed)
        return {"frame": frame, "preprocess": frame * 0.2, "inference": frame * 0.7, "postprocess": frame * 0.1}

    def memory(self):
        return Memory(1000 + self.taken, 5000)

    def close(self):
        self.closed = True


@pytest.fixture
def fake_sampler():
    """A model of known speed, by its clock and seconds."""
    return FakeSampler


@pytest.fixture
def simulated(noisy_clock):
    """Benches models of known speed (name -> seconds) on a noisy clock."""

    def run(speeds, seed=0, **options):
        clock = noisy_clock(seed)
        options = {"reference": lambda: clock.spend(0.001), "energy": Meter((), "none here"), **options}
        return bench(list(speeds), opener=lambda model: FakeSampler(clock, speeds[model]), seed=seed, **options)

    return run
