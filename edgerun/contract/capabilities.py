"""What a backend or a session may offer besides; each is a protocol of its own, and all are optional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from edgerun.contract.coverage import Coverage
from edgerun.contract.graph import Graph
from edgerun.tensors import Arrays

__all__ = [
    "ConvertsToOnnx",
    "FreesSizes",
    "HandsOverGraph",
    "KnowsMachine",
    "Need",
    "Profiles",
    "ReadsGraphs",
    "SaysInexact",
    "SaysWhy",
    "TellsNeeds",
    "TellsSupport",
    "WritesMetadata",
]


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
class SaysInexact(Protocol):
    """What a session may offer besides: that it knowingly computes something else than the file says."""

    @property
    def inexact(self) -> str:
        """What it does, and what to ask for instead, in one sentence; "" where it computes what the file says."""


@runtime_checkable
class ReadsGraphs(Protocol):
    """What a backend may offer besides: the graph of a file, read without its runtime."""

    def graph(self, path: Path) -> Graph:
        """The operators of a model that `open` could be given.

        Raises:
            ModelUnreadable: the file is damaged. Never more than that: files are untrusted.
        """


@runtime_checkable
class HandsOverGraph(Protocol):
    """What a session may offer besides: the graph of its file, so that a file is not parsed once more for it."""

    def hand_over_graph(self) -> Graph | None:
        """What `ReadsGraphs.graph` gives, and let go of it; None where it has been handed over before.

        Raises:
            ModelUnreadable: the file is damaged.
        """


@runtime_checkable
class KnowsMachine(Protocol):
    """What a backend may offer besides: what its runtime does on this machine and not on others."""

    def machine_notes(self) -> Sequence[str]:
        """Each in a sentence, which the doctor shows as a warning; asked of a healthy backend only."""


@runtime_checkable
class FreesSizes(Protocol):
    """What a session may offer besides: the sizes of an input that its file fixes are left open."""

    def free_sizes(self, name: str) -> bool:
        """Leave all axes of an input open but for those of 1 or 3 channels, and the outputs' with them.

        `inputs` and `outputs` say so from then on, and `run` takes any size. Whether the graph depends on the size,
        the caller knows. The session stays as it is where this is False: the runtime, or this file, does not allow it.
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


@runtime_checkable
class ConvertsToOnnx(Protocol):
    """What a backend may offer besides: its models as ONNX files, for `edgerun convert`.

    Attributes:
        conversion_delegate: the delegate that computes what the ONNX file will compute; the card is read with it.
    """

    conversion_delegate: str

    def convert(
        self, path: Path, target: Path, preprocess: Literal["card", "graph"], card: Mapping[str, Any] | None
    ) -> Path:
        """Write a model as an ONNX file that computes the same, and return the path written.

        Args:
            path: one that `open` could be given.
            target: the file to write, *.onnx; an earlier file of that name is replaced.
            preprocess: "card" leaves the input as the network has it and the card describes it; "graph" makes it
                uint8 [1, H, W, 3], red-green-blue, and puts what the card describes, resizing excepted, in the graph.
            card: fields of the card as a sidecar has them, to be written as JSON under the metadata key "edgerun";
                None for a model that is not a detector: then only what the file itself settles.

        Raises:
            ModelUnreadable: the file is damaged, or uses what cannot be expressed in ONNX.
            OSError: the target cannot be written.
        """
