"""What can be said of one model: how it is read and why, and where it is refused, what each decoder held against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edgerun import models
from edgerun.card import ModelCard, sidecar
from edgerun.contract import Backend, Coverage, Evidence, Match, Need, Placed, ReadsGraphs, TellsNeeds, TensorSpec
from edgerun.detector import Detector
from edgerun.errors import DecoderAmbiguous, DecoderUnknown, EdgerunError, InputError
from edgerun.formats.identify import identify
from edgerun.media.synthetic import picture
from edgerun.report import Report
from edgerun.runtime.registry import Registry
from edgerun.tools.ops import tables
from edgerun.tools.ops.check import check
from edgerun.tools.ops.result import OperatorVerdict
from edgerun.tools.plugins_in_use import in_use

__all__ = ["Inspection", "inspect", "size_in_bytes", "write_card", "write_sidecar"]

MAX_METADATA_CHARACTERS = 200
"""Of a value that is shown."""


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
        plain: dict[str, Any] = {
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
            plain |= self.report.to_dict()
        if self.refusal is not None:
            plain["error"] = self.refusal.to_dict()
        return plain


def inspect(
    model: str | Path, *, registry: Registry | None = None, profile: bool = False, **options: Any
) -> Inspection:
    """Load a model and tell everything that was decided, or why it is refused.

    Args:
        model: as `Detector.load` takes it.
        registry: plugins to use; None for all that are installed.
        profile: whether the model is run on a synthetic image to see which node runs where, and how long.
        options: of `Detector.load`.

    Raises:
        EdgerunError: the model cannot be opened at all, so there is nothing to show.
    """
    registry = in_use(registry)
    try:
        detector = Detector.load(model, registry=registry, **options)
    except (DecoderUnknown, DecoderAmbiguous) as refusal:
        if refusal.evidence is None:
            raise
        return _refused(model, refusal, refusal.evidence, registry)
    with detector:
        if profile:
            detector.profile(picture("textured", detector.card.height, detector.card.width))
        return _loaded(detector, registry)


def _loaded(detector: Detector, registry: Registry) -> Inspection:
    report = detector.report()
    file = detector.opened.file
    return Inspection(
        model=report.model,
        format=report.format,
        size=size_in_bytes(detector.path),
        inputs=report.inputs,
        outputs=report.outputs,
        card=report.card,
        verdicts=report.others,
        metadata=_readable(detector.session.metadata),
        report=replace(report, coverage=_explained(report, file, registry)),
        sidecar=_sidecar(detector.path),
        needs=_needs(file, [registry.backend(report.backend)]),
    )


def _refused(
    model: str | Path, refusal: DecoderUnknown | DecoderAmbiguous, evidence: Evidence, registry: Registry
) -> Inspection:
    with identify(model, registry.backends) as found:
        path, format = found.path, found.format
        needs = _needs(found.file, registry.backends_for(format))
    return Inspection(
        model=str(path),
        format=format,
        size=size_in_bytes(path),
        inputs=tuple(evidence.inputs),
        outputs=tuple(evidence.outputs),
        card=evidence.card,
        verdicts=tuple(refusal.verdicts),
        metadata=_readable(evidence.metadata),
        refusal=refusal,
        sidecar=_sidecar(path),
        needs=needs,
    )


# ------------------------------------------------------------------------------------------- writing a card


def write_sidecar(inspection: Inspection, *, force: bool = False) -> Path:
    """Write what was decided beside the model, for every app that ships it.

    Returns:
        The sidecar's path.

    Raises:
        InputError: there is one already and `force` is not given, or it cannot be written.
        EdgerunError: the model is refused, so there is nothing to write.
    """
    if inspection.refusal is not None:
        raise inspection.refusal
    return write_card(Path(inspection.model), inspection.card, force=force)


def write_card(model: Path, card: ModelCard, *, force: bool = False) -> Path:
    """Write a card beside its model.

    Returns:
        The sidecar's path.

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


# ------------------------------------------------------------------------------------------- parts


def _needs(path: Path, backends: Sequence[Backend]) -> tuple[Need, ...]:
    """What the first backend that can tell says."""
    for backend in backends:
        if isinstance(backend, TellsNeeds):
            return tuple(backend.needs(path))
    return ()


def _explained(report: Report, file: Path, registry: Registry) -> Coverage:
    """The coverage, with what the delegate's documentation says of nodes that run elsewhere without a reason."""
    coverage = report.coverage
    unexplained = [entry for entry in coverage.outside(report.delegate) if not entry.why]
    if not unexplained:
        return coverage
    documented = _documentation(report, file, registry)
    whys = {entry: _documented(entry, documented.get(entry.name)) for entry in unexplained}
    return replace(coverage, placed=tuple(replace(entry, why=whys.get(entry, entry.why)) for entry in coverage.placed))


def _documentation(report: Report, file: Path, registry: Registry) -> dict[str, OperatorVerdict]:
    """Name of a node, or its place in the file -> what the delegate's documentation says of it; {} without any."""
    backend = registry.backend(report.backend)
    if not isinstance(backend, ReadsGraphs):
        return {}
    try:
        table = tables.pick(tables.tables(report.format, registry=registry), report.delegate, report.format)
        verdicts = check(file, backend.graph(file), table).verdicts
    except EdgerunError:  # no documentation is at hand, so nothing can be added
        return {}
    by_place = {str(verdict.index): verdict for verdict in verdicts}
    by_name = {verdict.node.name: verdict for verdict in verdicts if verdict.node.name}
    return by_place | by_name


def _documented(entry: Placed, verdict: OperatorVerdict | None) -> str:
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


def size_in_bytes(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file())


def _readable(metadata: Mapping[str, str | bytes]) -> dict[str, str]:
    return {key: _shown(value) for key, value in metadata.items()}


def _shown(value: str | bytes) -> str:
    """A value in one line, cut where it is long."""
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    text = "".join(letter if letter.isprintable() else " " for letter in value)
    return text if len(text) <= MAX_METADATA_CHARACTERS else text[: MAX_METADATA_CHARACTERS - 1] + "…"
