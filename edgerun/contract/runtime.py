"""What a plugin promises and what it may rely on: a runtime, a family of outputs, an exporter's habits.

A plugin imports this module, `edgerun.tensors`, `edgerun.errors` and `edgerun.hookimpl`, and nothing else of edgerun.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol, runtime_checkable

from edgerun.card import ModelCard
from edgerun.contract.candidates import Candidates
from edgerun.contract.graph import Graph, Node
from edgerun.errors import DelegateIncomplete
from edgerun.tensors import Arrays, Quantization, TensorSpec

__all__ = [
    "ANY",
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
    "Need",
    "Node",
    "Placed",
    "Profiles",
    "Quantization",
    "ReadsGraphs",
    "SaysWhy",
    "Session",
    "Sure",
    "TellsNeeds",
    "TellsSupport",
    "TensorSpec",
    "Unsettled",
    "WritesMetadata",
]


# ------------------------------------------------------------------------------------------- a runtime


ANY = "*"
"""In `Delegate.takes`: options of any name, which the delegate's own library judges."""


@dataclass(frozen=True, slots=True)
class Delegate:
    """One way in which a runtime can compute, on this machine: what a backend offers and what it is asked for.

    Attributes:
        name: of the common vocabulary (`edgerun.delegates.VOCABULARY`): "cpu", "xnnpack", "coreml", "cuda" …
        available: whether it can be asked for here and now, without further options.
        reason: why it is not available, or what else there is to know.
        options: what the runtime is told besides; a wish's own options are added to those of the offer.
        takes: option -> values that a wish may give it, () for any; {} where there is nothing to choose. The option
            `ANY` stands for every other name. One named "cache" takes a folder for what the runtime compiles: edgerun
            names one of its own cache, apart for each model, version and option, where the user names none.
        needs: options without which it cannot be asked for. An offer that needs some is not available by itself.
        strict: asked for alone: the runtime must not add another delegate, CPU included.
    """

    name: str
    available: bool = True
    reason: str = ""
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    takes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    needs: tuple[str, ...] = ()
    strict: bool = False


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
        """Which nodes run where, without computing anything; None where this runtime cannot tell."""

    def close(self) -> None:
        """Give everything back; a second call does nothing."""


@runtime_checkable
class Profiles(Protocol):
    """What a session may offer besides: where the time goes."""

    def profile(self, feeds: Arrays) -> Coverage:
        """Which nodes ran where and how long, measured in runs on these feeds; may open the model once more."""


@runtime_checkable
class SaysWhy(Protocol):
    """What a session may offer besides: why the delegate in force is that one."""

    @property
    def delegate_reason(self) -> str:
        """Half a sentence: "the file was lowered for it when it was exported"; "" where there is nothing to say."""


@runtime_checkable
class Backend(Protocol):
    """One runtime. Building one must not import the runtime."""

    @property
    def name(self) -> str:
        """What `backend=` takes and the doctor shows."""

    @property
    def formats(self) -> Sequence[str]:
        """Of `edgerun.formats.sniff`: "onnx", "tflite" …; a made-up one is recognised by its suffix."""

    @property
    def specimen(self) -> Path:
        """A tiny model of this kind: one float32 input [1, 4], one output, y = x + x."""

    def health(self) -> Health:
        """Never raises."""

    def delegates(self) -> Sequence[Delegate]:
        """Best first; those that are not available too, each with its reason. Called on a healthy backend only."""

    def open(self, path: Path, delegate: Delegate, threads: int | None) -> Session:
        """Raises whatever the runtime raises; edgerun translates it at the door.

        `path` exists and was recognised by its bytes as one of `formats`. `threads` counts those that compute one
        model, the calling one among them; None leaves it to the runtime.

        Raises:
            DelegateUnavailable: the delegate cannot be in force, now that it is tried; the next wish is taken.
        """


@runtime_checkable
class ReadsGraphs(Protocol):
    """What a backend may offer besides: the graph of a file, read without its runtime."""

    def graph(self, path: Path) -> Graph:
        """The operators of a model that `open` could be given.

        Raises:
            ModelUnreadable: the file is damaged. Never more than that: files are untrusted.
        """


@dataclass(frozen=True, slots=True)
class Need:
    """What a model asks of the device that it is meant for.

    Attributes:
        what: "iOS 16, macOS 13", "ONNX Runtime 1.18", "the Neural Engine".
        why: what in the file asks for it, or what speaks against it.
        must: False for what the model can do without and will probably not get.
    """

    what: str
    why: str
    must: bool = True


@runtime_checkable
class TellsNeeds(Protocol):
    """What a backend may offer besides: which system or version of its runtime a file asks for, and why."""

    def needs(self, path: Path) -> Sequence[Need]:
        """Read without the runtime; () where the file does not say.

        Raises:
            ModelUnreadable: the file is damaged.
        """


@runtime_checkable
class TellsSupport(Protocol):
    """What a backend may offer besides: which operators its delegates take, by their documentation."""

    def support_tables(self) -> Sequence[Path]:
        """TOML files of the form of docs/ops.md, one per delegate and format."""


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


def _no_graph() -> Graph | None:
    return None


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
        graph: the operators of the file, read when asked for; None where its backend cannot read them.
        fed: the same as probe, with these card fields in place of what is known; None where nothing can be run.
    """

    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    image: TensorSpec
    card: ModelCard
    metadata: Mapping[str, str | bytes]
    probe: Callable[[Literal["blank", "textured"]], Arrays]
    graph: Callable[[], Graph | None] = _no_graph
    fed: Callable[[Literal["blank", "textured"], Mapping[str, Any]], Arrays] | None = None

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
            A field that is written down ambiguously is `Unsettled`. May look at files beside the model that name it;
            must not trust any of it: what is damaged raises a ValueError or its like, and nothing else.
        overrules: True where no other dialect can contradict it, such as the file's own declaration. Two others that
            contradict one another in how the picture is fed or the outputs are read are refused.
    """

    name: str
    read: Callable[[Mapping[str, str | bytes], Path], Mapping[str, Any]]
    overrules: bool = False


@dataclass(frozen=True, slots=True)
class Unsettled:
    """In a dialect's fields: a value that is written down, but can be read in several ways.

    Attributes:
        why: what is written, in half a sentence.
        readings: the argument that settles it -> who means it so. The model is refused until somebody says the field.
    """

    why: str
    readings: Mapping[str, str]
