"""Several models on this machine, one frame of each in turn, so that noise and drift of the clock hit all alike."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgerun.errors import EdgerunError, InputError
from edgerun.tools.bench.comparison import Comparison, compare, places
from edgerun.tools.bench.energy import Meter, meter
from edgerun.tools.bench.sampler import PARTS, Facts, Memory, ProcessSampler, Sampler

__all__ = ["ROUNDS", "WARM_UP", "Bench", "Benched", "bench"]

ROUNDS = 120
"""So many find a difference of a tenth in 9 of 10 runs on a machine where other programs run, see its test."""

WARM_UP = 5
"""Rounds that are not counted: caches and the processor's clock settle."""

DRIFT = 0.05
"""Change of the reference loop from the first third of the rounds to the last that is pointed out."""

Opener = Callable[[str], Sampler]
Progress = Callable[[int, int], None]
"""Told how many rounds are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Benched:
    """One model.

    Attributes:
        model: as it was given.
        facts: what was known when it was open.
        seconds: part of a frame -> its time in each round.
        warm, end: memory after the warm-up and after the last round.
        place: 1 for the fastest; models that the noise does not tell apart share one.
        against_fastest: its frame's time against that of the smallest median; None for that one itself.
        joules: per frame, other programs included; None where the machine does not count them.
    """

    model: str
    facts: Facts
    seconds: Mapping[str, Sequence[float]]
    warm: Memory
    end: Memory
    place: int
    against_fastest: Comparison | None
    joules: float | None

    @property
    def growth(self) -> int | None:
        """Bytes that its process took more after the last round than after the warm-up."""
        if self.warm.now is None or self.end.now is None:
            return None
        return self.end.now - self.warm.now


@dataclass(frozen=True, slots=True)
class Bench:
    """All models.

    Attributes:
        models: in the order in which they were given.
        rounds: whole ones that are counted.
        reference: seconds of a loop that is always the same, in each round.
        energy: why no energy is told; "" where it is.
        interrupted: whether Ctrl-C ended it.
    """

    models: Sequence[Benched]
    rounds: int
    reference: Sequence[float]
    energy: str
    interrupted: bool

    @property
    def drift(self) -> float:
        """By what the reference loop became slower, as a ratio: median of the last third of the rounds to the first."""
        third = max(1, len(self.reference) // 3)
        return statistics.median(self.reference[-third:]) / statistics.median(self.reference[:third])

    @property
    def drifted(self) -> bool:
        """Whether the machine became so much slower or faster that single times do not hold; ratios still do."""
        return abs(self.drift - 1) > DRIFT


def reference_loop() -> float:
    """Seconds of some arithmetic that is always the same: what it gains or loses, the processor's clock did."""
    started = time.perf_counter()
    matrix = np.ones((96, 96), np.float32)
    for _ in range(20):
        matrix = matrix * 0.5 + 0.5
    sum(range(20_000))
    return time.perf_counter() - started


def bench(
    models: Sequence[str],
    *,
    images: Sequence[str] = (),
    rounds: int = ROUNDS,
    warm_up: int = WARM_UP,
    progress: Progress | None = None,
    opener: Opener | None = None,
    reference: Callable[[], float] = reference_loop,
    energy: Meter | None = None,
    seed: int = 0,
    **options: Any,
) -> Bench:
    """Take the time of each model's frames, in turn.

    Args:
        models: paths, or names of models of ours; the same one twice is two models.
        images: paths; () for a made-up one. All models get the same in a round.
        rounds: that count, one frame of each model.
        warm_up: rounds before.
        opener: how a model is opened; None for a process of its own.
        reference: seconds of the reference loop.
        energy: the meter; None for this machine's.
        seed: of the order in the rounds.
        options: of `Detector.load`, for every model.

    Raises:
        InputError: rounds are below 1.
        EdgerunError: a model cannot be opened, or breaks down; its name stands in front.
        KeyboardInterrupt: Ctrl-C before a round was whole.
    """
    if rounds < 1:
        raise InputError(f"rounds must be at least 1, not {rounds}.", hint=f"leave it out for {ROUNDS}")
    gauge = meter() if energy is None else energy
    opener = opener or (lambda model: ProcessSampler(model, options, images))
    running = _Running(gauge, reference, random.Random(seed))  # noqa: S311 - not a secret
    try:
        for model in models:
            running.entries.append(_Entry(model, gauge, opener))
        return running.result(running.run(rounds, warm_up, progress or _silent))
    finally:
        for entry in running.entries:
            entry.sampler.close()


