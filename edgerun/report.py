"""What a loaded detector says of itself: what runs where, by whose word, with which thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgerun import notebook
from edgerun.arguments import Wanted
from edgerun.card import ModelCard
from edgerun.card.sidecar import as_fields
from edgerun.contract import Coverage, Match, Placed, SaysInexact, TensorSpec
from edgerun.dialects.readers import label_files
from edgerun.interpretation.interpret import Interpretation
from edgerun.runtime.opening import Opened, Opening

__all__ = ["SCHEMA", "Opening", "Report", "Threshold", "stragglers", "summary"]

SCHEMA = Path(__file__).with_name("report.schema.json")
"""JSON Schema of `Report.to_dict`, which `edgerun inspect --json` prints among other things."""


NAME_WIDTH = 10
"""Characters that the name of a line takes in the text of a report."""


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
        delegate_options: what the runtime was told besides.
        delegate_reason: why it is that one and not one that was asked for earlier; "" where there is nothing to tell.
        strict: whether nothing else may compute.
        threads: asked for.
        inputs, outputs: outputs with the sizes seen in a run where the file leaves them open.
        card: with the source of each field.
        decoder: name of the one chosen; why: its verdict.
        others: what the other decoders said.
        conf, iou: thresholds in force.
        max_det: at most so many rows.
        coverage: which nodes run where, and how that is known; evidence "none" where the runtime cannot tell.
        opening: how long the runtime took to open the model, and whether it compiled.
        warnings: what works but may surprise.
    """

    model: str
    format: str
    backend: str
    version: str
    delegate: str
    delegate_options: Mapping[str, str]
    delegate_reason: str
    strict: bool
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
    coverage: Coverage
    opening: Opening
    warnings: tuple[str, ...] = ()

    @staticmethod
    def of(
        opened: Opened, interpretation: Interpretation, usual: Wanted, *, coverage: Coverage, warning: str = ""
    ) -> Report:
        """The report of a detector.

        Args:
            opened: the model on its runtime.
            interpretation: how it is fed and read.
            usual: what is kept where a call does not say.
            coverage: measured, or what the session tells.
            warning: of other detectors in the process; "" where there is none.
        """
        card, choice = interpretation.card, interpretation.choice
        health, asked, session = opened.backend.health(), opened.asked, opened.session
        inexact = session.inexact if isinstance(session, SaysInexact) else ""
        warnings = (*health.warnings, inexact, warning, _hint_of_labels(card, opened.path))
        return Report(
            model=str(opened.path),
            format=opened.format,
            backend=opened.backend.name,
            version=health.version,
            delegate=session.delegate,
            delegate_options=asked.options,
            delegate_reason=asked.reason,
            strict=asked.strict,
            threads=opened.threads,
            inputs=tuple(session.inputs),
            outputs=tuple(interpretation.outputs),
            card=card,
            decoder=choice.decoder.name,
            why=choice.match.why,
            others=tuple(choice.others),
            conf=Threshold(usual.conf, _source(card, "conf")),
            iou=Threshold(usual.iou, _source(card, "iou")),
            max_det=usual.max_det,
            coverage=coverage,
            opening=opened.opening,
            warnings=tuple(filter(None, warnings)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; `SCHEMA` describes them."""
        return {
            "model": self.model,
            "format": self.format,
            "backend": self.backend,
            "version": self.version,
            "delegate": self.delegate,
            "delegate_options": dict(self.delegate_options),
            "delegate_reason": self.delegate_reason,
            "strict": self.strict,
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
            "coverage": _coverage(self.coverage, self.delegate),
            "opening": {
                "seconds": round(self.opening.seconds, 3),
                "cache": self.opening.cache,
                "compiled": self.opening.compiled,
            },
            "warnings": list(self.warnings),
        }

    @property
    def runs_on(self) -> str:
        """Runtime, version, delegate with its options, threads, in one line."""
        options = ", ".join(f"{name}={value}" for name, value in self.delegate_options.items())
        delegate = f"{self.delegate} ({options})" if options else self.delegate
        return f"{self.backend} {self.version}, delegate {delegate}, {self.threads} thread{'s' * (self.threads != 1)}"

    def __str__(self) -> str:
        lines = [
            f"model     {self.model} ({self.format})",
            f"runs on   {self.runs_on}",
            f"opened in {self.opening}",
            f"coverage  {summary(self.coverage)}",
            f"decoder   {self.decoder}: {self.why}",
            f"conf      {self.conf.value:g} ({self.conf.source})",
            f"iou       {self.iou.value:g} ({self.iou.source})",
            f"max_det   {self.max_det}",
        ]
        if self.delegate_reason:
            lines.insert(2, f"note      {self.delegate_reason}")
        for what, where, took, why in stragglers(self.coverage, self.delegate):
            lines.append(f"elsewhere {what} on {where}{f', {took} ms' if took else ''}{f': {why}' if why else ''}")
        lines += [f"warning   {warning}" for warning in self.warnings]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """For notebooks: the lines of its text as a table, and the card."""
        lines = [(line[:NAME_WIDTH].strip(), line[NAME_WIDTH:]) for line in str(self).splitlines()]
        return notebook.table(("", ""), lines, "report") + self.card._repr_html_()


def _source(card: ModelCard, threshold: str) -> str:
    """Where a threshold in force comes from; a card may name a source and leave the value out."""
    return "default" if getattr(card, threshold) is None else card.source(threshold)


def _hint_of_labels(card: ModelCard, model: Path) -> str:
    """A label file beside a model without labels is shown and not taken; "" where there is none."""
    unclaimed = None if card.labels else label_files.beside(model)
    if unclaimed is None:
        return ""
    return f'nothing says that {unclaimed.name} belongs to this model; if it does, pass labels="{unclaimed}"'


def summary(coverage: Coverage) -> str:
    """Counts and fractions of time in one line: "41 nodes on openvino (97 % of the time), 2 nodes on cpu (3 %) …"."""
    if coverage.evidence == "none":
        return f"unknown: {coverage.source}"
    time = coverage.time
    parts = []
    for name, count in coverage.nodes.items():
        spent = f" ({time[name]:.0%} of the time)" if name in time else ""
        parts.append(f"{count} node{'s' * (count != 1)} on {name}{spent}")
    return f"{', '.join(parts)} ({coverage.evidence}: {coverage.source})"


def stragglers(coverage: Coverage, delegate: str) -> list[tuple[str, str, str, str]]:
    """What runs outside a delegate, equal entries together: (how many and what, where, milliseconds, why)."""
    groups: dict[tuple[str, str, str], list[Placed]] = {}
    for entry in coverage.outside(delegate):
        groups.setdefault((str(entry), entry.delegate, entry.why), []).append(entry)
    rows = []
    for (what, where, why), entries in groups.items():
        count = sum(entry.nodes for entry in entries)
        times = [entry.milliseconds for entry in entries if entry.milliseconds is not None]
        took = f"{sum(times):.3f}" if times else ""
        rows.append((f"{count} x {what}" if count > 1 else what, where, took, why))
    return rows


def _coverage(coverage: Coverage, delegate: str) -> Mapping[str, Any]:
    return {
        "evidence": coverage.evidence,
        "source": coverage.source,
        "nodes": coverage.nodes,
        "time": {name: round(fraction, 4) for name, fraction in coverage.time.items()},
        "operators": {name: list(operators) for name, operators in coverage.operators.items()},
        "outside": [
            {
                "operator": entry.operator,
                "name": entry.name,
                "delegate": entry.delegate,
                "shape": None if entry.shape is None else list(entry.shape),
                "nodes": entry.nodes,
                "milliseconds": entry.milliseconds,
                "why": entry.why,
            }
            for entry in coverage.outside(delegate)
        ],
    }
