"""One way of running a model, and what can be asked of it once it is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edgerun.tensors import Arrays

__all__ = ["Candidate", "Facts", "Runner"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way of running a model.

    Attributes:
        backend: its name.
        delegate: as `delegate=` takes it.
        threads: that the runtime is given.
    """

    backend: str
    delegate: str
    threads: int

    def __str__(self) -> str:
        return f"{self.delegate} with {self.threads} thread{'s' * (self.threads != 1)}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a way of running a model once it is opened.

    Attributes:
        seconds: that opening it took, the import of its runtime included.
        quantised: whether the model computes in eight bits, as far as its file tells.
        batch: images that one run takes at most.
        size: height and width of the model's input.
        inexact: whether the runtime says that it computes something else than the file does.
    """

    seconds: float
    quantised: bool
    batch: int
    size: tuple[int, int]
    inexact: bool = False

    @property
    def differs_by_steps(self) -> bool:
        """Whether right results may be steps of eight bits apart; where the runtime cuts off sums that is no excuse."""
        return self.quantised and not self.inexact


class Runner(Protocol):
    """A way of running a model, opened."""

    facts: Facts

    def answers(self, batch: int = 1) -> list[Arrays]:
        """What is found in each image, as `agreement.comparable` gives it; `batch` images a run."""

    def measure(self, runs: int, batch: int = 1) -> list[float]:
        """Seconds of the runtime's own call per image, once for each run."""

    def close(self) -> None:
        """Give everything back."""
