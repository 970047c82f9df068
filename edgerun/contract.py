"""What a plugin promises and what it may rely on: a runtime, a family of outputs, an exporter's habits.

A plugin imports this module, `edgerun.tensors`, `edgerun.errors` and `edgerun.hookimpl`, and nothing else of edgerun.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol, runtime_checkable

from edgerun.candidates import Candidates
from edgerun.card import ModelCard
from edgerun.graph import Graph, Node
from edgerun.tensors import Arrays, Quantization, TensorSpec

__all__ = [
    "Arrays",
    "Backend",
    "Candidates",
    "Coverage",
    "Decoder",
    "Delegate",
    "Dialect",
    "Evidence",
    "Frame",
    "Graph",
    "Health",
    "Match",
    "ModelCard",
    "Node",
    "Quantization",
    "ReadsGraphs",
    "Session",
    "Sure",
    "TensorSpec",
    "WritesMetadata",
]


# ------------------------------------------------------------------------------------------- a runtime


@dataclass(frozen=True, slots=True)
class Delegate:
    """One way in which a runtime can compute, on this machine.

    Attributes:
        name: of the common vocabulary: "cpu", "xnnpack", "coreml", "cuda", "edgetpu" …
        available: whether it can be asked for here and now.
        reason: why it is not available, or what else there is to know.
        options: what the runtime is told besides.
    """

    name: str
    available: bool = True
    reason: str = ""
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a runtime can compute on this machine: what the doctor prints, `load` raises and a test skips by.

    Attributes:
        ok: True where a model can be opened.
        version: of the runtime; "" where it is not there.
        reason: why not, in one sentence.
        hint: the next step.
        warnings: what works but will surprise, such as two flavours of one runtime in one folder.
    """

    ok: bool
    version: str = ""
    reason: str = ""
    hint: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which nodes of a model ran where, and how that is known.

    Attributes:
        evidence: "measured" (a profile), "assigned" (the runtime's own assignment), "declared" (only its word)
            or "static" (read off the file).
        nodes: delegate -> number of nodes.
        operators: delegate -> the operators that it runs.
    """

    evidence: Literal["measured", "assigned", "declared", "static"]
    nodes: Mapping[str, int]
    operators: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))


@runtime_checkable
class Session(Protocol):
    """One opened model. It moves bytes and knows nothing of boxes."""

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """In the model's order."""

    @property
    def outputs(self) -> Sequence[TensorSpec]:
        """In the model's order; () where the runtime cannot say before it runs."""

    @property
    def delegate(self) -> str:
        """The one IN FORCE, which need not be the one asked for."""

    @property
    def metadata(self) -> Mapping[str, str | bytes]:
        """What the file says about itself."""

    def run(self, feeds: Arrays) -> Arrays:
        """Compute. Feeds are C-contiguous and of the stored dtype; results too, owned by the caller."""

    def coverage(self) -> Coverage | None:
        """Which nodes run where; None where this runtime cannot tell."""

    def close(self) -> None:
        """Give everything back; a second call does nothing."""


@runtime_checkable
class Backend(Protocol):
    """One runtime. Building one must not import the runtime."""

    @property
    def name(self) -> str:
        """What `backend=` takes and the doctor shows."""

    @property
    def formats(self) -> Sequence[str]:
        """Of `edgerun.sniff`: "onnx", "tflite" …; a made-up one is recognised by its suffix."""

    @property
    def specimen(self) -> Path:
        """A tiny model of this kind: one float32 input [1, 4], one output, y = x + x."""

    def health(self) -> Health:
        """Never raises."""

    def delegates(self) -> Sequence[Delegate]:
        """Best first; those that are not available too, each with its reason. Called on a healthy backend only."""

    def open(self, path: Path, delegate: Delegate, threads: int | None) -> Session:
        """Raises whatever the runtime raises; edgerun translates it at the door.

        `path` exists and was recognised by its bytes as one of `formats`.
        """


@runtime_checkable
class ReadsGraphs(Protocol):
    """What a backend may offer besides: the graph of a file, read without its runtime."""

    def graph(self, path: Path) -> Graph:
        """The operators of a model that `open` could be given.

        Raises:
            ModelUnreadable: the file is damaged. Never more than that: files are untrusted.
        """


@runtime_checkable
class WritesMetadata(Protocol):
    """What a backend may offer besides: a copy of a file that says more about itself."""

    def embed(self, path: Path, metadata: Mapping[str, str], target: Path) -> None:
        """Write a copy of a model, in which a session finds these entries under these very keys.

        Earlier entries of the same keys are replaced; all else stays as it is, above all what the model computes.

        Args:
            path: one that `open` could be given.
            metadata: key -> text. "edgerun" is a whole card; "names" the class names as {0: 'person', …}, which other
                tools read in ONNX files: a container that has no such habit may leave it out.
            target: is not there yet; a folder where the model is one. Never the model itself.

        Raises:
            ModelError: the file is damaged, or has no place for it; the hint then speaks of a sidecar.
        """


# -------------------------------------------------------------------------------------- a family of outputs


class Sure(IntEnum):
    """How sure a decoder is that outputs are of its family."""

    NO = 0
    POSSIBLE = 1
    """The shapes allow it."""
    LIKELY = 2
    """Shapes and ranges speak for it; another family could do the same."""
    CERTAIN = 3
    """Only this family does that."""


@dataclass(frozen=True, slots=True)
class Match:
    """A decoder's verdict on outputs.

    Attributes:
        sure: how sure.
        why: what was seen, in half a sentence; for NO what speaks against it.
        conventions: card fields that this family, as seen here, brings with it where no one says otherwise, such as
            YOLOX's blue-green-red 0..255; inferences about this very file too.
        basis: field -> why that convention holds; shown as the field's source.
        unsettled: field -> {argument: who does so}, where the family has several habits and the file does not tell
            which. The model is refused until somebody says that field: {"mean": {"mean=0": "RT-DETR", …}}.
    """

    sure: Sure
    why: str
    conventions: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    basis: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unsettled: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Evidence:
    """What is known of a model before a decoder is chosen.

    Attributes:
        inputs, outputs: outputs have the sizes seen in a run where the file leaves them open.
        image: the input that takes the picture.
        card: what arguments, sidecar and metadata say; the rest are defaults (`card.source(field) == "default"`).
        metadata: the file's own, untouched.
        probe: gives the outputs (float32, dequantised) of one run on a picture, computed once each:
            "blank" is uniform grey, "textured" has edges at all scales.
    """

    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    image: TensorSpec
    card: ModelCard
    metadata: Mapping[str, str | bytes]
    probe: Callable[[Literal["blank", "textured"]], Arrays]

    def known(self, name: str) -> bool:
        """Whether anybody said this card field."""
        return name in self.card.sources


@dataclass(frozen=True, slots=True)
class Frame:
    """What a decoder is told about one picture.

    Attributes:
        height, width: pixels of the model's input for this run.
        conf: rows that score less are not wanted; a decoder drops them as early as it can.
        card: the model's card.
        index: the place of the picture in the batch, for outputs that carry it in a column.
    """

    height: int
    width: int
    conf: float
    card: ModelCard
    index: int = 0


@dataclass(frozen=True)
class Decoder:
    """One way of reading outputs: data, not inheritance.

    Attributes:
        name: what `decoder=` takes and `inspect` shows.
        matches: by names, shapes and ranges.
        decode: (outputs of one picture, frame) -> candidates in model pixels. Outputs are float32, dequantised,
            with a batch axis of 1. Where `card.box_units` is "unit" boxes leave in 0..1 of the input, and the
            core scales them.
        suppress: whether the family leaves suppression to us.
        batched: False where the outputs of several pictures come in one list with the picture's number in a column.
    """

    name: str
    matches: Callable[[Evidence], Match]
    decode: Callable[[Arrays, Frame], Candidates]
    suppress: bool = True
    batched: bool = True


# -------------------------------------------------------------------------------------- an exporter's habits


@dataclass(frozen=True)
class Dialect:
    """How one exporter writes down what its model wants.

    Attributes:
        name: shown as the source of a field: "ultralytics metadata".
        read: (metadata of the file, path of the model) -> card fields; {} where nothing is in this dialect.
            May look at files beside the model; must not trust any of it.
    """

    name: str
    read: Callable[[Mapping[str, str | bytes], Path], Mapping[str, Any]]
