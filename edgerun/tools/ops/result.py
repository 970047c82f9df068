"""A model held against a table of operators: what came of each operator, each kind, and the whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import attrgetter
from typing import Any, Literal

from edgerun.contract import Graph, Node
from edgerun.contract.support_table import SupportTable

__all__ = ["STATIC", "OperatorKind", "OperatorVerdict", "Support", "unique"]

STATIC = "static: the documentation says so; the runtime decides"


@dataclass(frozen=True, slots=True)
class OperatorVerdict:
    """One operator of a model.

    Attributes:
        index: its place in the file.
        node: the operator.
        supported: whether the table lists it and no condition fails.
        reasons: why it is not supported; () where it is.
        unchecked: conditions that the graph does not tell.
        shapes: of its outputs, as text.
    """

    index: int
    node: Node
    supported: bool
    reasons: tuple[str, ...]
    unchecked: tuple[str, ...]
    shapes: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "index": self.index,
            "op": self.node.op,
            "name": self.node.name,
            "outputs": self.shapes,
            "reasons": list(self.reasons),
            "unchecked": list(self.unchecked),
        }


@dataclass(frozen=True, slots=True)
class OperatorKind:
    """All operators of one kind.

    Attributes:
        op: the kind.
        count: how many there are.
        unsupported: how many of them are not supported.
        reasons, unchecked: of all of them, each once.
    """

    op: str
    count: int
    unsupported: int
    reasons: tuple[str, ...]
    unchecked: tuple[str, ...]

    @staticmethod
    def of(op: str, verdicts: Sequence[OperatorVerdict]) -> OperatorKind:
        """The summary of all operators of one kind."""
        failed = 0
        reasons: list[str] = []
        unchecked: list[str] = []
        for verdict in verdicts:
            if verdict.supported:
                unchecked += verdict.unchecked
            else:
                failed += 1
                reasons += verdict.reasons
        return OperatorKind(op, len(verdicts), failed, unique(reasons), unique(unchecked))

    @property
    def answer(self) -> Literal["yes", "no", "some", "if"]:
        """Of all: "if" where it depends on conditions that are not checked, "some" where only part is supported."""
        if self.unsupported == self.count:
            return "no"
        if self.unsupported:
            return "some"
        return "if" if self.unchecked else "yes"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "op": self.op,
            "count": self.count,
            "unsupported": self.unsupported,
            "answer": self.answer,
            "reasons": list(self.reasons),
            "unchecked": list(self.unchecked),
        }


@dataclass(frozen=True)
class Support:
    """A model against a table.

    Attributes:
        model: path of the file.
        table: the documentation.
        graph: of the model's file.
        verdicts: of every operator that counts, in the order of the file.
    """

    model: str
    table: SupportTable
    graph: Graph
    verdicts: Sequence[OperatorVerdict]

    @property
    def unsupported(self) -> list[OperatorVerdict]:
        """Operators that are not supported, in the order of the file."""
        return [verdict for verdict in self.verdicts if not verdict.supported]

    @property
    def ok(self) -> bool:
        """Whether all are supported as far as the graph tells."""
        return not self.unsupported

    @property
    def share(self) -> float:
        """The fraction of operators that are supported."""
        if not self.verdicts:
            return 1.0
        return 1 - len(self.unsupported) / len(self.verdicts)

    @property
    def first(self) -> OperatorVerdict | None:
        """The first operator that is not supported."""
        return next(iter(self.unsupported), None)

    @property
    def before(self) -> float:
        """The fraction of operators before the first that is not supported."""
        if not self.verdicts:
            return 1.0
        passed = list(takewhile(attrgetter("supported"), self.verdicts))
        return len(passed) / len(self.verdicts)

    @property
    def pieces(self) -> int:
        """Unbroken runs of supported operators in the order of the file."""
        pieces = 0
        before = False
        for verdict in self.verdicts:
            if verdict.supported and not before:
                pieces += 1
            before = verdict.supported
        return pieces

    @property
    def kinds(self) -> list[OperatorKind]:
        """By kind; unsupported ones first, then by how many there are."""
        groups: dict[str, list[OperatorVerdict]] = {}
        for verdict in self.verdicts:
            groups.setdefault(verdict.node.op, []).append(verdict)
        kinds = [OperatorKind.of(op, group) for op, group in groups.items()]
        return sorted(kinds, key=lambda kind: (-kind.unsupported, -kind.count, kind.op))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        first = self.first
        return {
            "model": self.model,
            "evidence": "static",
            "documentation": self.table.about(),
            "producer": self.graph.producer,
            "opset": self.graph.opset,
            "operators": len(self.verdicts),
            "supported": len(self.verdicts) - len(self.unsupported),
            "share": round(self.share, 4),
            "ok": self.ok,
            "first": None if first is None else first.to_dict(),
            "before_first": round(self.before, 4),
            "pieces": self.pieces,
            "notes": list(self.table.notes),
            "kinds": [kind.to_dict() for kind in self.kinds],
            "unsupported": [verdict.to_dict() for verdict in self.unsupported],
        }


def unique(texts: Iterable[str]) -> tuple[str, ...]:
    """Each text once, in the order of its first appearance."""
    return tuple(dict.fromkeys(texts))
