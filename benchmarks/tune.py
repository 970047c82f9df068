"""How often `tune` finds the fastest right way in the noise of this machine.

usage: python benchmarks/tune.py [--trials 40] [--budget 10]

The ways are loops of known length that burn one core for real, ten per cent apart at the top; the shortest gives wrong
boxes. The time is measured as it is, with whatever else runs on this machine. Simulated noise: tests/tools/tune.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from edgerun.contract import Delegate
from edgerun.tools.tune.candidates import candidates
from edgerun.tools.tune.runner import Candidate, Facts
from edgerun.tools.tune.search import search

LENGTHS = {"wrong": 300, "swift": 1000, "near": 1100, "middle": 1500, "cpu": 3000}
"""Rounds of a small product; 1000 of them take about 4 ms on a core of one's own."""

RIGHT = {
    "boxes": np.array([[10, 10, 50, 60], [100, 20, 180, 90]], np.float32),
    "scores": np.array([0.9, 0.7], np.float32),
    "classes": np.array([1, 2]),
}
MATRIX = np.full((24, 24), 0.01, np.float32)


class Loop:
    """A way of running nothing for as long as it is told."""

    def __init__(self, candidate: Candidate) -> None:
        self.facts = Facts(0.0, False, 1, (64, 64))
        self._name = candidate.delegate

    def answers(self, batch: int = 1):
        """Boxes, of which those of one way are off."""
        return [{**RIGHT, "boxes": RIGHT["boxes"] + 50} if self._name == "wrong" else RIGHT]

    def measure(self, runs: int, batch: int = 1) -> list[float]:
        """Seconds of a loop, once for each run."""
        times = []
        for _ in range(runs):
            started = time.perf_counter()
            for _ in range(LENGTHS[self._name]):
                MATRIX @ MATRIX
            times.append(time.perf_counter() - started)
        return times

    def close(self) -> None:
        """Nothing to give back."""


def main() -> None:
    """Search again and again, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--budget", type=float, default=10)
    options = parser.parse_args()
    found = candidates({"loops": [Delegate(name) for name in LENGTHS]}, 1)
    results = [search(found, Loop, budget=options.budget, seed=seed) for seed in range(options.trials)]
    chosen = [result.choice.delegate for result in results]
    print(f"trials {len(chosen)}, of {statistics.median(result.spent for result in results):.1f} s (median)")
    print({name: chosen.count(name) for name in LENGTHS}, "chosen")
    print(f"clear {sum(result.clear for result in results)}")
    print(f"true ratio 3.00, found {statistics.median(result.choice.ratio for result in results):.2f} (median)")
    fastest = [result.findings[0].quartiles for result in results]
    print(f"ms {statistics.median(entry[1] for entry in fastest):.2f} (median of medians)")
    print(f"quartiles apart by {statistics.median(entry[2] / entry[0] for entry in fastest):.2f} (median)")


if __name__ == "__main__":
    main()
