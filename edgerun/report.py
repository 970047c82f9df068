"""What a loaded detector says of itself: what runs where, by whose word, with which thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgerun.card import ModelCard
from edgerun.cards.sidecar import as_fields
from edgerun.contract import Coverage, Match, TensorSpec

__all__ = ["Report", "Threshold"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold in force and who gave it."""

    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was decided when a model was loaded.

    Attributes:
        model: path of the file.
        format: by its bytes.
        backend, version: the runtime and its version.
        delegate: the one in force.
        delegate_reason: why earlier wishes were not taken; "" where there is nothing to tell.
        threads: asked for.
        inputs, outputs: outputs with the sizes seen in a run where the file leaves them open.
        card: with the source of each field.
        decoder: name of the one chosen; why: its verdict.
        others: what the other decoders said.
        conf, iou: thresholds in force.
        max_det: at most so many rows.
        coverage: which nodes ran where; None where the runtime cannot tell.
        warnings: what works but may surprise.
    """

    model: str
    format: str
    backend: str
    version: str
    delegate: str
    delegate_reason: str
    threads: int
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    card: ModelCard
    decoder: str
    why: str
    others: Sequence[tuple[str, Match]]
    conf: Threshold
    iou: Threshold
    max_det: int
    coverage: Coverage | None
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        coverage = self.coverage
        return {
            "model": self.model,
            "format": self.format,
            "backend": self.backend,
            "version": self.version,
            "delegate": self.delegate,
            "delegate_reason": self.delegate_reason,
            "threads": self.threads,
            "inputs": [str(spec) for spec in self.inputs],
            "outputs": [str(spec) for spec in self.outputs],
            "card": as_fields(self.card),
            "decoder": self.decoder,
            "why": self.why,
            "others": {name: {"sure": match.sure.name.lower(), "why": match.why} for name, match in self.others},
            "conf": {"value": self.conf.value, "source": self.conf.source},
            "iou": {"value": self.iou.value, "source": self.iou.source},
            "max_det": self.max_det,
            "coverage": None if coverage is None else _coverage(coverage),
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        lines = [
            f"model     {self.model} ({self.format})",
            f"runs on   {self.backend} {self.version}, delegate {self.delegate}, {self.threads} threads",
            f"decoder   {self.decoder}: {self.why}",
            f"conf      {self.conf.value:g} ({self.conf.source})",
            f"iou       {self.iou.value:g} ({self.iou.source})",
            f"max_det   {self.max_det}",
        ]
        if self.delegate_reason:
            lines.insert(2, f"note      {self.delegate_reason}")
        lines += [f"warning   {warning}" for warning in self.warnings]
        return "\n".join(lines)


def _coverage(coverage: Coverage) -> Mapping[str, Any]:
    return {
        "evidence": coverage.evidence,
        "nodes": dict(coverage.nodes),
        "operators": {delegate: list(operators) for delegate, operators in coverage.operators.items()},
    }
