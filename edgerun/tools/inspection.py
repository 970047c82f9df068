"""What can be said of one model: how it is read and why, and where it is refused, what each decoder held against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edgerun import models
from edgerun.card import ModelCard, sidecar
from edgerun.contract import Backend, Coverage, Match, Need, Placed, ReadsGraphs, TellsNeeds, TensorSpec
from edgerun.detector import Detector
from edgerun.errors import DecoderAmbiguous, DecoderUnknown, EdgerunError, InputError
from edgerun.formats.identify import identify
from edgerun.media.synthetic import picture
from edgerun.report import Report
from edgerun.runtime import installed
from edgerun.runtime.registry import Registry
from edgerun.tools.ops import check

__all__ = ["Inspection", "inspect", "write_card", "write_sidecar"]

LONGEST = 200
"""Characters of a metadata value that are shown."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """A model, looked at.

    Attributes:
        model: path of the file.
        format: by its bytes.
        size: bytes on disk.
        inputs, outputs: outputs with the sizes seen in a run where the file leaves them open.
        card: with the source of each field; for a refused model as far as it got.
        verdicts: (name, verdict) of the decoders that were asked and not chosen.
        metadata: the file's own, long values cut.
        report: what was decided; None where the model is refused.
        refusal: why it is; None where it is not.
        sidecar: path of the sidecar that was read; "" where there is none.
        needs: which system or runtime the file asks for, and why.
    """

    model: str
    format: str
    size: int
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    card: ModelCard
    verdicts: Sequence[tuple[str, Match]]
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    report: Report | None = None
    refusal: EdgerunError | None = None
    sidecar: str = ""
    needs: Sequence[Need] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        shared: dict[str, Any] = {
            "model": self.model,
            "format": self.format,
            "size": self.size,
            "inputs": [str(spec) for spec in self.inputs],
            "outputs": [str(spec) for spec in self.outputs],
            "card": sidecar.as_fields(self.card),
            "others": {name: {"sure": match.sure.name.lower(), "why": match.why} for name, match in self.verdicts},
            "metadata": dict(self.metadata),
            "sidecar": self.sidecar,
            "needs": [{"what": need.what, "why": need.why, "must": need.must} for need in self.needs],
        }
        if self.report is not None:
            shared |= self.report.to_dict()
        if self.refusal is not None:
            shared["error"] = self.refusal.to_dict()
        return shared


def inspect(
    model: str | Path, *, registry: Registry | None = None, profile: bool = False, **options: Any
) -> Inspection:
    """Load a model and tell everything that was decided, or why it is refused.

    Args:
        model: as `Detector.load` takes it.
        registry: who is in the house; None for everybody who is installed.
        profile: whether the model is run on a made-up picture to see which node runs where, and how long.
        options: of `Detector.load`.

    Raises:
        EdgerunError: the model cannot be opened at all, so there is nothing to show.
    """
    registry = installed.registry() if registry is None else registry
    try:
        detector = Detector.load(model, registry=registry, **options)
    except (DecoderUnknown, DecoderAmbiguous) as refusal:
        seen = refusal.evidence
        if seen is None:
            raise
        with identify(model, registry.backends) as found:
            path, format = found.path, found.format
            needs = _needs(found.file, registry.backends_for(format))
        return Inspection(
            model=str(path),
            format=format,
            size=_size(path),
            inputs=tuple(seen.inputs),
            outputs=tuple(seen.outputs),
            card=seen.card,
            verdicts=tuple(refusal.verdicts),
            metadata=_readable(seen.metadata),
            refusal=refusal,
            sidecar=_sidecar(path),
            needs=needs,
        )
    with detector:
        if profile:
            detector.profile(picture("textured", detector.card.height, detector.card.width))
        report = detector.report()
        report = replace(report, coverage=_explained(report, detector.opened.file, registry))
        return Inspection(
            model=report.model,
            format=report.format,
            size=_size(detector.path),
            inputs=report.inputs,
            outputs=report.outputs,
            card=report.card,
            verdicts=report.others,
            metadata=_readable(detector.session.metadata),
            report=report,
            sidecar=_sidecar(detector.path),
            needs=_needs(detector.opened.file, [registry.backend(report.backend)]),
        )


def write_sidecar(inspection: Inspection, *, force: bool = False) -> Path:
    """Write what was decided beside the model, for every app that ships it; gives the path.

    Raises:
        InputError: there is one already and `force` is not given, or it cannot be written.
        EdgerunError: the model is refused, so there is nothing to write.
    """
    if inspection.refusal is not None:
        raise inspection.refusal
    return write_card(Path(inspection.model), inspection.card, force=force)


def write_card(model: Path, card: ModelCard, *, force: bool = False) -> Path:
    """Write a card beside its model; gives the path.

    Raises:
        InputError: there is one already and `force` is not given, or it cannot be written, or the model is ours.
    """
    path = sidecar.path_for(model)
    if model in models.NAMES.values():  # in the installed package, where it would count in every program
        raise InputError(f"{model.name} comes with edgerun and carries its card.", hint="copy the model, name the copy")
    if path.exists() and not force:
        raise InputError(f"{path} exists already.", hint="overwrite it with --force")
    try:
        return sidecar.write(model, card)
    except OSError as cause:
        raise InputError(
            f"{path} cannot be written: {cause.strerror}.", hint="check the folder's permissions"
        ) from cause


def _needs(path: Path, backends: Sequence[Backend]) -> tuple[Need, ...]:
    return next((tuple(backend.needs(path)) for backend in backends if isinstance(backend, TellsNeeds)), ())


def _explained(report: Report, file: Path, registry: Registry) -> Coverage:
    """The coverage, with what the delegate's documentation says of nodes that are elsewhere, where nobody says why."""
    told, backend = report.coverage, registry.backend(report.backend)
    unexplained = [entry for entry in told.outside(report.delegate) if not entry.why]
    if not unexplained or not isinstance(backend, ReadsGraphs):
        return told
    try:
        table = check.pick(check.tables(report.format, registry=registry), report.delegate, report.format)
        verdicts = check.check(file, backend.graph(file), table).verdicts
    except EdgerunError:  # nobody's documentation is at hand, so nothing can be added
        return told
    places = {str(verdict.index): verdict for verdict in verdicts}
    places |= {verdict.node.name: verdict for verdict in verdicts if verdict.node.name}
    whys = {entry: _documented(entry, places.get(entry.name)) for entry in unexplained}
    return replace(told, placed=tuple(replace(entry, why=whys.get(entry, entry.why)) for entry in told.placed))


def _documented(entry: Placed, verdict: check.Verdict | None) -> str:
    if verdict is None or verdict.node.op != entry.operator:  # ONNX Runtime renames what it fuses
        return ""
    if verdict.reasons:
        return f"by its documentation, {'; '.join(verdict.reasons)}"
    if verdict.unchecked:
        return f"by its documentation it is taken if {'; '.join(verdict.unchecked)}"
    return "its documentation lists it all the same"


def _sidecar(path: Path) -> str:
    place = sidecar.path_for(path)
    return str(place) if place.is_file() else ""


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file())
    return path.stat().st_size


def _readable(metadata: Mapping[str, str | bytes]) -> dict[str, str]:
    return {
        key: f"({len(value)} bytes)" if isinstance(value, bytes) else _cut(value) for key, value in metadata.items()
    }


def _cut(text: str) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in text)  # one line, whatever is in it
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
