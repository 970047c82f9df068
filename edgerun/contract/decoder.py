"""What a decoder promises: how sure it is that outputs are of its family, and how it reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Literal

from edgerun.card import ModelCard
from edgerun.contract.candidates import Candidates
from edgerun.contract.convention import Alternatives, Convention, as_alternatives
from edgerun.contract.graph import Graph
from edgerun.tensors import Arrays, TensorSpec

__all__ = ["Decoder", "Evidence", "Frame", "Match", "Sure"]


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
        unsettled: field -> its alternatives, where the family has several habits and the file does not tell which.
            The model is refused until somebody says that field. Today's `Alternative`s, or {argument: who does so}.
        decode: how to read these very outputs, with all that was found out bound to it; None for `Decoder.decode`.
        shown: whether the file itself shows how these outputs are made, so that nothing depends on a trial run. None of
            edgerun's own families is asked then that comes later; those of plugins are.
    """

    sure: Sure
    why: str
    conventions: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    basis: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unsettled: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    decode: Callable[[Arrays, Frame], Candidates] | None = None
    shown: bool = False

    @staticmethod
    def bringing(
        sure: Sure,
        why: str,
        *brought: Convention,
        unsettled: Mapping[str, Alternatives] = MappingProxyType({}),
        decode: Callable[[Arrays, Frame], Candidates] | None = None,
        shown: bool = False,
    ) -> Match:
        """A verdict with conventions and inferences; where two give a field, the later one counts."""
        fields: dict[str, Any] = {}
        basis: dict[str, str] = {}
        for each in brought:
            fields |= each.fields
            basis |= each.basis
        return Match(sure, why, fields, basis, unsettled, decode, shown)

    @property
    def alternatives(self) -> dict[str, Alternatives]:
        """Field -> its alternatives, as values."""
        return {name: as_alternatives(stated) for name, stated in self.unsettled.items()}


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
        decode: (outputs of one image, frame) -> candidates in model pixels. Outputs are float32, dequantised,
            with a batch axis of 1. Where `card.box_units` is "unit" boxes leave in 0..1 of the input, and the
            core scales them. None where each `Match` brings its own.
        suppress: whether the family leaves suppression to us.
        batched: False where the outputs of several pictures come in one list with the picture's number in a column.
    """

    name: str
    matches: Callable[[Evidence], Match]
    decode: Callable[[Arrays, Frame], Candidates] | None = None
    suppress: bool = True
    batched: bool = True