def _silent(done: int, total: int) -> None:
    """Tell nobody."""


class _Entry:
    """A model that is open, and what was measured of it."""

    def __init__(self, model: str, gauge: Meter, opener: Opener) -> None:
        self.model, self._gauge = model, gauge
        try:
            self.sampler = opener(model)
        except EdgerunError as cause:
            raise _of(model, cause) from None
        self.samples: list[Mapping[str, float]] = []
        self.joules: list[float] = []
        self.warm = Memory(None, None)

    def sample(self, number: int) -> tuple[Mapping[str, float], float]:
        """Seconds of one frame's parts, and joules."""
        before = self._gauge.read()
        try:
            taken = self.sampler.sample(number)
        except EdgerunError as cause:
            raise _of(self.model, cause) from None
        return taken, self._gauge.joules(before, self._gauge.read())

    def seconds(self) -> dict[str, list[float]]:
        return {part: [sample[part] for sample in self.samples] for part in PARTS}


def _of(model: str, cause: EdgerunError) -> EdgerunError:
    """The error, with the model's name where it does not tell it."""
    if model in cause.message:
        return cause
    return type(cause)(f"{model}: {cause.message}", hint=cause.hint)


@dataclass
class _Running:
    """A bench that is going on."""

    gauge: Meter
    reference: Callable[[], float]
    random: random.Random
    entries: list[_Entry] = field(default_factory=list)
    loops: list[float] = field(default_factory=list)

    def run(self, rounds: int, warm_up: int, progress: Progress) -> bool:
        """Whether Ctrl-C ended it; whole rounds are kept."""
        for number in range(warm_up):
            self._round(number)
        for entry in self.entries:
            entry.warm = entry.sampler.memory()
        try:
            for number in range(rounds):
                progress(number, rounds)
                self._keep(*self._round(number))
        except KeyboardInterrupt:
            if not self.loops:
                raise
            return True
        return False

    def _round(self, number: int) -> tuple[float, dict[int, tuple[Mapping[str, float], float]]]:
        """The reference loop and a frame of each model, in an order of this round's own."""
        loop = self.reference()
        order = list(range(len(self.entries)))
        self.random.shuffle(order)
        return loop, {index: self.entries[index].sample(number) for index in order}

    def _keep(self, loop: float, taken: Mapping[int, tuple[Mapping[str, float], float]]) -> None:
        self.loops.append(loop)
        for index, (sample, joules) in taken.items():
            self.entries[index].samples.append(sample)
            self.entries[index].joules.append(joules)

    def result(self, interrupted: bool) -> Bench:
        """What was measured."""
        seconds = [entry.seconds() for entry in self.entries]
        frames = [parts["frame"] for parts in seconds]
        fastest = min(frames, key=statistics.median)
        models = [
            Benched(
                model=entry.model,
                facts=entry.sampler.facts,
                seconds=parts,
                warm=entry.warm,
                end=entry.sampler.memory(),
                place=place,
                against_fastest=None if parts["frame"] is fastest else compare(parts["frame"], fastest),
                joules=statistics.fmean(entry.joules) if self.gauge.packages else None,
            )
            for entry, parts, place in zip(self.entries, seconds, places(frames), strict=True)
        ]
        return Bench(models, len(self.loops), tuple(self.loops), self.gauge.absent, interrupted)
