"""Which nodes of a model run where, and how that is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from edgerun.errors import DelegateIncomplete

__all__ = ["Coverage", "Placed"]


@dataclass(frozen=True, slots=True)
class Placed:
    """A node of the model and the place where it runs.

    Attributes:
        operator: its kind in the runtime's words: "Conv", "CONV_2D", "aten::sum.IntList_out".
        delegate: the one that runs it.
        name: its name or number in the file; "" where unknown.
        shape: of its first output, None for a size that is open; None where unknown.
        why: why the delegate that was asked for does not run it; "" where the runtime does not say.
        milliseconds: of one run; None where nobody measured.
        nodes: how many nodes of the file stand behind it: runtimes fuse.
    """

    operator: str
    delegate: str
    name: str = ""
    shape: tuple[int | None, ...] | None = None
    why: str = ""
    milliseconds: float | None = None
    nodes: int = 1

    def __str__(self) -> str:
        shape = "" if self.shape is None else " [" + ", ".join("?" if n is None else str(n) for n in self.shape) + "]"
        return self.operator + shape


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which nodes of a model run where, and how that is known.

    Attributes:
        evidence: "measured" (a profile of a run), "assigned" (the runtime's or the file's own assignment), "declared"
            (only the runtime's word) or "none" (the runtime cannot say; `source` says so in a sentence).
        source: what told it: "ONNX Runtime's profile of 1 run".
        placed: every node; () where the evidence is "none".
    """

    evidence: Literal["measured", "assigned", "declared", "none"]
    source: str
    placed: tuple[Placed, ...] = ()

    @property
    def nodes(self) -> dict[str, int]:
        """Delegate -> number of nodes."""
        counts: dict[str, int] = {}
        for entry in self.placed:
            counts[entry.delegate] = counts.get(entry.delegate, 0) + entry.nodes
        return counts

    @property
    def operators(self) -> dict[str, tuple[str, ...]]:
        """Delegate -> the kinds of operators that it runs, sorted."""
        return {
            name: tuple(sorted({entry.operator for entry in self.placed if entry.delegate == name}))
            for name in self.nodes
        }

    @property
    def time(self) -> dict[str, float]:
        """Delegate -> its share of the time, 0..1; {} where it was not measured."""
        spent: dict[str, float] = {}
        for entry in self.placed:
            if entry.milliseconds is not None:
                spent[entry.delegate] = spent.get(entry.delegate, 0.0) + entry.milliseconds
        whole = sum(spent.values())
        return {name: value / whole for name, value in spent.items()} if whole else {}

    def outside(self, delegate: str) -> tuple[Placed, ...]:
        """The nodes that do not run on a delegate."""
        return tuple(entry for entry in self.placed if entry.delegate != delegate)

    def refusal(self, delegate: str, model: str) -> DelegateIncomplete:
        """The error for nodes outside a delegate that was asked for alone: how many, which, where."""
        outside = self.outside(delegate)
        kinds = Counter(map(str, outside))
        if len(kinds) > 8:  # one sentence; the error's attribute has them all
            kinds = Counter(entry.operator for entry in outside)
        listed = [f"{count} x {kind}" if count > 1 else kind for kind, count in kinds.most_common(8)]
        listed += [f"{len(kinds) - 8} more kinds"] if len(kinds) > 8 else []
        elsewhere = " and ".join(sorted({entry.delegate for entry in outside}))
        some, whole = sum(entry.nodes for entry in outside), sum(entry.nodes for entry in self.placed)
        error = DelegateIncomplete(
            f"{some} of {whole} nodes of {model} run on {elsewhere}, not on {delegate}: {', '.join(listed)}.",
            hint="leave strict out to accept that, or export the model without these operators",
        )
        error.outside = outside
        return error
